"""All networks by one name: built in, of the literature, of model collections, and the user's own."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import nn

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.fetch import Progress, git_blob_id
from seisdream.models.checkpoints import SHIPPED, load_trained, read_metadata, split_variant, trained_file
from seisdream.models.network import Network, Preprocessing
from seisdream.models.weights import PublicWeights, class_names_beside, load_weights, read_class_names
from seisdream.models.zoo.gabor import Gabor
from seisdream.models.zoo.googlenet import BGR_MEANS, GoogLeNet
from seisdream.models.zoo.squeezenet import CAFFE_NAMES, SqueezeNet

# Caffe's ImageNet networks all take blue, green, red minus these means.
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
        # The auxiliary heads served only to train.
        {"leave_out": ("loss1/", "loss2/")},
        class_layer="loss3/classifier",
        default_layer="inception_4c/output",
        stem="conv1/7x7_s2",
        credit="BVLC GoogLeNet, Sergio Guadarrama; Szegedy et al. 2015",
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
        credit="SqueezeNet 1.1, Iandola et al. 2016",
        licence="BSD-2-Clause",
    ),
}


class ListedNetwork(NamedTuple):
    """A line of `seisdream networks`."""

    name: str
    description: str
    needs_weights: bool
    default_layer: str


_LISTED = (
    *(
        ListedNetwork(name, f"built in: {story.title}", False, story.default_layer)
        for name in SHIPPED
        if (story := read_metadata(trained_file(name)))
    ),
    ListedNetwork(
        "gabor", "built in: two stages of oriented filters, no training, one channel", False, "stage2/rectified"
    ),
    ListedNetwork(
        "googlenet",
        "BVLC GoogLeNet (Caffe), of the original DeepDream; fetched once, 53 MB",
        True,
        _CAFFE_NETWORKS["googlenet"].default_layer,
    ),
    ListedNetwork(
        "squeezenet1_1",
        "SqueezeNet 1.1 (Caffe), small and fast; fetched once, 5 MB",
        True,
        _CAFFE_NETWORKS["squeezenet1_1"].default_layer,
    ),
    ListedNetwork("FILE.safetensors", "what `seisdream train` wrote", False, ""),
    ListedNetwork(
        "NAME@random[:SEED]", "one of seisdream's with random weights: what training did shows beside it", False, ""
    ),
    ListedNetwork(
        "NAME@shuffled", "the same, trained on labels of other sections (`seisdream train --shuffled`)", False, ""
    ),
    ListedNetwork("timm:NAME", "any network of timm, fetched by it (pip install seisdream[models])", False, ""),
    ListedNetwork(
        "torchvision:NAME", "any network of torchvision, fetched by it (pip install seisdream[models])", False, ""
    ),
    ListedNetwork(
        "PACKAGE.MODULE:FACTORY",
        "your own: a function that returns a torch.nn.Module (--weights, --input-order)",
        True,
        "",
    ),
)


def list_networks() -> list[ListedNetwork]:
    """Return the networks, and the forms of name for networks that live elsewhere."""
    return list(_LISTED)


def check_maps_classes(network: str) -> None:
    """Raise `SeisdreamError`, before anything is fetched, where a network is known to make no map of classes."""
    if network in _CAFFE_NETWORKS or network.startswith("timm:"):
        raise SeisdreamError(
            f"{network} was trained to name what a whole photograph shows, so it makes no map of classes; use a "
            "network that does: --network facies (the default), f3-intervals, or FILE.safetensors of `seisdream "
            f"train`. What {network} sees in a section `seisdream dream` and `seisdream attribute` show."
        )


def as_network(network: Network | str) -> Network:
    """Return a network as it is, or load it by name as `load_network` does."""
    return network if isinstance(network, Network) else load_network(network)


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
        ``classes`` (a file), and the input of a network that does not declare it: ``order``, ``scale``, ``mean``,
        ``std`` of `Preprocessing`.
    trust_code : bool, default True
        As for `load_network`: False where the name comes from a file.
    """
    options = dict(options or {})
    classes = options.pop("classes", None)
    if options and "order" not in options:
        given = ", ".join(f"`input_{option}`" for option in options)
        raise SeisdreamError(
            f"Got {given} without `input_order`; state grey, rgb or bgr too.",
            code="missing-argument",
            option="input_order",
        )
    preprocessing = Preprocessing(**options) if options else None
    return load_network(name, weights=weights, preprocessing=preprocessing, classes=classes, trust_code=trust_code)


