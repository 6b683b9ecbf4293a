"""Optional packages: imported where they are needed, or refused with the line that installs them."""

from __future__ import annotations

import importlib
import re
from importlib import metadata
from types import ModuleType

from seisdream.errors import SeisdreamError


def require_extra(module: str, extra: str, needed_for: str) -> ModuleType:
    """Import a module of an optional extra.

    Parameters
    ----------
    module : str
        Name to import, such as ``zarr`` or ``captum.attr``.
    extra : str
        The extra in ``pyproject.toml`` that brings it, such as ``formats``.
    needed_for : str
        What needs it, as the subject of a sentence: "Reading Zarr".

    Raises
    ------
    SeisdreamError
        If the module is not installed (code "missing-extra"). The message gives the pip line.

    Examples
    --------
    >>> require_extra("json", "formats", "Reading JSON").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError, OSError) as error:
        package = module.partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError)
        reason = "is not installed" if is_absent else f"cannot be imported ({str(error).splitlines()[0]})"
        packages = " ".join(f"'{one}'" for one in requirements_of(extra)) or package
        raise SeisdreamError(
            f"{needed_for} needs the package {package}, which {reason}. Install it with: pip install {packages} "
            f"(in a clone of seisdream: pip install --editable '.[{extra}]').",
            code="missing-extra",
        ) from error


def requirements_of(extra: str) -> list[str]:
    """Return the requirements of an extra of the installed seisdream, such as ``zarr>=3.0``; empty if not known."""
    try:
        stated = metadata.requires("seisdream") or []
    except metadata.PackageNotFoundError:
        return []
    pattern = re.compile(rf"(.+?)\s*;\s*extra\s*==\s*['\"]{re.escape(extra)}['\"]")
    return sorted(found[1] for one in stated if (found := pattern.fullmatch(one)))
