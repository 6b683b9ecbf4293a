"""seisdream shows what a neural network sees in seismic.

Open a section, load a network, dream:

>>> import seisdream
>>> section = seisdream.open_section("sample:built-in")
>>> network = seisdream.load_network("gabor")
>>> dreamed = seisdream.dream_section(section, network, steps=1, octaves=1)
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Names load when they are first used, so that `import seisdream` and the command line's help stay quick.
_HOMES = {
    "Channel": "seisdream.dream.objectives",
    "Class": "seisdream.dream.objectives",
    "Dream": "seisdream.dream.levels",
    "DreamState": "seisdream.dream.levels",
    "Layer": "seisdream.dream.objectives",
    "Network": "seisdream.nets.network",
    "Neuron": "seisdream.dream.objectives",
    "Preprocessing": "seisdream.nets.network",
    "Recipe": "seisdream.dream.recipe",
    "SeisdreamError": "seisdream.errors",
    "attribute_section": "seisdream.insight.attribution",
    "check_controls": "seisdream.insight.controls",
    "dream_section": "seisdream.dream.levels",
    "load_network": "seisdream.nets.registry",
    "make_section": "seisdream.seismic.sections",
    "open_section": "seisdream.io.inputs",
    "predict_section": "seisdream.insight.prediction",
    "record_activations": "seisdream.insight.activations",
    "replay": "seisdream.dream.replay",
    "write_dream": "seisdream.dream.outputs",
}

__all__ = [
    "Channel",
    "Class",
    "Dream",
    "DreamState",
    "Layer",
    "Network",
    "Neuron",
    "Preprocessing",
    "Recipe",
    "SeisdreamError",
    "attribute_section",
    "check_controls",
    "dream_section",
    "load_network",
    "make_section",
    "open_section",
    "predict_section",
    "record_activations",
    "replay",
    "write_dream",
]

if TYPE_CHECKING:
    from seisdream.dream.levels import Dream, DreamState, dream_section
    from seisdream.dream.objectives import Channel, Class, Layer, Neuron
    from seisdream.dream.outputs import write_dream
    from seisdream.dream.recipe import Recipe
    from seisdream.dream.replay import replay
    from seisdream.errors import SeisdreamError
    from seisdream.insight.activations import record_activations
    from seisdream.insight.attribution import attribute_section
    from seisdream.insight.controls import check_controls
    from seisdream.insight.prediction import predict_section
    from seisdream.io.inputs import open_section
    from seisdream.nets.network import Network, Preprocessing
    from seisdream.nets.registry import load_network
    from seisdream.seismic.sections import make_section


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'seisdream' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
