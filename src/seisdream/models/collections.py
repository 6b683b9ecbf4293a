"""Networks of timm and torchvision."""

from __future__ import annotations

import os
from collections.abc import Sequence

from seisdream.errors import SeisdreamError, near_matches
from seisdream.extras import require_extra
from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.weights import load_weights

_OFFLINE_HINT = "Without a connection, give a file of its weights (`weights`)."


def from_timm(
    name: str,
    weights: str | os.PathLike[str] | None,
    preprocessing: Preprocessing | None,
    classes: Sequence[str],
) -> Network:
    """Load a network of timm with its published preprocessing.

    Parameters
    ----------
    name : str
        As in ``timm.list_models()``.
    weights, preprocessing, classes
        As for `seisdream.models.registry.load_network`.

    Raises
    ------
    SeisdreamError
        If timm is not installed, has no such network, or cannot load it.
    """
    timm = require_extra("timm", "models", "Loading a network of timm")
    available = timm.list_models()
    if name.partition(".")[0] not in available:
        raise _unknown_model("timm", name, available)
    try:
        module = timm.create_model(name, pretrained=weights is None)
    except Exception as error:
        raise _load_failure("timm", name, error) from error
    if weights is not None:
        load_weights(module, weights, f"timm:{name}")
    published = module.pretrained_cfg
    preprocessing = preprocessing or Preprocessing(
        "rgb" if published.get("input_size", (3,))[0] == 3 else "grey",
        scale=1 / 255,
        mean=tuple(published["mean"]),
        std=tuple(published["std"]),
    )
    return Network(
        f"timm:{name}",
        module,
        preprocessing,
        classes=classes,
        credit=f"timm {timm.__version__}",
        licence=str(published.get("license") or ""),
    )


def from_torchvision(
    name: str,
    weights: str | os.PathLike[str] | None,
    preprocessing: Preprocessing | None,
    classes: Sequence[str],
) -> Network:
    """Load a network of torchvision with its published preprocessing and classes.

    Parameters
    ----------
    name : str
        As in ``torchvision.models.list_models()``.
    weights, preprocessing, classes
        As for `seisdream.models.registry.load_network`.

    Raises
    ------
    SeisdreamError
        If torchvision is not installed, has no such network, or cannot load it.
    """
    models = require_extra("torchvision.models", "models", "Loading a network of torchvision")
    available = models.list_models()
    if name not in available:
        raise _unknown_model("torchvision", name, available)
    published = models.get_model_weights(name).DEFAULT
    try:
        module = models.get_model(name, weights=published if weights is None else None)
    except Exception as error:
        raise _load_failure("torchvision", name, error) from error
    if weights is not None:
        load_weights(module, weights, f"torchvision:{name}")
    transform = published.transforms()
    preprocessing = preprocessing or Preprocessing(
        "rgb", scale=1 / 255, mean=tuple(transform.mean), std=tuple(transform.std)
    )
    return Network(
        f"torchvision:{name}",
        module,
        preprocessing,
        classes=classes or tuple(published.meta.get("categories", ())),
        credit=f"torchvision, {published}",
        licence="BSD-3-Clause (code); see torchvision for the weights",
    )


def _unknown_model(collection: str, name: str, available: Sequence[str]) -> SeisdreamError:
    close = near_matches(name, available)
    hint = f"similar names: {', '.join(close)}" if close else f"none of its {len(available)} names is similar"
    return SeisdreamError(f"{collection} has no network '{name}'; {hint}.", code="unknown-name", option="network")


def _load_failure(collection: str, name: str, error: Exception) -> SeisdreamError:
    return SeisdreamError(
        f"{collection} cannot load {name}: {type(error).__name__}: {error}. {_OFFLINE_HINT}",
        code="network-failed",
        option="network",
    )
