"""Networks in files of TorchScript.

TorchScript is code, although none of Python's: its operations can read and write files. So a file of it is a network
that is loaded only where the user names it, never where another file does.
"""

from __future__ import annotations

import hashlib
import os
import pickletools
import re
import warnings
import zipfile
from pathlib import Path

import torch

from seisdream.errors import SeisdreamError
from seisdream.io.file_names import with_utf8_name

ENDINGS = (".pt", ".pth", ".ts", ".torchscript", ".jit")
"""Endings of files that may be TorchScript."""
_LARGEST_PICKLE = 2**26


def is_torchscript(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is an archive that `torch.jit.save` wrote; nothing in it is run."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/", 1)[-1] == "constants.pkl" for name in archive.namelist())
    except Exception:  # a damaged archive can raise almost anything
        return False


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # such as one part of several
        return False


def load_torchscript(path: str | os.PathLike[str]) -> torch.jit.ScriptModule:
    """Load a network of TorchScript on the CPU; its code may run.

    Parameters
    ----------
    path : path
        Written by `torch.jit.save`.

    Raises
    ------
    SeisdreamError
        If there is no such file (``not-found``), it holds something else (``wrong-type``), or it is damaged
        (``corrupt``).
    """
    path = Path(path)
    if not path.is_file():
        raise SeisdreamError(f"There is no file {path}; check `network`.", code="not-found", option="network")
    if not is_torchscript(path):
        is_archive = _is_archive(path)
        raise SeisdreamError(
            f"{path} is no TorchScript, so it is no network by itself. "
            + (
                "If it holds weights, name the code of the network and give them to it: "
                f"`network=PACKAGE.MODULE:FACTORY`, `weights={path}`."
                if is_archive
                else "It is damaged, or was not written by torch.jit.save."
            ),
            code="wrong-type" if is_archive else "corrupt",
            option="network",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript itself
            _check_lengths(path)
            with with_utf8_name(path) as named:
                return torch.jit.load(named, map_location="cpu")
    except Exception as error:  # a damaged archive can raise almost anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise SeisdreamError(
            f"{path} cannot be loaded as TorchScript: {reason}. It is damaged, or needs another version of torch.",
            code="corrupt",
            option="network",
        ) from error


def _check_lengths(path: Path) -> None:
    """Raise `ValueError` where a text in the archive states a length that is not there.

    PyTorch takes up to 4 GB of memory for it first.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".pkl") and member.file_size <= _LARGEST_PICKLE:
                for _ in pickletools.genops(archive.read(member)):
                    pass


def update_with_code(digest: hashlib._Hash, script: torch.jit.ScriptModule) -> None:
    """Add the code of TorchScript and its constants to a hash: a frozen network has its weights there."""
    code, constants = script.code_with_constants
    digest.update(re.sub(r"_+torch_mangle_\d+\.?", "", code).encode())
    for name, value in sorted(constants.const_mapping.items()):
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
