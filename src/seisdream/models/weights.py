"""Weights from files: read without running anything, and loaded only where every name and shape fits."""

from __future__ import annotations

import contextlib
import os
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.io.fetch import Progress, cache_folder, fetch
from seisdream.models.caffemodel import read_caffemodel

_PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".tar")
# Where the files that people save keep the weights proper.
_WRAPPERS = ("state_dict", "model_state_dict", "model")

CLASS_NAMES_FILE = "ilsvrc12_synset_words.txt"
_CLASS_NAMES_URLS = (
    "https://raw.githubusercontent.com/HoldenCaulfieldRye/caffe/master/data/ilsvrc12/synset_words.txt",
    "https://raw.githubusercontent.com/onnx/models/main/validated/vision/classification/synset.txt",
)
_CLASS_NAMES_SHA256 = "acf75ef0abe89694b19056e0796401068b459c457baa30335f240c7692857355"


@dataclass(frozen=True)
class PublicWeights:
    """The public home of a network's weights, and how to know them.

    Attributes
    ----------
    urls : tuple of str
        The home and its mirrors.
    file_name : str
        The name in the cache.
    sha1 : str, optional
        The pinned hash.
    verify : callable, optional
        Instead of a hash, says whether a file is the right one.
    """

    urls: tuple[str, ...]
    file_name: str
    sha1: str | None = None
    verify: Callable[[Path], bool] | None = None

    def fetch(self, progress: Progress = True) -> Path:
        """Return the file from the cache, fetched first (with the names of its classes) where it is not there.

        Raises
        ------
        SeisdreamError
            If no home can be reached; it says where to get the file by hand.
        """
        is_new = not (cache_folder() / self.file_name).is_file()
        try:
            path = fetch(self.urls, self.file_name, sha1=self.sha1, verify=self.verify, progress=progress)
        except SeisdreamError as error:
            raise SeisdreamError(f"{error} Or name the file wherever it is: --weights FILE.") from error
        if is_new:
            # Names are a convenience: class numbers work without them.
            with contextlib.suppress(SeisdreamError):
                fetch(_CLASS_NAMES_URLS, CLASS_NAMES_FILE, sha256=_CLASS_NAMES_SHA256, progress=False)
        return path


