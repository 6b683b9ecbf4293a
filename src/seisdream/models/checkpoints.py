"""Networks that seisdream trained: one ``.safetensors`` file that says itself what it is; some of them ship with it."""

from __future__ import annotations

import json
import os
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from seisdream import __version__
from seisdream.errors import SeisdreamError
from seisdream.io.atomic import writing_file
from seisdream.models.network import Network, Preprocessing
from seisdream.models.weights import load_weights
from seisdream.models.zoo.unet import ARCHITECTURES, folded

SHIPPED = ("facies", "geology", "f3-intervals")
"""The networks inside the package."""

_KEY = "seisdream"
_FOLDER = Path(__file__).with_name("shipped")
# Pictures are shown as -1 (black) to 1 (white): zero amplitude is zero.
_PREPROCESSING = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


@dataclass(frozen=True)
class ModelMetadata:
    """What a file of trained weights says of itself, in the metadata of its ``.safetensors``.

    Attributes
    ----------
    architecture : str
        One of `unet.ARCHITECTURES`.
    settings : dict
        What makes it: ``ARCHITECTURES[architecture](**settings)``.
    classes, colours : tuple of str
        Names of the classes in output order, and ``#rrggbb`` for each.
    title : str
        What it was trained on, in a few words.
    default_layer : str
        The layer to dream on.
    data : str
        What it was trained on, with credit.
    credit, licence : str
        Of the weights.
    metrics : dict
        Measured numbers, as ``{data set: {score: number}}``.
    recipe : dict
        Every number of its training.
    split : dict
        How its lines were held out, for `seisdream.data.splits.split_lines`; empty where none were.
    survey : str
        The one survey of those lines, on which the classes mean something; empty where there are several or none.
    is_ordered : bool
        Whether the classes lie one below another in the order of their codes, as intervals between horizons do.
    frequencies : (float, float), optional
        Between which mean frequencies sections lie that are sampled like those that it learned from, in cycles a
        sample.
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


def write_trained(module: nn.Module, story: ModelMetadata, path: str | os.PathLike[str]) -> None:
    """Write a trained network as one file: weights in half precision, normalisation folded, and its story.

    Half precision holds three digits, an order of magnitude more than training leaves certain.
    """
    plain = folded(module)  # pyright: ignore[reportArgumentType]
    tensors = {name: value.half().contiguous().cpu() for name, value in plain.state_dict().items()}
    _save(tensors, replace(story, settings=plain.settings), path)


def rewrite_metadata(path: str | os.PathLike[str], **changes: Any) -> ModelMetadata:
    """Change what a file that `write_trained` wrote says of itself, and leave its weights bit for bit.

    Parameters
    ----------
    path : path
        The file, which is replaced.
    **changes
        Fields of `ModelMetadata`. Where classes get other names, so do their scores in the metrics.

    Returns
    -------
    Story
        As it is now.
    """
    story = read_metadata(path)
    if story is None:
        raise SeisdreamError(f"{path} does not say what network it holds: it was not written by `seisdream train`.")
    names = dict(zip(story.classes, changes.get("classes", story.classes), strict=True))
    changes = {"metrics": _renamed(story.metrics, names), **changes}
    story = replace(story, **changes)
    with writing_file(path, force=True) as aside:
        _save(safetensors.torch.load_file(path), story, aside)
    return story


def _renamed(told: Any, names: dict[str, str]) -> Any:
    """Return scores whose keys that are names of classes are other names."""
    if not isinstance(told, dict):
        return told
    return {names.get(key, key): _renamed(value, names) for key, value in told.items()}


def _save(tensors: dict[str, torch.Tensor], story: ModelMetadata, path: str | os.PathLike[str]) -> None:
    told = {_KEY: json.dumps(asdict(story), ensure_ascii=False)}
    safetensors.torch.save_file(tensors, path, metadata=told)


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
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (OSError, safetensors.SafetensorError):
        return None
    if text is None:
        return None
    known = {one.name: one for one in fields(ModelMetadata)}
    try:
        values = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise SeisdreamError(
            f"The metadata of {path} cannot be read ({error}): it is damaged.", code="corrupt"
        ) from error
    if unknown := [name for name in values if name not in known]:
        raise SeisdreamError(
            f"{path} has metadata that seisdream {__version__} does not know: {', '.join(unknown)}. A newer version "
            "wrote it; update seisdream.",
            code="not-supported",
        )
    needed = [name for name, one in known.items() if one.default is one.default_factory is MISSING]
    if missing := [name for name in needed if name not in values]:
        raise SeisdreamError(
            f"{path} cannot be loaded, because its metadata lack {', '.join(missing)}: it is damaged, or was not "
            "written by `seisdream train`.",
            code="corrupt",
        )
    tuples = {name: tuple(values[name]) for name in ("classes", "colours", "frequencies") if values.get(name)}
    return ModelMetadata(**{**values, **tuples})


def trained_file(name: str) -> Path:
    """Return the file of a network that ships with seisdream."""
    return _FOLDER / f"{name}.safetensors"


def split_variant(network: str) -> tuple[str, str]:
    """Return a network's name or file, which may have an @ of its own in its folders, and what follows the last one."""
    name, at, variant = network.rpartition("@")
    return (name, variant) if at and "/" not in variant and "\\" not in variant else (network, "")