def load_network(
    network: str | nn.Module,
    *,
    weights: str | os.PathLike[str] | None = None,
    preprocessing: Preprocessing | None = None,
    classes: str | os.PathLike[str] | Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = True,
    trust_code: bool = True,
) -> Network:
    """Load a network by its name, or wrap one of your own.

    Parameters
    ----------
    network : str or torch.nn.Module
        ``facies``, or a file that `seisdream train` wrote, each also as
        ``NAME@random:SEED`` and ``NAME@shuffled``; ``gabor``, ``googlenet``, ``squeezenet1_1``, ``timm:NAME``,
        ``torchvision:NAME``, ``package.module:factory`` (found on Python's path or in the current folder, called
        without arguments), or a module.
    weights : path, optional
        ``.safetensors``, ``.caffemodel`` or a state dict of torch. Without it, published weights are fetched once;
        a network of the user's own keeps the weights that it comes with.
    preprocessing : Preprocessing, optional
        From grey levels to the network's input. Needed for a network of the user's own, of which nobody can guess
        it; other networks bring their own.
    classes : path or sequence of str, optional
        Class names in output order, or a text file of them, one a line.
    seed : int, default 0
        Of the random weights of a factory that brings none.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`.
    trust_code : bool, default True
        Whether ``package.module:factory`` may be imported and called. False where the name comes from a file.

    Raises
    ------
    SeisdreamError
        If there is no such network, its weights do not fit or cannot be fetched, its preprocessing is not stated,
        or it is Python code that is not trusted.

    Examples
    --------
    >>> load_network("gabor").default_layer
    'stage2/rectified'
    """
    loaded = _load(network, weights, preprocessing, _class_names(classes), seed, progress, trust_code)
    loaded.is_loadable = isinstance(network, str)
    loaded.weights = None if weights is None else os.fspath(weights)
    if preprocessing is not None:
        loaded.options = {name: _plain(value) for name, value in asdict(preprocessing).items()}
    if classes is not None:
        loaded.options["classes"] = _plain(classes)
    return loaded


def _plain(value: Any) -> Any:
    """Return an option as JSON has it."""
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
    if split_variant(network)[0] in SHIPPED or _is_trained_file(network):
        return _trained(network, weights, preprocessing, names)
    home, colon, name = network.partition(":")
    if not colon:
        close = near_matches(network, [listed.name for listed in _LISTED if ":" not in listed.name])
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise SeisdreamError(f"There is no network '{network}'; {hint}See `seisdream networks` for all.")
    if home == "timm":
        return _from_timm(name, weights, preprocessing, names)
    if home == "torchvision":
        return _from_torchvision(name, weights, preprocessing, names)
    if not trust_code:
        raise SeisdreamError(
            f"A file names the network '{network}', which is Python code: it would be imported and run. If you "
            f"trust that code, name it yourself: --trust {network} (in Python, trust=['{network}'])."
        )
    _check_preprocessing(network, preprocessing)
    return _own_network(network, _call_factory(home, name, seed), weights, preprocessing, names)


