"""Networks by name: built in, from the literature, from model collections, and the user's own."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.fetch import Progress, git_blob_id
from seisdream.models.checkpoints import SHIPPED, load_trained, read_metadata, split_variant, trained_file
from seisdream.models.layers import LayerInfo
from seisdream.models.network import Network
from seisdream.models.output import Activation
from seisdream.models.preprocessing import Preprocessing
from seisdream.models.torchscript import ENDINGS, load_torchscript
from seisdream.models.weights import PublicWeights, class_names_near, load_weights, read_class_names
from seisdream.models.zoo.gabor import Gabor
from seisdream.models.zoo.googlenet import BGR_MEANS, GoogLeNet
from seisdream.models.zoo.squeezenet import CAFFE_NAMES, SqueezeNet

_OWN_OPTIONS = ("classes", "class_layer", "class_activation", "dims")

# The ImageNet networks of Caffe take blue, green, red minus these means.
_CAFFE_INPUT = Preprocessing("bgr", mean=BGR_MEANS)


class _CaffeNetwork(NamedTuple):
    architecture: type[nn.Module]
    weights: PublicWeights
    loading: dict[str, Any]
    class_layer: str
    default_layer: str
    stem: str
    credit: str
    licence: str


_CAFFE_NETWORKS = {
    "googlenet": _CaffeNetwork(
        GoogLeNet,
        PublicWeights(
            (
                "http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
                "https://www.deepdetect.com/downloads/platform/pretrained/caffe/googlenet/bvlc_googlenet.caffemodel",
            ),
            "bvlc_googlenet.caffemodel",
            sha1="405fc5acd08a3bb12de8ee5e23a96bec22f08204",
        ),
        # The auxiliary heads are only for training.
        {"leave_out": ("loss1/", "loss2/")},
        class_layer="loss3/classifier",
        default_layer="inception_4c/output",
        stem="conv1/7x7_s2",
        credit="BVLC GoogLeNet, Sergio Guadarrama; Szegedy and others 2015",
        licence="unrestricted use",
    ),
    "squeezenet1_1": _CaffeNetwork(
        SqueezeNet,
        PublicWeights(
            (
                "https://raw.githubusercontent.com/DeepScale/SqueezeNet/51147dc0681638c28aad593b9e923f3500117125/"
                "SqueezeNet_v1.1/squeezenet_v1.1.caffemodel",
            ),
            "squeezenet_v1.1.caffemodel",
            verify=lambda path: git_blob_id(path) == "9d2fc33abf653a6e8b2ee6cc63ede0e72ec67f44",
        ),
        {"caffe_names": CAFFE_NAMES},
        class_layer="classifier.1",
        default_layer="features.9",
        stem="features.0",
        credit="SqueezeNet 1.1, Iandola and others 2016",
        licence="BSD-2-Clause",
    ),
}


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
    """

    name: str
    description: str
    needs_weights: bool
    default_layer: str


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
            ListedNetwork(name, f"built in: {metadata.title}", False, metadata.default_layer)
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
            _CAFFE_NETWORKS["googlenet"].default_layer,
        ),
        ListedNetwork(
            "squeezenet1_1",
            "SqueezeNet 1.1 (Caffe), small and fast; downloaded once, 5 MB",
            True,
            _CAFFE_NETWORKS["squeezenet1_1"].default_layer,
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
            "PACKAGE.MODULE:FACTORY",
            "your own: a function that returns a torch.nn.Module (--weights, --normalise, --input-order)",
            True,
            "",
        ),
    ]


def require_class_map(network: str) -> None:
    """Raise `SeisdreamError`, before any download, if a network is known not to predict a class for every sample."""
    if network in _CAFFE_NETWORKS or network.startswith("timm:"):
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

        - ``facies``, ``geology``, ``f3-intervals``, or a file that `seisdream train` wrote, each also as
          ``NAME@random:SEED`` and ``NAME@shuffled``;
        - ``gabor``, ``googlenet``, ``squeezenet1_1``, ``timm:NAME``, ``torchvision:NAME``;
        - ``FILE.pt``, a network of TorchScript;
        - ``FILE.onnx``, an ONNX graph, which onnx2torch converts;
        - ``package.module:factory``, a function on Python's path or in the current folder that takes no arguments and
          returns a module;
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
    if network in _CAFFE_NETWORKS:
        return _from_caffe(network, weights, preprocessing, names, progress)
    if split_variant(network)[0] in SHIPPED or split_variant(network)[0].endswith(".safetensors"):
        return _trained(network, weights, preprocessing, names)
    if network.endswith(".onnx"):
        return _from_onnx(network, weights, preprocessing, names, trust_code=trust_code)
    if network.endswith(ENDINGS):
        return _from_torchscript(network, weights, preprocessing, names, trust_code=trust_code)
    home, colon, name = network.partition(":")
    if not colon:
        close = near_matches(network, [listed.name for listed in list_networks() if ":" not in listed.name])
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
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
    return _own_network(network, _call_factory(home, name, seed), weights, preprocessing, names)


