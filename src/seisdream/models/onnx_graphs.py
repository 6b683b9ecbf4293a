"""Networks from ONNX graphs, through onnx2torch: a graph is data, and nothing in it is run as code."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra

# Operators of detectors that torchvision registers while it is imported.
_DETECTION = re.compile(r"operator torchvision::(\w+) does not exist")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []


def load_onnx(path: str) -> nn.Module:
    """Return an ONNX graph as a module whose layers have the names of its nodes.

    Parameters
    ----------
    path : str
        The ``.onnx`` file.

    Raises
    ------
    SeisdreamError
        If there is no such file, onnx2torch is not installed, the file is no ONNX graph, or the graph has an operator
        that onnx2torch does not convert.
    """
    if not Path(path).is_file():
        raise SeisdreamError(f"There is no file {path}; check `network`.", code="not-found", option="network")
    onnx2torch = _import_onnx2torch(path)
    try:
        module = onnx2torch.convert(path)
    except NotImplementedError as error:
        raise SeisdreamError(
            f"onnx2torch cannot convert {path}: {_first_line(error)}. Use the PyTorch network that it was exported "
            "from (`network=package.module:factory`).",
            code="not-supported",
            option="network",
        ) from error
    except Exception as error:  # a damaged file can raise almost anything
        raise SeisdreamError(
            f"{path} is damaged or not an ONNX graph: {_first_line(error)}.", code="corrupt", option="network"
        ) from error
    return module


def _import_onnx2torch(path: str) -> ModuleType:
    """Import onnx2torch, also next to a torchvision that was built for another torch.

    onnx2torch imports torchvision for a few operators of detectors. Without its compiled part torchvision cannot be
    imported, because it describes operators that do not exist; once these are declared, all else works.
    """
    for _ in range(4):
        try:
            return require_extra("onnx2torch", "onnx", f"Loading {path}")
        except SeisdreamError as error:
            missing = _DETECTION.search(str(error))
            if missing is None:
                raise
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(missing[1] + _SCHEMA)
            _declared.append(library)
    return require_extra("onnx2torch", "onnx", f"Loading {path}")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