def _class_names(classes: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    return read_class_names(classes) if isinstance(classes, str | os.PathLike) else tuple(classes)


def _made(make: Callable[[], Any], seed: int = 0) -> Any:
    """Call what makes a module; the random weights that it starts from use up nobody's random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _from_caffe(name: str, weights, preprocessing: Preprocessing | None, classes, progress: Progress) -> Network:
    known = _CAFFE_NETWORKS[name]
    path = weights or known.weights.fetch(progress)
    module = _made(known.architecture)
    load_weights(module, path, name, **known.loading)
    return Network(
        name,
        module.eval(),
        preprocessing or _CAFFE_INPUT,
        classes=classes or class_names_beside(path),
        class_layer=known.class_layer,
        default_layer=known.default_layer,
        stem=known.stem,
        credit=known.credit,
        licence=known.licence,
        runs_whole_in_bfloat16=True,
    )


def _is_trained_file(network: str) -> bool:
    return split_variant(network)[0].endswith(".safetensors")


def _trained(network: str, weights, preprocessing: Preprocessing | None, classes) -> Network:
    if weights is not None or preprocessing is not None or classes:
        raise SeisdreamError(
            f"{network} brings its weights, its input and its classes; leave out --weights, --classes and --input-…, "
            "or name the file of other weights as the network itself: --network FILE.safetensors."
        )
    name, variant = split_variant(network)
    return load_trained(network, trained_file(name) if name in SHIPPED else name, variant)


def _gabor(weights) -> Network:
    if weights is not None:
        raise SeisdreamError("gabor is built in and takes no weights; leave out --weights.")
    module = _made(Gabor)
    return Network(
        "gabor",
        module,
        Preprocessing("grey", scale=1 / 127.5, mean=(1.0,)),
        default_layer="stage2/rectified",
        credit="seisdream",
        licence="Apache-2.0",
        channel_labels=module.channel_labels(),
        runs_whole_in_bfloat16=True,
    )


def _own_network(name: str, module: nn.Module, weights, preprocessing: Preprocessing | None, classes) -> Network:
    preprocessing = _check_preprocessing(name, preprocessing)
    if weights is not None:
        load_weights(module, weights, name)
    return Network(name, module, preprocessing, classes=classes)


def _check_preprocessing(name: str, preprocessing: Preprocessing | None) -> Preprocessing:
    if preprocessing is None:
        raise SeisdreamError(
            f"How {name} wants its input is not known, and is not guessed: state it with --input-order grey|rgb|bgr "
            "and, where they are not 1, 0 and 1, --input-scale, --input-mean and --input-std (in Python, "
            "preprocessing=Preprocessing(...))."
        )
    return preprocessing


def _call_factory(module_name: str, factory_name: str, seed: int) -> nn.Module:
    name = f"{module_name}:{factory_name}"
    try:
        with _current_folder_on_path():
            factory = getattr(_made(lambda: importlib.import_module(module_name)), factory_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise SeisdreamError(
                f"{name} cannot be imported: it needs {error.name}, which is not installed."
            ) from error
        raise SeisdreamError(
            f"There is no Python module '{module_name}' here or on the path; a network of your own is named "
            "PACKAGE.MODULE:FACTORY (see `seisdream networks`)."
        ) from error
    except (AttributeError, ValueError) as error:
        raise SeisdreamError(f"The module '{module_name}' has no '{factory_name}' to make a network with.") from error
    except Exception as error:
        raise SeisdreamError(f"Importing '{module_name}' failed: {type(error).__name__}: {error}") from error
    try:
        module = factory if isinstance(factory, nn.Module) else _made(factory, seed)
    except Exception as error:
        raise SeisdreamError(
            f"{name}() failed: {type(error).__name__}: {error}. It is called without arguments and returns a "
            "torch.nn.Module."
        ) from error
    if not isinstance(module, nn.Module):
        raise SeisdreamError(f"{name}() gave a {type(module).__name__}; expected a torch.nn.Module.")
    return module


@contextlib.contextmanager
def _current_folder_on_path():
    # A console script, unlike `python -m`, does not look in the current folder.
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _import_collection(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except (ImportError, RuntimeError) as error:
        raise SeisdreamError(
            f"{package} cannot be imported ({str(error).splitlines()[0]}); install it with: "
            "pip install seisdream[models]"
        ) from error


def _from_timm(name: str, weights, preprocessing: Preprocessing | None, classes) -> Network:
    timm = _import_collection("timm")
    available = timm.list_models()
    if name.partition(".")[0] not in available:
        raise _no_such_model("timm", name, available)
    try:
        module = timm.create_model(name, pretrained=weights is None)
    except Exception as error:
        raise SeisdreamError(f"timm cannot load {name}: {type(error).__name__}: {error}. {_OFFLINE_HINT}") from error
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


def _from_torchvision(name: str, weights, preprocessing: Preprocessing | None, classes) -> Network:
    models = _import_collection("torchvision.models")
    available = models.list_models()
    if name not in available:
        raise _no_such_model("torchvision", name, available)
    published = models.get_model_weights(name).DEFAULT
    try:
        module = models.get_model(name, weights=published if weights is None else None)
    except Exception as error:
        raise SeisdreamError(
            f"torchvision cannot load {name}: {type(error).__name__}: {error}. {_OFFLINE_HINT}"
        ) from error
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


_OFFLINE_HINT = "Offline, give a file of its weights: --weights FILE."


def _no_such_model(collection: str, name: str, available: Sequence[str]) -> SeisdreamError:
    close = near_matches(name, available)
    hint = f"near it are {', '.join(close)}" if close else f"it has {len(available)} others"
    return SeisdreamError(f"{collection} has no network '{name}'; {hint}.")