def read_weights(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a file of weights into a state dict, running nothing that the file may hold.

    Parameters
    ----------
    path : path
        ``.safetensors``, ``.caffemodel``, or what `torch.save` wrote (``.pt``, ``.pth``, ``.bin``, ``.ckpt``,
        ``.tar``): a state dict, or a dict that holds one as ``state_dict``. A ``module.`` before every name, as
        data-parallel training leaves it, is taken off.

    Raises
    ------
    SeisdreamError
        If the file does not exist, is damaged, holds no state dict, or is a pickle that would run code.
    """
    path = Path(path)
    if not path.is_file():
        raise SeisdreamError(f"There is no file of weights at {path} (--weights FILE).")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise SeisdreamError(f"{path} is cut short or is no safetensors file: {_first_line(error)}.") from error
    if path.suffix == ".caffemodel":
        return {
            f"{layer}.{part}": torch.from_numpy(blob)
            for layer, blobs in read_caffemodel(path).items()
            for part, blob in zip(("weight", "bias"), blobs, strict=False)
        }
    if path.suffix in _PICKLED:
        return _read_pickled(path)
    raise SeisdreamError(
        f"{path} is not a known kind of weights; expected .safetensors, .caffemodel, or {', '.join(_PICKLED)} "
        "(--weights FILE)."
    )


def _read_pickled(path: Path) -> dict[str, torch.Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # on pickles that are then refused anyway
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        with path.open("rb") as file:
            start = file.read(2)
        if start == b"PK" or start[:1] == b"\x80":  # an archive of torch, or a bare pickle
            raise SeisdreamError(
                f"{path} holds more than weights, and loading it could run code that it carries; it is refused. Save "
                "the weights alone, with torch.save(model.state_dict(), ...) or as .safetensors."
            ) from error
        raise SeisdreamError(f"{path} is damaged or is no file of torch.save: {_first_line(error)}.") from error
    except Exception as error:  # a damaged archive fails in many ways
        raise SeisdreamError(f"{path} is damaged or is no file of torch.save: {_first_line(error)}.") from error
    if isinstance(content, Mapping):
        content = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), content)
    is_state = isinstance(content, Mapping) and content and all(isinstance(key, str) for key in content)
    if not is_state or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise SeisdreamError(
            f"{path} holds no state dict (tensors by name) but {_in_short(content)}; save model.state_dict()."
        )
    prefix = "module." if all(key.startswith("module.") for key in content) else ""
    return {key.removeprefix(prefix): value for key, value in content.items()}


def load_weights(
    module: nn.Module,
    path: str | os.PathLike[str],
    network: str,
    *,
    caffe_names: Mapping[str, str] | None = None,
    leave_out: tuple[str, ...] = (),
) -> None:
    """Load a file of weights into a module, whole or not at all.

    Parameters
    ----------
    module : torch.nn.Module
        Takes the weights.
    path : path
        As for `read_weights`.
    network : str
        The network's name, for messages.
    caffe_names : dict, optional
        Caffe's layer names and the module names that they stand for, where these differ.
    leave_out : tuple of str, optional
        Beginnings of names that the file may hold and the module does without.

    Raises
    ------
    SeisdreamError
        If a weight is missing, left over, has another shape, or is not finite.
    """
    path = Path(path)
    given = {name: value for name, value in read_weights(path).items() if not name.startswith(leave_out or ("\0",))}
    is_caffe = path.suffix == ".caffemodel"
    if is_caffe and caffe_names:
        stems = {name: name.rpartition(".") for name in given}
        given = {f"{caffe_names.get(stem, stem)}.{part}": given[name] for name, (stem, _, part) in stems.items()}
    wanted = module.state_dict()
    if is_caffe:
        # The old form pads every shape to four dimensions with ones.
        for name, value in given.items():
            if name in wanted and _without_ones(value) == _without_ones(wanted[name]):
                given[name] = value.reshape(wanted[name].shape)
    counters = {name for name in wanted if name.endswith("num_batches_tracked")}
    faults = []
    if missing := [name for name in wanted if name not in given and name not in counters]:
        faults.append(f"missing {_a_few(missing)}")
    if unexpected := [name for name in given if name not in wanted]:
        faults.append(f"not expected {_a_few(unexpected)}")
    misshaped = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if misshaped:
        faults.append(f"of another shape {_a_few(misshaped)}")
    if faults:
        raise SeisdreamError(f"The weights in {path} do not fit {network}: {'; '.join(faults)}.")
    bad = [name for name, value in given.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise SeisdreamError(f"The weights in {path} are not finite: {_a_few(bad)}; the file is damaged.")
    module.load_state_dict(given, strict=False)


def read_class_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read the names of classes from a text file, one a line in output order.

    The WordNet numbers of ImageNet's own lists (``n01440764 tench, Tinca tinca``) are taken off.

    Raises
    ------
    SeisdreamError
        If the file cannot be read as text, or is empty.
    """
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SeisdreamError(f"Cannot read class names from {path}: {_first_line(error)} (--classes FILE).") from error
    names = [line for line in lines if line]
    if not names:
        raise SeisdreamError(f"{path} holds no class names; expected one a line (--classes FILE).")
    if all(line[0] == "n" and line[1:9].isdecimal() and line[9:10] == " " for line in names):
        names = [line[10:] for line in names]
    return tuple(names)


def class_names_beside(weights: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the ImageNet class names from a ``*synset_words.txt`` in the folder of the weights, or nothing."""
    found = sorted(Path(weights).parent.glob("*synset_words.txt"))
    return read_class_names(found[0]) if found else ()


def _without_ones(value: torch.Tensor) -> list[int]:
    return [size for size in value.shape if size != 1]


def _a_few(names: list[str], n_most: int = 3) -> str:
    more = f" and {len(names) - n_most} more" if len(names) > n_most else ""
    return ", ".join(names[:n_most]) + more


def _in_short(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a dict with {_a_few([str(key) for key in content])}" if content else "an empty dict"
    return f"a {type(content).__name__}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
