"""Open files whose names are not UTF-8 with libraries that take no such names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def with_utf8_name(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a name of a file that is UTF-8: its own, or that of a temporary link.

    Parameters
    ----------
    path : path
        The file. Bytes of its name that are not UTF-8 are halves of surrogate pairs in Python.
    """
    path = Path(path)
    if not any("\ud800" <= letter <= "\udfff" for letter in str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / f"link{path.suffix}"
        link.symlink_to(path.absolute())
        yield link