def _class_names(classes: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    return read_class_names(classes) if isinstance(classes, str | os.PathLike) else tuple(classes)


def _with_seed(make: Callable[[], Any], seed: int = 0) -> Any:
    """Call a function with a random seed, and leave the global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _from_caffe(name: str, weights, preprocessing: Preprocessing | None, classes, progress: Progress) -> Network:
    known = _CAFFE_NETWORKS[name]
    path = weights or known.weights.fetch(progress)
    module = _with_seed(known.architecture)
    load_weights(module, path, name, is_strict=True, **known.loading)
    return Network(
        name,
        module.eval(),
        preprocessing or _CAFFE_INPUT,
        classes=classes or class_names_near(path),
        class_layer=known.class_layer,
        default_layer=known.default_layer,
        stem=known.stem,
        credit=known.credit,
        licence=known.licence,
        runs_whole_in_bfloat16=True,
    )


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
    module = _with_seed(Gabor)
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


def _from_onnx(
    path: str, weights, preprocessing: Preprocessing | None, classes: tuple[str, ...], *, trust_code: bool
) -> Network:
    if weights is not None:
        raise SeisdreamError(f"{path} has its own weights; leave out `weights`.", code="incompatible", option="weights")
    if not trust_code:
        raise SeisdreamError(
            f"A file names the network '{path}', which onnx2torch would read. If you trust it, allow it with "
            f"`trust={path}`.",
            code="untrusted",
            option="trust",
        )
    _check_preprocessing(path, preprocessing)
    # Imported here because few networks are ONNX graphs.
    from seisdream.models.onnx_graphs import load_onnx

    return _own_network(path, load_onnx(path), None, preprocessing, classes)


def _from_torchscript(
    path: str, weights, preprocessing: Preprocessing | None, classes: tuple[str, ...], *, trust_code: bool
) -> Network:
    if weights is not None:
        raise SeisdreamError(f"{path} has its own weights; leave out `weights`.", code="incompatible", option="weights")
    if not trust_code:
        raise SeisdreamError(
            f"A file names the network '{path}', which is TorchScript: code that would be run. If you trust it, allow "
            f"it with `trust={path}`.",
            code="untrusted",
            option="trust",
        )
    _check_preprocessing(path, preprocessing)
    return _own_network(path, load_torchscript(path), None, preprocessing, classes)


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


def _call_factory(module_name: str, factory_name: str, seed: int) -> nn.Module:
    name = f"{module_name}:{factory_name}"
    try:
        with _current_folder_on_path():
            factory = getattr(_with_seed(lambda: importlib.import_module(module_name)), factory_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise SeisdreamError(
                f"{name} cannot be imported: it needs {error.name}, which is not installed.",
                code="network-failed",
                option="network",
            ) from error
        raise SeisdreamError(
            f"There is no Python module '{module_name}' on the path or in the current folder; a network of your own is "
            "PACKAGE.MODULE:FACTORY (`seisdream networks`).",
            code="unknown-name",
            option="network",
        ) from error
    except (AttributeError, ValueError) as error:
        raise SeisdreamError(
            f"The module '{module_name}' has no function '{factory_name}'.", code="unknown-name", option="network"
        ) from error
    except Exception as error:
        raise SeisdreamError(
            f"Importing '{module_name}' failed: {type(error).__name__}: {error}",
            code="network-failed",
            option="network",
        ) from error
    try:
        module = factory if isinstance(factory, nn.Module) else _with_seed(factory, seed)
    except Exception as error:
        raise SeisdreamError(
            f"{name}() failed: {type(error).__name__}: {error}. It must take no arguments and return a "
            "torch.nn.Module.",
            code="network-failed",
            option="network",
        ) from error
    if not isinstance(module, nn.Module):
        raise SeisdreamError(
            f"{name}() returned a {type(module).__name__}; it must return a torch.nn.Module.",
            code="wrong-type",
            option="network",
        )
    return module


@contextlib.contextmanager
def _current_folder_on_path() -> Iterator[None]:
    # The path of a console script lacks the current folder, which `python -m` has.
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
