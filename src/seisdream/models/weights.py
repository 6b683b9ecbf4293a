"""Read weights without running code, and load them only if every name and shape fits."""

from __future__ import annotations

import contextlib
import os
import pickle
import pickletools
import warnings
import zipfile
from collections import Counter
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
from seisdream.io.file_names import with_utf8_name
from seisdream.models.caffemodel import read_caffemodel
from seisdream.models.class_names import CLASS_NAMES_SHA256
from seisdream.models.state_dicts import Fit, State, fit_weights, state_dicts_in
from seisdream.models.torchscript import is_torchscript

_PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".tar")
_ZIP, _PICKLE = b"PK", b"\x80"  # how an archive of torch and a bare pickle begin
_LARGEST_PICKLE = 2**26
# Keys that need no note.
_USUAL_KEYS = ("state_dict", "model_state_dict", "model")
_PICKLED_KEYS = ("state_dict", "model_state_dict", "model_state")

CLASS_NAMES_FILE = "ilsvrc12_synset_words.txt"
_CLASS_NAMES_URLS = (
    "https://raw.githubusercontent.com/HoldenCaulfieldRye/caffe/master/data/ilsvrc12/synset_words.txt",
    "https://raw.githubusercontent.com/onnx/models/main/validated/vision/classification/synset.txt",
)


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
                fetch(_CLASS_NAMES_URLS, CLASS_NAMES_FILE, sha256=CLASS_NAMES_SHA256, progress=False)
        return path


def read_weights(path: str | os.PathLike[str]) -> dict[str, State]:
    """Read the state dicts in a file of weights, without running any code in the file.

    Parameters
    ----------
    path : path
        ``.safetensors``, ``.caffemodel``, or what `torch.save` wrote, with any ending: a state dict, or a checkpoint
        with one at some key.

    Returns
    -------
    dict of dict of Tensor
        Tensors by name, by the keys that lead to them in the file ("" where they are the file).

    Raises
    ------
    SeisdreamError
        If the file does not exist, is damaged, has no state dict, is a whole network, or is a pickle that could run
        code.
    """
    path = Path(path)
    if not path.is_file():
        raise SeisdreamError(
            f"There is no file of weights {path}; check `weights`.", code="not-found", option="weights"
        )
    if path.suffix == ".safetensors":
        try:
            with with_utf8_name(path) as named:
                return {"": safetensors.torch.load_file(named)}
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise SeisdreamError(
                f"{path} is truncated or not a safetensors file: {_first_line(error)}.",
                code="corrupt",
                option="weights",
            ) from error
    if path.suffix == ".caffemodel":
        blobs = {
            f"{layer}.{part}": torch.from_numpy(blob)
            for layer, blobs in read_caffemodel(path).items()
            for part, blob in zip(("weight", "bias"), blobs, strict=False)
        }
        return {"": blobs}
    if path.suffix == ".onnx":
        raise SeisdreamError(
            f"{path} is an ONNX graph, a whole network and not only weights: use it as the network "
            f"(`network={path}`), without `weights`.",
            code="incompatible",
            option="weights",
        )
    with path.open("rb") as file:
        start = file.read(2)
    if path.suffix in _PICKLED or start == _ZIP or start[:1] == _PICKLE:
        return _read_pickled(path)
    raise SeisdreamError(
        f"{path} is no file of weights that is known; weights are .safetensors, .caffemodel, or what torch.save wrote "
        f"({', '.join(_PICKLED)}).",
        code="unreadable",
        option="weights",
    )


