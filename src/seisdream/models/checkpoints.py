"""Networks that seisdream trained: one ``.safetensors`` file with weights and metadata; some ship with seisdream."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from seisdream.errors import SeisdreamError
from seisdream.io.file_names import with_utf8_name
from seisdream.io.texts import check_form, parse_json
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.randomization import randomize
from seisdream.models.weights import load_weights
from seisdream.models.zoo.unet import ARCHITECTURES, fold_batch_norm
from seisdream.provenance import version_of

SHIPPED = ("facies", "facies-robust", "geology", "f3-intervals", "faults")
"""Names of the networks that ship with seisdream."""

_KEY = "seisdream"
_FOLDER = Path(__file__).with_name("shipped")
# The input is -1 (black) to 1 (white): zero amplitude is zero.
_PREPROCESSING = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


def _check_count(largest: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        is_count = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest
        return None if is_count else f"a whole number from 1 to {largest:,}"

    return check


def _check_colour(value: Any) -> str | None:
    return None if isinstance(value, str) and COLOUR.fullmatch(value) else "a colour such as #1f5a94"


def _check_widths(value: Any) -> str | None:
    is_list = isinstance(value, list) and 2 <= len(value) <= 12
    return None if is_list and not any(map(_check_count(8192), value)) else "2 to 12 whole numbers from 1 to 8,192"


def _check_frequencies(value: Any) -> str | None:
    is_pair = isinstance(value, list) and len(value) == 2 and all(isinstance(one, int | float) for one in value)
    return None if value is None or (is_pair and 0 <= value[0] < value[1] < math.inf) else "two rising frequencies"


COLOUR = re.compile("#[0-9a-fA-F]{6}")
"""A colour of a class."""

_SETTINGS = {"n_classes": _check_count(4096), "widths?": _check_widths}
_FORM = {
    "architecture": str,
    "settings": dict,
    "classes": [str],
    "colours": [_check_colour],
    **dict.fromkeys(("title?", "default_layer?", "data?", "credit?", "licence?", "survey?"), str),
    **dict.fromkeys(("metrics?", "recipe?", "split?"), dict),
    "is_ordered?": bool,
    "frequencies?": _check_frequencies,
    "wavenumbers?": _check_frequencies,
}


@dataclass(frozen=True)
class ModelMetadata:
    """The metadata of a trained network, stored in its ``.safetensors`` file.

    Attributes
    ----------
    architecture : str
        One of `seisdream.models.zoo.unet.ARCHITECTURES`.
    settings : dict
        Arguments of the architecture: ``ARCHITECTURES[architecture](**settings)``.
    classes, colours : tuple of str
        Class names in output order, and ``#rrggbb`` for each.
    title : str
        A short description of the training data.
    default_layer : str
        The layer to dream on.
    data : str
        The training data, with credit.
    credit, licence : str
        Credit and licence of the weights.
    metrics : dict
        Scores, as ``{data set: {score: number}}``.
    recipe : dict
        All settings of the training.
    split : dict
        Arguments of `seisdream.data.splits.split_lines` that held out the test lines; empty if none were held out.
    survey : str
        The one survey whose labels define the classes; empty if there are several surveys or none.
    is_ordered : bool
        Whether classes lie below one another in the order of their codes, like intervals between horizons.
    frequencies : (float, float), optional
        Range of mean frequencies of the training sections, in cycles per sample.
    wavenumbers : (float, float), optional
        Range of their mean wavenumbers, in cycles per trace.
    """

    architecture: str
    settings: dict[str, Any]
    classes: tuple[str, ...]
    colours: tuple[str, ...]
    title: str = ""
    default_layer: str = ""
    data: str = ""
    credit: str = ""
    licence: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    survey: str = ""
    is_ordered: bool = False
    frequencies: tuple[float, float] | None = None
    wavenumbers: tuple[float, float] | None = None


def write_trained(module: nn.Module, metadata: ModelMetadata, path: str | os.PathLike[str]) -> None:
    """Write a trained network as one file: weights in half precision, batch normalisation folded, and metadata.

    Half precision has three significant digits, an order of magnitude more than the uncertainty left by training.
    """
    plain = fold_batch_norm(module)  # pyright: ignore[reportArgumentType]
    tensors = {name: value.half().contiguous().cpu() for name, value in plain.state_dict().items()}
    _save(tensors, replace(metadata, settings=plain.settings), path)


def _save(tensors: dict[str, torch.Tensor], metadata: ModelMetadata, path: str | os.PathLike[str]) -> None:
    text = json.dumps(asdict(metadata), ensure_ascii=False)
    # The library's own writer gives the file to its owner alone; this one leaves that to the umask.
    Path(path).write_bytes(safetensors.torch.save(tensors, metadata={_KEY: text}))


def _not_ours(path: str | os.PathLike[str]) -> SeisdreamError:
    return SeisdreamError(
        f"{path} has no metadata of seisdream, so it was not written by `seisdream train`; name the function that "
        "builds its network (FILE.py:FUNCTION), and give the file as `weights`.",
        code="unreadable",
        option="network",
    )


def read_metadata(network: str | os.PathLike[str]) -> ModelMetadata | None:
    """Return the metadata of a network that seisdream trained, by its name or file; None for any other network.

    Parameters
    ----------
    network : str or path
        A name or a file, with or without a variant (``facies@random``).

    Raises
    ------
    SeisdreamError
        If this version of seisdream does not know some of the metadata, or needs more.
    """
    name, _ = split_variant(os.fspath(network))
    path = trained_file(name) if name in SHIPPED else Path(network if Path(network).is_file() else name)
    try:
        with with_utf8_name(path) as named, safetensors.safe_open(named, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (OSError, safetensors.SafetensorError):
        return None
    if text is None:
        return None
    known = {one.name: one for one in fields(ModelMetadata)}
    try:
        values = parse_json(text)
        check_form(values, dict)
    except ValueError as error:
        raise _damaged(path, error) from error
    if unknown := [name for name in values if name not in known]:
        raise SeisdreamError(
            f"{path} has metadata that seisdream {version_of('seisdream')} does not know: {', '.join(unknown)}. A "
            "newer version wrote it; update seisdream.",
            code="not-supported",
        )
    needed = [name for name, one in known.items() if one.default is one.default_factory is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise SeisdreamError(
            f"{path} cannot be loaded, because its metadata lack {', '.join(missing)}: it is damaged, or was not "
            "written by `seisdream train`.",
            code="corrupt",
        )
    try:
        check_form(values, _FORM)
        if values["colours"] and len(values["colours"]) != len(values["classes"]):
            raise ValueError(f"it has {len(values['classes'])} classes and {len(values['colours'])} colours")
    except ValueError as error:
        raise _damaged(path, error) from error
    lists = ("classes", "colours", "frequencies", "wavenumbers")
    tuples = {name: tuple(values[name]) for name in lists if values.get(name)}
    return ModelMetadata(**{**values, **tuples})


def _damaged(path: str | os.PathLike[str], error: Exception) -> SeisdreamError:
    return SeisdreamError(f"The metadata of {path} cannot be read ({error}): it is damaged.", code="corrupt")


def trained_file(name: str) -> Path:
    """Return the path of a network that ships with seisdream."""
    return _FOLDER / f"{name}.safetensors"


def split_variant(network: str) -> tuple[str, str]:
    """Return the name or file of a network and the variant after the last @; the path of a file may contain @."""
    name, at, variant = network.rpartition("@")
    return (name, variant) if at and "/" not in variant and "\\" not in variant else (network, "")


def file_of(network: str) -> str:
    """Return the file that a network with a variant is read from, where it is a file."""
    name, variant = split_variant(network)
    return str(_shuffled_files(Path(name))[0]) if variant == "shuffled" else name


def load_trained(name: str, path: str | os.PathLike[str], variant: str = "") -> Network:
    """Load a trained network.

    Parameters
    ----------
    name : str
        Name of the network.
    path : path
        A file that `write_trained` wrote.
    variant : str, default ""
        A control for training. ``random`` or ``random:SEED`` is the same architecture with random weights; ``shuffled``
        was trained in the same way on labels of other sections and is in ``NAME-shuffled.safetensors`` next to it.

    Raises
    ------
    SeisdreamError
        If there is no such file, seisdream did not write it, or there is no such variant.
    """
    kind, _, seed = variant.partition(":")
    if variant == "shuffled":
        kind, path = "", _shuffled_file(name, Path(path))
    elif kind not in ("", "random") or (seed and not re.fullmatch(r"\d{1,18}", seed)):
        raise SeisdreamError(
            f"There is no variant '@{variant}' of {split_variant(name)[0]}; the variants are @random, @random:SEED and "
            "@shuffled.",
            code="unknown-name",
            option="network",
        )
    if not Path(path).is_file():
        raise SeisdreamError(
            f"There is no file {path}; give one that `seisdream train` wrote.", code="not-found", option="network"
        )
    metadata = read_metadata(path)
    if metadata is None:
        raise _not_ours(path)
    if metadata.architecture not in ARCHITECTURES:
        raise SeisdreamError(
            f"{path} has the architecture '{metadata.architecture}'; this version of seisdream knows "
            f"{', '.join(ARCHITECTURES)}. Update seisdream.",
            code="not-supported",
            option="network",
        )
    _check_size(path, metadata)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed or 0))
        module = ARCHITECTURES[metadata.architecture](**metadata.settings)
        if kind == "random":
            randomize(module)
    if not kind:
        load_weights(module, path, name, is_strict=True)
    return Network(
        name,
        module.eval(),
        _PREPROCESSING,
        classes=metadata.classes,
        colours=metadata.colours,
        class_layer="logits",
        default_layer=metadata.default_layer or None,
        credit=metadata.credit,
        licence=metadata.licence,
        survey=metadata.survey,
        is_ordered=metadata.is_ordered,
        frequencies=metadata.frequencies,
        wavenumbers=metadata.wavenumbers,
        runs_whole_in_bfloat16=True,
    )


def _check_size(path: str | os.PathLike[str], metadata: ModelMetadata) -> None:
    """Raise, before its weights take memory, where the network of the metadata is not the one whose weights follow."""
    try:
        check_form(metadata.settings, _SETTINGS, "settings")
        with torch.device("meta"):
            module = ARCHITECTURES[metadata.architecture](**metadata.settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _damaged(path, error) from error
    with with_utf8_name(path) as named, safetensors.safe_open(named, "pt") as file:
        n_stored = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    n_wanted = sum(weight.numel() for weight in module.parameters())
    if n_wanted > n_stored or len(metadata.classes) != metadata.settings["n_classes"]:
        raise SeisdreamError(
            f"{path} holds {n_stored:,} weights, and its metadata describe a network of {n_wanted:,} weights with "
            f"{metadata.settings['n_classes']} outputs for {len(metadata.classes)} classes: it is damaged.",
            code="corrupt",
            option="network",
        )


def _shuffled_files(path: Path) -> tuple[Path, Path]:
    """Return where the copy of a network that was trained on shuffled labels may be."""
    file = f"{path.stem}-shuffled.safetensors"
    return path.with_name(file), _FOLDER / file


def _shuffled_file(name: str, path: Path) -> Path:
    candidates = _shuffled_files(path)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    # Only the user knows the training data of a file that is not shipped.
    options = f"--preset {path.stem}" if path.stem in SHIPPED else "--data SOURCE, and the other options of that run,"
    raise SeisdreamError(
        f"There is no copy of {split_variant(name)[0]} trained on shuffled labels yet. Train one with `seisdream train "
        f"{options} --shuffled` and put its network.safetensors at {candidates[0]}, or use that file itself "
        "(`network=FILE.safetensors`).",
        code="not-found",
        option="network",
    )
