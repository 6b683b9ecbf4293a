"""Networks by name: built in, from the literature, from model collections, and the user's own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.fetch import Progress
from seisdream.io.texts import check_form
from seisdream.models.caffe_networks import CAFFE_NETWORKS, from_caffe
from seisdream.models.checkpoints import SHIPPED, load_trained, read_metadata, split_variant, trained_file
from seisdream.models.class_names import read_class_names
from seisdream.models.factories import call_factory, with_seed
from seisdream.models.layers import LayerInfo
from seisdream.models.network import Network
from seisdream.models.output import Activation
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.torchscript import ENDINGS, load_torchscript
from seisdream.models.weights import load_weights
from seisdream.models.zoo.gabor import Gabor

_OWN_OPTIONS = ("classes", "class_layer", "class_activation", "dims")
_OPTIONS_FORM: dict[str, Any] = {
    "classes": (str, [str], type(None)),
    **dict.fromkeys(("class_layer", "class_activation"), (str, type(None))),
    "dims": (int, type(None)),
    **dict.fromkeys(("order", "normalise", "statistics"), str),
    **dict.fromkeys(("mean", "std", "constants"), (float, [float])),
    "scale": float,
    "lines": int,
}
"""The forms of the options of `open_network`."""


class ListedNetwork(NamedTuple):
    """One line of `seisdream networks`.

    Attributes
    ----------
    name : str
        A name for `load_network`, or a pattern in capitals such as ``timm:NAME``.
    description : str
        A short description.
    needs_weights : bool
        Whether weights are downloaded, or given by the user.
    default_layer : str
        The layer to dream on when none is named; empty for patterns.
    classes : tuple of str
        Names of the classes that the built-in network predicts.
    """

    name: str
    description: str
    needs_weights: bool
    default_layer: str
    classes: tuple[str, ...] = ()


def list_networks() -> list[ListedNetwork]:
    """Return the networks that `load_network` knows, and the patterns of names of other networks.

    Examples
    --------
    >>> [listed.name for listed in list_networks()][:2]
    ['facies', 'geology']
    """
    shipped = ((name, read_metadata(name)) for name in SHIPPED)
    return [
        *(
            ListedNetwork(name, f"built in: {metadata.title}", False, metadata.default_layer, tuple(metadata.classes))
            for name, metadata in shipped
            if metadata is not None
        ),
        ListedNetwork(
            "gabor", "built in: two stages of oriented filters, not trained, one channel", False, "stage2/rectified"
        ),
        ListedNetwork(
            "googlenet",
            "BVLC GoogLeNet (Caffe), the network of the original DeepDream; downloaded once, 53 MB",
            True,
            CAFFE_NETWORKS["googlenet"].default_layer,
        ),
        ListedNetwork(
            "squeezenet1_1",
            "SqueezeNet 1.1 (Caffe), small and fast; downloaded once, 5 MB",
            True,
            CAFFE_NETWORKS["squeezenet1_1"].default_layer,
        ),
        ListedNetwork("FILE.safetensors", "a network that `seisdream train` wrote", False, ""),
        ListedNetwork("NAME@random[:SEED]", "one of seisdream's networks with random weights, as a control", False, ""),
        ListedNetwork(
            "NAME@shuffled", "the same, trained on labels of other sections (`seisdream train --shuffled`)", False, ""
        ),
        ListedNetwork("FILE.pt", "a network of TorchScript (--normalise, --input-order)", False, ""),
        ListedNetwork("FILE.onnx", "an ONNX graph (extra 'onnx'; --normalise, --input-order)", False, ""),
        ListedNetwork("timm:NAME", "any network of timm (extra 'models')", False, ""),
        ListedNetwork("torchvision:NAME", "any network of torchvision (extra 'models')", False, ""),
        ListedNetwork(
            "FILE.py:FUNCTION",
            "your own, or PACKAGE.MODULE:FUNCTION: a function that returns a torch.nn.Module (--weights, --normalise, "
            "--input-order)",
            True,
            "",
        ),
    ]


def require_class_map(network: str) -> None:
    """Raise `SeisdreamError`, before any download, if a network is known not to predict a class for every sample."""
    if network in CAFFE_NETWORKS or network.startswith("timm:"):
        raise SeisdreamError(
            f"{network} classifies whole photographs and predicts no class for every sample; use a network that does: "
            "`network=facies` (the default), `network=f3-intervals`, or a file of `seisdream train`. To see what "
            f"{network} responds to in a section, use `seisdream dream` or `seisdream attribute`.",
            code="incompatible",
            option="network",
        )


def as_network(network: Network | str) -> Network:
    """Return a network as it is, or load it by name as `load_network` does."""
    return network if isinstance(network, Network) else load_network(network)


def list_layers(network: Network | str) -> list[LayerInfo]:
    """Return the layers of a network in the order in which they are computed.

    Parameters
    ----------
    network : Network or str
        A network or its name.

    Returns
    -------
    list of LayerInfo
        Name, kind, number of channels, stride and receptive field of each layer.

    Examples
    --------
    >>> [layer.name for layer in list_layers("gabor")][-1]
    'stage2/rectified'
    """
    return list(as_network(network).layers.values())


def open_network(
    name: str, weights: str | None = None, options: Mapping[str, Any] | None = None, *, trust_code: bool = True
) -> Network:
    """Load a network from plain values, as settings hold them.

    Parameters
    ----------
    name : str
        As `list_networks` lists it, a ``.safetensors`` file, or ``package.module:factory``.
    weights : str, optional
        File of weights.
    options : mapping, optional
        ``classes`` (a file), ``class_layer``, ``class_activation``, ``dims``, and for a network without its own
        preprocessing the arguments of `Preprocessing`.
    trust_code : bool, default True
        As for `load_network`: False if the name comes from a file.
    """
    options = dict(options or {})
    _check_options(options)
    own = {key: options.pop(key) for key in _OWN_OPTIONS if key in options}
    if options and not {"order", "normalise", "lines"} & set(options):
        given = ", ".join(f"`{option}`" if option == "statistics" else f"`input_{option}`" for option in options)
        raise SeisdreamError(
            f"{given} also need `input_order` (grey, rgb or bgr) or `normalise`.",
            code="missing-argument",
            option="input_order",
        )
    preprocessing = Preprocessing(**options) if options else None
    return load_network(name, weights=weights, preprocessing=preprocessing, trust_code=trust_code, **own)


def _check_options(options: Mapping[str, Any]) -> None:
    """Raise `SeisdreamError` where an option, which a recipe may state, does not exist or is of another type."""
    for name, value in options.items():
        if name not in _OPTIONS_FORM:
            raise SeisdreamError(
                f"`network_options` has '{name}'; it may have {', '.join(_OPTIONS_FORM)}.",
                code="unknown-argument",
                option="network_options",
            )
        try:
            check_form(list(value) if isinstance(value, tuple) else value, _OPTIONS_FORM[name], f"'{name}'")
        except ValueError as error:
            raise SeisdreamError(f"`network_options`: {error}.", code="wrong-type", option="network_options") from error


def load_network(
    network: str | nn.Module,
    *,
    weights: str | os.PathLike[str] | None = None,
    preprocessing: Preprocessing | None = None,
    classes: str | os.PathLike[str] | Sequence[str] | None = None,
    class_layer: str | None = None,
    class_activation: Activation | None = None,
    dims: int | None = None,
    seed: int = 0,
    progress: Progress = True,
    trust_code: bool = True,
) -> Network:
    """Load a network by name, or wrap a module of your own.

    Parameters
    ----------
    network : str or torch.nn.Module
        One of

        - ``facies``, ``facies-robust``, ``geology``, ``f3-intervals``, ``faults`` (for cubes), or a file of
          `seisdream train`, each also as ``NAME@random:SEED`` and ``NAME@shuffled``;
        - ``gabor``, ``googlenet``, ``squeezenet1_1``, ``timm:NAME``, ``torchvision:NAME``;
        - ``FILE.pt``, a network of TorchScript;
        - ``FILE.onnx``, an ONNX graph, which onnx2torch converts;
        - ``package.module:factory``, a function on Python's path or in the current folder that takes no arguments and
          returns a module, or ``FILE.py:factory``, a function in a file anywhere;
        - a module.
    weights : path, optional
        ``.safetensors``, ``.caffemodel`` or a PyTorch state dict. Default: published weights are downloaded once, and
        a network of your own keeps its weights.
    preprocessing : Preprocessing, optional
        From grey levels to the input of the network. Needed for a network of your own; other networks have theirs.
    classes : path or sequence of str, optional
        Class names in output order, or a text file with one per line.
    class_layer : str, optional
        The layer with one channel for each class. Default: the layer of the logits that `forward` returns.
    class_activation : {"softmax", "sigmoid"}, optional
        How logits become probabilities: one class at each position, or several labels at once. Default: what the
        network applies to its logits; if that is nothing, softmax, or sigmoid for a single output.
    dims : {2, 3}, optional
        Whether the network takes sections ``(batch, channel, row, column)`` or cubes ``(batch, channel, time, inline,
        crossline)``. Default: as its convolutions and trial runs show.
    seed : int, default 0
        Random seed of the weights that a factory initialises.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`.
    trust_code : bool, default True
        Whether ``package.module:factory`` may be imported and called, TorchScript may be loaded, and ``timm:NAME`` and
        ``torchvision:NAME`` may be downloaded. Use False if the name comes from a file.

    Returns
    -------
    Network
        The network.

    Raises
    ------
    SeisdreamError
        If there is no such network, its weights do not fit or cannot be downloaded, its preprocessing is not known, or
        it is not trusted (``untrusted``).

    Examples
    --------
    >>> load_network("gabor").default_layer
    'stage2/rectified'
    """
    loaded = _load(network, weights, preprocessing, _class_names(classes), seed, progress, trust_code)
    loaded.is_loadable = isinstance(network, str)
    loaded.weights = None if weights is None else os.fspath(weights)
    if preprocessing is not None:
        loaded.options = preprocessing.to_dict()
    loaded.choose_classes(class_layer, class_activation)
    if dims is not None:
        loaded.choose_dims(dims)
    for key, value in zip(_OWN_OPTIONS, (classes, class_layer, class_activation, dims), strict=True):
        if value is not None:
            loaded.options[key] = _plain(value)
    return loaded


def _plain(value: Any) -> Any:
    """Return an option as JSON stores it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _load(
    network: str | nn.Module,
    weights,
    preprocessing: Preprocessing | None,
    names: tuple[str, ...],
    seed: int,
    progress: Progress,
    trust_code: bool,
) -> Network:
    if isinstance(network, nn.Module):
        return _own_network(type(network).__name__, network, weights, preprocessing, names)
    if network == "gabor":
        return _gabor(weights)
    if network in CAFFE_NETWORKS:
        return from_caffe(network, weights, preprocessing, names, progress)
    if split_variant(network)[0] in SHIPPED or split_variant(network)[0].endswith(".safetensors"):
        return _trained(network, weights, preprocessing, names)
    if network.endswith((".onnx", *ENDINGS)):
        return _from_file(network, weights, preprocessing, names, trust_code=trust_code)
    # A file may be on a drive with a colon; only the last one comes before the function.
    home, colon, name = network.rpartition(":") if ".py:" in network else network.partition(":")
    if not colon:
        close = near_matches(network, [listed.name for listed in list_networks() if ":" not in listed.name])
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        if network.endswith(".py"):
            hint = f"A network of your own is named with its function, {network}:FUNCTION. "
        raise SeisdreamError(
            f"There is no network '{network}'. {hint}`seisdream networks` lists all.",
            code="unknown-name",
            option="network",
        )
    is_collection = home in ("timm", "torchvision")
    if not trust_code:
        what = f"whose weights {home} would download" if is_collection else "Python code that would be imported and run"
        raise SeisdreamError(
            f"A file names the network '{network}', {what}. If you trust it, allow it with `trust={network}`.",
            code="untrusted",
            option="trust",
        )
    if is_collection:
        # Imported here because few networks come from a collection.
        from seisdream.models.collections import from_timm, from_torchvision

        return (from_timm if home == "timm" else from_torchvision)(name, weights, preprocessing, names)
    _check_preprocessing(network, preprocessing)
    return _own_network(network, call_factory(home, name, seed), weights, preprocessing, names)


def _class_names(classes: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    return read_class_names(classes) if isinstance(classes, str | os.PathLike) else tuple(classes)


def _trained(network: str, weights, preprocessing: Preprocessing | None, classes) -> Network:
    if weights is not None or preprocessing is not None or classes:
        raise SeisdreamError(
            f"{network} has its own weights, preprocessing and classes; leave out `weights`, `classes` and the input "
            "options. To use other weights, give their file as the network: `network=FILE.safetensors`.",
            code="incompatible",
            option="weights",
        )
    name, variant = split_variant(network)
    return load_trained(network, trained_file(name) if name in SHIPPED else name, variant)


def _gabor(weights) -> Network:
    if weights is not None:
        raise SeisdreamError(
            "gabor is built in and takes no weights; leave out `weights`.", code="incompatible", option="weights"
        )
    module = with_seed(Gabor)
    return Network(
        "gabor",
        module,
        Preprocessing("grey", scale=1 / 127.5, mean=(1.0,)),
        has_classes=False,
        default_layer="stage2/rectified",
        credit="seisdream",
        licence="Apache-2.0",
        channel_labels=module.channel_labels(),
        runs_whole_in_bfloat16=True,
    )


def _from_file(
    path: str, weights, preprocessing: Preprocessing | None, classes: tuple[str, ...], *, trust_code: bool
) -> Network:
    """Return the network in a file of TorchScript or ONNX."""
    if weights is not None:
        raise SeisdreamError(f"{path} has its own weights; leave out `weights`.", code="incompatible", option="weights")
    is_onnx = path.endswith(".onnx")
    if not trust_code:
        what = "which onnx2torch would read" if is_onnx else "which is TorchScript: code that would be run"
        raise SeisdreamError(
            f"A file names the network '{path}', {what}. If you trust it, allow it with `trust={path}`.",
            code="untrusted",
            option="trust",
        )
    _check_preprocessing(path, preprocessing)
    if not is_onnx:
        return _own_network(path, load_torchscript(path), None, preprocessing, classes)
    # Imported here because few networks are ONNX graphs.
    from seisdream.models.onnx_graphs import load_onnx

    return _own_network(path, load_onnx(path), None, preprocessing, classes)


def _own_network(name: str, module: nn.Module, weights, preprocessing: Preprocessing | None, classes) -> Network:
    preprocessing = _check_preprocessing(name, preprocessing)
    notes = [] if weights is None else load_weights(module, weights, name)
    network = Network(name, module, preprocessing, classes=classes)
    network.notes = notes
    return network


def _check_preprocessing(name: str, preprocessing: Preprocessing | None) -> Preprocessing:
    if preprocessing is None:
        raise SeisdreamError(
            f"The preprocessing of {name} is not known. For a network trained on standardised amplitudes give "
            "`normalise=zscore` (or zscore-clip:3, minmax, minmax:0,1) and `statistics` (section, window or volume); "
            "for one trained on grey levels give `input_order` (grey, rgb or bgr) and, unless they are 1, 0 and 1, "
            "`input_scale`, `input_mean` and `input_std`. In Python give a Preprocessing (`preprocessing`).",
            code="missing-argument",
            option="preprocessing",
        )
    return preprocessing
