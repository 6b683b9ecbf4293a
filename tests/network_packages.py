"""Packages with networks: `make test-networks` tests them, and other tests are skipped where they are not installed."""

import importlib
import importlib.util
import warnings

import pytest
import torch

_KEPT = []


def package(name):
    """Return a package, or skip the file or the test that needs it, with a plain reason."""
    home = name.partition(".")[0]
    if importlib.util.find_spec(home) is None:
        pytest.skip(f"{home} is not installed; `make test-networks` installs it", allow_module_level=True)
    _declare_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _declare_operators():
    """Declare two operators of torchvision that it describes as it is imported.

    A torchvision that was built for another torch lacks its compiled part. Its networks need none of it.
    """
    if _KEPT or importlib.util.find_spec("torchvision") is None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    _KEPT.append(library)  # declared as long as this lives
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