def _read_pickled(path: Path) -> dict[str, State]:
    if is_torchscript(path):
        raise SeisdreamError(
            f"{path} is TorchScript, a whole network and not only weights: use it as the network "
            f"(`network={path}`), without `weights`. For its weights alone, in Python:\n"
            f"    torch.save(torch.jit.load({str(path)!r}).state_dict(), {_weights_name(path)!r})",
            code="incompatible",
            option="weights",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # on pickles that are then refused anyway
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        with path.open("rb") as file:
            start = file.read(2)
        if start == _ZIP or start[:1] == _PICKLE:
            raise SeisdreamError(
                f"{path} has more than weights, and loading it could run code; it is refused. If you trust the file, "
                f"convert it once, in Python:\n{_conversion(path)}",
                code="untrusted",
                option="weights",
            ) from error
        raise _damaged(path, error) from error
    except Exception as error:  # a damaged archive can raise almost anything
        raise _damaged(path, error) from error
    states = state_dicts_in(content)
    if not states:
        raise SeisdreamError(
            f"{path} has no state dict (tensors by name) but {_in_short(content)}; save model.state_dict().",
            code="wrong-type",
            option="weights",
        )
    return states


def _conversion(path: Path) -> str:
    """Return the two lines that write the weights of a pickle as a file of their own; they run what is in it."""
    key = next((key for key in _PICKLED_KEYS if key in _strings_in(path)), None)
    part = f'content["{key}"]' if key else "content.state_dict()"
    return (
        f"    content = torch.load({str(path)!r}, weights_only=False)  # runs code in the file\n"
        f"    torch.save({part}, {_weights_name(path)!r})"
    )


def _weights_name(path: Path) -> str:
    return str(path.with_name(f"{path.stem}-weights.pt"))


def _strings_in(path: Path) -> set[str]:
    """Return the texts in the pickle of a file of `torch.save`, without unpickling it."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            data = archive.read(name) if archive.getinfo(name).file_size <= _LARGEST_PICKLE else b""
        return {argument for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)}
    except Exception:  # a damaged archive can raise almost anything
        return set()


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
    is_strict: bool = False,
) -> list[str]:
    """Load the weights of a module from a file, all of them or none.

    Parameters
    ----------
    module : torch.nn.Module
        The module, changed in place.
    path : path
        As for `read_weights`. If the names fit after one prefix is taken off every name, it is.
    network : str
        Name of the network, for messages.
    caffe_names : dict, optional
        Module names by Caffe layer name, if they differ.
    leave_out : tuple of str, optional
        Prefixes of names in the file that the module does not have.
    is_strict : bool, default False
        Whether weights that the module does not have are refused; otherwise they are left out and noted.

    Returns
    -------
    list of str
        What was taken from where and what was left out, a sentence each; nothing where all names are the module's.

    Raises
    ------
    SeisdreamError
        If a weight is missing, of another shape, or not finite.
    """
    path = Path(path)
    states = read_weights(path)
    wanted = module.state_dict()
    if path.suffix == ".caffemodel":
        states[""] = _as_torch_has_it(states[""], wanted, caffe_names or {})
    if leave_out:
        states = {key: {name: one for name, one in state.items() if not name.startswith(leave_out)}
                  for key, state in states.items()}  # fmt: skip
    fit, others = fit_weights(states, wanted)
    faults = []
    if fit.missing:
        faults.append(f"missing {_a_few(list(fit.missing))}")
    if fit.misshaped:
        faults.append(f"of another shape {_a_few(list(fit.misshaped))}")
    if fit.left_out and (faults or is_strict or not fit.names):
        faults.append(f"not expected {_a_few(list(fit.left_out))}")
    if faults:
        raise SeisdreamError(
            f"The weights in {path} do not fit {network}: {'; '.join(faults)}. Give the weights of this network, or "
            "build it as it was trained.",
            code="incompatible",
            option="weights",
        )
    given = {own: states[fit.path][name] for own, name in fit.names.items()}
    if odd := [name for name, value in given.items() if _is_odd(value)]:
        raise SeisdreamError(
            f"The weights in {path} are sparse or have no values: {_a_few(odd)}; save them as dense tensors.",
            code="wrong-type",
            option="weights",
        )
    bad = [name for name, value in given.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise SeisdreamError(
            f"The weights in {path} are not finite: {_a_few(bad)}; the file is damaged.",
            code="not-finite",
            option="weights",
        )
    module.load_state_dict(given, strict=False)
    return _notes(path, fit, others)


def _is_odd(value: torch.Tensor) -> bool:
    return value.layout != torch.strided or value.is_meta or value.is_quantized


def _notes(path: Path, fit: Fit, others: list[Fit]) -> list[str]:
    """Return how the names in a file differ from those of the module, a sentence each."""
    notes = []
    if fit.path not in ("", *_USUAL_KEYS):
        notes.append(f"The weights in {path} are those at '{fit.path}'.")
    if fit.prefix:
        notes.append(f"The names of the weights in {path} begin with '{fit.prefix}', which was taken off.")
    if others:
        named = dict.fromkeys(f"'{'.'.join(filter(None, (one.path, one.prefix.rstrip('.'))))}'" for one in others)
        notes.append(f"{path} has further weights that fit, which were not used: {_a_few(list(named))}.")
    elif fit.left_out:
        counts = Counter(name.removeprefix(fit.prefix).split(".")[0] for name in fit.left_out)
        named = [f"{name} ({count})" if count > 1 else name for name, count in counts.items()]
        notes.append(f"{path} has weights that the network does not, which were left out: {_a_few(named, 8)}.")
    return notes


def _as_torch_has_it(state: State, wanted: State, caffe_names: Mapping[str, str]) -> State:
    """Return Caffe's weights under the module's names, without the ones that pad shapes to four dimensions."""
    stems = {name: name.rpartition(".") for name in state}
    renamed = {f"{caffe_names.get(stem, stem)}.{part}": state[name] for name, (stem, _, part) in stems.items()}
    return {
        name: value.reshape(wanted[name].shape)
        if name in wanted and _without_ones(value) == _without_ones(wanted[name])
        else value
        for name, value in renamed.items()
    }


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
