"""seisdream shows what a neural network sees in seismic.

Open a section, load a network, dream:

>>> import seisdream
>>> section = seisdream.open_section("sample:built-in")
>>> network = seisdream.load_network("gabor")
>>> dreamed = seisdream.dream_section(section, network, steps=1, octaves=1)
"""

import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Names load when they are first used, so that `import seisdream` and the command line's help stay quick.
_HOMES = {
    "Channel": "seisdream.dreaming.objectives.terms",
    "ClassLogit": "seisdream.dreaming.objectives.terms",
    "Dream": "seisdream.dreaming.dream",
    "DreamState": "seisdream.dreaming.dream",
    "Layer": "seisdream.dreaming.objectives.terms",
    "Network": "seisdream.models.network",
    "Neuron": "seisdream.dreaming.objectives.terms",
    "Preprocessing": "seisdream.models.network",
    "DreamSettings": "seisdream.dreaming.settings",
    "SeisdreamError": "seisdream.errors",
    "attribute_section": "seisdream.attribution.attribute",
    "permutation_controls": "seisdream.controls.permutation",
    "dream_section": "seisdream.dreaming.dream",
    "load_result": "seisdream.results.load",
    "Result": "seisdream.results.result",
    "load_network": "seisdream.models.registry",
    "make_section": "seisdream.seismic.sections",
    "open_section": "seisdream.io.inputs",
    "predict": "seisdream.inference.predict",
    "record_activations": "seisdream.inference.recorder",
    "replay": "seisdream.dreaming.replay",
    "write_dream": "seisdream.dreaming.outputs",
}

__all__ = [
    "Channel",
    "ClassLogit",
    "Dream",
    "DreamSettings",
    "DreamState",
    "Layer",
    "Network",
    "Neuron",
    "Preprocessing",
    "Result",
    "SeisdreamError",
    "attribute_section",
    "dream_section",
    "load_network",
    "load_result",
    "make_section",
    "open_section",
    "permutation_controls",
    "predict",
    "record_activations",
    "replay",
    "write_dream",
]

if TYPE_CHECKING:
    from seisdream.attribution.attribute import attribute_section
    from seisdream.controls.permutation import permutation_controls
    from seisdream.dreaming.dream import Dream, DreamState, dream_section
    from seisdream.dreaming.objectives.terms import Channel, ClassLogit, Layer, Neuron
    from seisdream.dreaming.outputs import write_dream
    from seisdream.dreaming.replay import replay
    from seisdream.dreaming.settings import DreamSettings
    from seisdream.errors import SeisdreamError
    from seisdream.inference.predict import predict
    from seisdream.inference.recorder import record_activations
    from seisdream.io.inputs import open_section
    from seisdream.models.network import Network, Preprocessing
    from seisdream.models.registry import load_network
    from seisdream.results.load import load_result
    from seisdream.results.result import Result
    from seisdream.seismic.sections import make_section


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'seisdream' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    if "xarray" in sys.modules:
        # Registers `DataArray.seisdream`, as soon as there can be an array to use it on.
        import_module("seisdream.accessor")
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
