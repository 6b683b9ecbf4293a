"""Read weights without running code, and load them only if every name and shape fits."""

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
from seisdream.io.texts import read_text
from seisdream.models.caffemodel import read_caffemodel

_PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".tar")
# Keys under which common training code saves the state dict.
_WRAPPERS = ("state_dict", "model_state_dict", "model")

CLASS_NAMES_FILE = "ilsvrc12_synset_words.txt"
_CLASS_NAMES_URLS = (
    "https://raw.githubusercontent.com/HoldenCaulfieldRye/caffe/master/data/ilsvrc12/synset_words.txt",
    "https://raw.githubusercontent.com/onnx/models/main/validated/vision/classification/synset.txt",
)
_CLASS_NAMES_SHA256 = "acf75ef0abe89694b19056e0796401068b459c457baa30335f240c7692857355"


@dataclass(frozen=True)
class PublicWeights:
    """Published weights of a network, and how to verify them.

    Attributes
    ----------
    urls : tuple of str
        Addresses, tried in order.
    file_name : str
        Name in the cache.
    sha1 : str, optional
        Expected hash.
    verify : callable, optional
        Instead of a hash: returns whether a file is the right one.
    """

    urls: tuple[str, ...]
    file_name: str
    sha1: str | None = None
    verify: Callable[[Path], bool] | None = None

    def fetch(self, progress: Progress = True) -> Path:
        """Return the file from the cache, downloaded on first use together with the class names.

        Raises
        ------
        SeisdreamError
            If no address can be reached; the message says where to put a copy.
        """
        is_new = not (cache_folder() / self.file_name).is_file()
        try:
            path = fetch(self.urls, self.file_name, sha1=self.sha1, verify=self.verify, progress=progress)
        except SeisdreamError as error:
            raise SeisdreamError(
                f"{error} Or give the path of the file (`weights`).", code=error.code, option="weights"
            ) from error
        if is_new:
            # Class names are optional: class numbers work without them.
            with contextlib.suppress(SeisdreamError):
                fetch(_CLASS_NAMES_URLS, CLASS_NAMES_FILE, sha256=_CLASS_NAMES_SHA256, progress=False)
        return path


def read_weights(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a file of weights into a state dict, without running any code in the file.

    Parameters
    ----------
    path : path
        ``.safetensors``, ``.caffemodel``, or what `torch.save` wrote (``.pt``, ``.pth``, ``.bin``, ``.ckpt``,
        ``.tar``): a state dict, or a dict with one as ``state_dict``. If every name begins with ``module.``, as after
        data-parallel training, this prefix is removed.

    Returns
    -------
    dict of Tensor
        By name.

    Raises
    ------
    SeisdreamError
        If the file does not exist, is damaged, has no state dict, or is a pickle that could run code.
    """
    path = Path(path)
    if not path.is_file():
        raise SeisdreamError(
            f"There is no file of weights {path}; check `weights`.", code="not-found", option="weights"
        )
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise SeisdreamError(
                f"{path} is truncated or not a safetensors file: {_first_line(error)}.",
                code="corrupt",
                option="weights",
            ) from error
    if path.suffix == ".caffemodel":
        return {
            f"{layer}.{part}": torch.from_numpy(blob)
            for layer, blobs in read_caffemodel(path).items()
            for part, blob in zip(("weight", "bias"), blobs, strict=False)
        }
    if path.suffix in _PICKLED:
        return _read_pickled(path)
    raise SeisdreamError(
        f"The ending of {path} is not known; weights are .safetensors, .caffemodel, or {', '.join(_PICKLED)} files.",
        code="unreadable",
        option="weights",
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
                f"{path} has more than weights, and loading it could run code; it is refused. Save only the weights, "
                "with torch.save(model.state_dict(), ...) or as .safetensors.",
                code="untrusted",
                option="weights",
            ) from error
        raise _damaged(path, error) from error
    except Exception as error:  # a damaged archive can raise almost anything
        raise _damaged(path, error) from error
    if isinstance(content, Mapping):
        content = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), content)
    is_state = isinstance(content, Mapping) and content and all(isinstance(key, str) for key in content)
    if not is_state or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise SeisdreamError(
            f"{path} has no state dict (tensors by name) but {_in_short(content)}; save model.state_dict().",
            code="wrong-type",
            option="weights",
        )
    prefix = "module." if all(key.startswith("module.") for key in content) else ""
    return {key.removeprefix(prefix): value for key, value in content.items()}


def _damaged(path: Path, error: Exception) -> SeisdreamError:
    return SeisdreamError(
        f"{path} is damaged or not a file of torch.save: {_first_line(error)}.", code="corrupt", option="weights"
    )


def load_weights(
    module: nn.Module,
    path: str | os.PathLike[str],
    network: str,
    *,
    caffe_names: Mapping[str, str] | None = None,
    leave_out: tuple[str, ...] = (),
) -> None:
    """Load a file of weights into a module, completely or not at all.

    Parameters
    ----------
    module : torch.nn.Module
        The module, changed in place.
    path : path
        As for `read_weights`.
    network : str
        Name of the network, for messages.
    caffe_names : dict, optional
        Module names by Caffe layer name, if they differ.
    leave_out : tuple of str, optional
        Prefixes of names in the file that the module does not have.

    Raises
    ------
    SeisdreamError
        If a weight is missing, not expected, of another shape, or not finite.
    """
    path = Path(path)
    given = {name: value for name, value in read_weights(path).items() if not name.startswith(leave_out or ("\0",))}
    is_caffe = path.suffix == ".caffemodel"
    if is_caffe and caffe_names:
        stems = {name: name.rpartition(".") for name in given}
        given = {f"{caffe_names.get(stem, stem)}.{part}": given[name] for name, (stem, _, part) in stems.items()}
    wanted = module.state_dict()
    if is_caffe:
        # The old format pads every shape to four dimensions with ones.
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
        raise SeisdreamError(
            f"The weights in {path} do not fit {network}: {'; '.join(faults)}.", code="incompatible", option="weights"
        )
    bad = [name for name, value in given.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise SeisdreamError(
            f"The weights in {path} are not finite: {_a_few(bad)}; the file is damaged.",
            code="not-finite",
            option="weights",
        )
    module.load_state_dict(given, strict=False)


def read_class_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read class names from a text file, one per line in output order.

    The WordNet numbers of ImageNet lists (``n01440764 tench, Tinca tinca``) are removed.

    Raises
    ------
    SeisdreamError
        If the file cannot be read as text, or is empty.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SeisdreamError(
            f"The class names in {path} cannot be read: {_first_line(error)}.",
            code="unreadable" if Path(path).exists() else "not-found",
            option="classes",
        ) from error
    names = [line for line in lines if line]
    if not names:
        raise SeisdreamError(
            f"{path} has no class names; it must have one per line.", code="no-labels", option="classes"
        )
    if all(line[0] == "n" and line[1:9].isdecimal() and line[9:10] == " " for line in names):
        names = [line[10:] for line in names]
    return tuple(names)


def class_names_near(weights: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the ImageNet class names in a ``*synset_words.txt`` in the folder of the weights, or no names."""
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
