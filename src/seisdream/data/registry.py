"""One front door to labelled data, by what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seisdream.data.benchmarks import BENCHMARKS, open_benchmark
from seisdream.data.folders import LAYOUTS, is_labelled_folder, open_folder
from seisdream.data.photos import Photos, open_photos
from seisdream.data.segy_labels import open_volume
from seisdream.data.segy_lines import LabelledLines
from seisdream.errors import SeisdreamError
from seisdream.io.fetch import Progress
from seisdream.io.segy import SEGY_ENDINGS

_PREFIX = "benchmark:"


def name_of(source: str) -> str:
    """Return what labelled data are called: the benchmark, the folder, or the file without its ending."""
    if source.startswith(_PREFIX):
        return source.removeprefix(_PREFIX).partition("/")[0]
    path = Path(source).resolve()
    return path.name if path.is_dir() else path.stem


def open_labelled(source: str, *, progress: Progress = True, **options: Any) -> LabelledLines | Photos:
    """Open labelled data.

    Parameters
    ----------
    source : str
        A folder of sections with masks, or of photographs in one folder a class; a SEG-Y file with labels beside it; an
        ``.npz`` of sections and labels; or ``benchmark:NAME``, ``benchmark:NAME/PART``.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`, where a benchmark is fetched.
    **options
        For SEG-Y, a file or those in a folder: as for `volumes.open_volume`.

    Returns
    -------
    LabelledLines or Photos
        Lines are labelled sample by sample, photographs as a whole.

    Raises
    ------
    SeisdreamError
        If there is nothing labelled there; it says what could be.
    """
    path = Path(source)
    is_segy = path.suffix.lower() in SEGY_ENDINGS and not path.is_dir()
    if options and not is_segy and not path.is_dir():
        raise SeisdreamError(f"{', '.join(options)} apply to SEG-Y files; {source} is none, leave them out.")
    if source.startswith(_PREFIX):
        name, _, part = source.removeprefix(_PREFIX).partition("/")
        return open_benchmark(name, part or None, progress=progress)
    if not path.exists():
        names = ", ".join(_PREFIX + name for name in BENCHMARKS)
        raise SeisdreamError(f"There is no {source}; name a folder, a SEG-Y or .npz file, or one of {names}.")
    if is_segy:
        return open_volume(path, **options)
    if path.is_file():
        if path.suffix.lower() == ".npz":
            return open_folder(path)
        raise SeisdreamError(f"{source} is no labelled file: SEG-Y with labels beside it, or .npz with labels inside.")
    if is_labelled_folder(path):
        return open_folder(path, **options)
    if options:
        raise SeisdreamError(f"{', '.join(options)} apply to SEG-Y, and {source} holds none; leave them out.")
    if any(folder.is_dir() and not folder.name.startswith(".") for folder in path.iterdir()):
        return open_photos(path)
    raise SeisdreamError(
        f"{source} holds nothing labelled. It may hold {'; '.join(LAYOUTS)}; or photographs in one folder a class."
    )