def load_trained(name: str, path: str | os.PathLike[str], variant: str = "") -> Network:
    """Load a trained network.

    Parameters
    ----------
    name : str
        What it is called from now on.
    path : path
        As `write_trained` wrote it.
    variant : str, default ""
        Controls that say what training did. ``random`` or ``random:SEED`` has the same architecture with random
        weights; ``shuffled`` was trained in the same way on labels that do not belong to what it saw, and lies in
        ``NAME-shuffled.safetensors`` beside the network's own file.

    Raises
    ------
    SeisdreamError
        If there is no such file, it is none of ours, or there is no such variant.
    """
    kind, _, seed = variant.partition(":")
    if variant == "shuffled":
        kind, path = "", _shuffled_file(name, Path(path))
    elif kind not in ("", "random") or (seed and not seed.isdecimal()):
        raise SeisdreamError(
            f"There is no variant '@{variant}' of {split_variant(name)[0]}; there are @random, @random:SEED and "
            "@shuffled."
        )
    if not Path(path).is_file():
        raise SeisdreamError(f"There is no file {path}; name one that `seisdream train` wrote.")
    story = read_metadata(path)
    if story is None:
        raise SeisdreamError(f"{path} does not say what network it holds: it was not written by `seisdream train`.")
    if story.architecture not in ARCHITECTURES:
        raise SeisdreamError(
            f"{path} holds a '{story.architecture}', and this version of seisdream knows {', '.join(ARCHITECTURES)}; "
            "install a newer one."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed or 0))
        module = ARCHITECTURES[story.architecture](**story.settings)
        if kind == "random":
            randomize(module)
    if not kind:
        load_weights(module, path, name)
    return Network(
        name,
        module.eval(),
        _PREPROCESSING,
        classes=story.classes,
        colours=story.colours,
        class_layer="logits",
        default_layer=story.default_layer or None,
        credit=story.credit,
        licence=story.licence,
        survey=story.survey,
        is_ordered=story.is_ordered,
        frequencies=story.frequencies,
        runs_whole_in_bfloat16=True,
    )


def _shuffled_file(name: str, path: Path) -> Path:
    file = f"{path.stem}-shuffled.safetensors"
    candidates = (path.with_name(file), _FOLDER / file)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    # What a file was trained on is known to whoever trained it.
    what = f"--preset {path.stem}" if path.stem in SHIPPED else "--data SOURCE, and the other options of that run,"
    raise SeisdreamError(
        f"{split_variant(name)[0]} has no control that was trained on shuffled labels yet. Train it with `seisdream "
        f"train {what} --shuffled`, and put the network.safetensors of that run at {candidates[0]}, or name it by "
        "itself (--network FILE.safetensors)."
    )


def randomize(module: nn.Module) -> None:
    """Give a module random weights, in place: the control that says what training did.

    Convolutions and linear layers get weights that keep the size of what passes (He and others 2015) and no bias;
    other layers start as they do before training.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif callable(reset := getattr(part, "reset_parameters", None)):
            reset()
