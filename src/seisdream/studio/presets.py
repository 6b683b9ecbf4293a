"""What a person can choose at once: networks, and presets that make a good picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class StudioPreset:
    """One preset.

    Attributes
    ----------
    name : str
        For links.
    title, help : str
        What a person reads.
    network : str
        Name of the network.
    kind : {"dream", "predict"}
        What is run.
    settings : dict
        Those that differ from their defaults.
    """

    name: str
    title: str
    help: str
    network: str
    kind: str = "dream"
    settings: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the preset as values that JSON knows."""
        return asdict(self)


PRESETS = (
    StudioPreset(
        "seismic",
        "What the network sees",
        "The default layer of the robust facies network, with the spectrum of the survey.",
        "facies-robust",
    ),
    StudioPreset(
        "more-salt",
        "More salt",
        "Changes the section until the network sees more salt.",
        "facies-robust",
        settings={"layer": "class:salt"},
    ),
    StudioPreset(
        "more-clinoforms",
        "More clinoforms here",
        "Draw a mask first: only there the section changes towards clinoforms.",
        "facies-robust",
        settings={"layer": "class:clinoforms"},
    ),
    StudioPreset(
        "band",
        "Only what the survey's band allows",
        "The change keeps to the frequencies that the survey recorded.",
        "facies-robust",
        settings={"parameterization": "bandlimited"},
    ),
    StudioPreset(
        "2015",
        "The 2015 recipe",
        "The original recipe on GoogLeNet's mixed layer, on pixels, with jitter.",
        "googlenet",
        settings={"preset": "2015", "layer": "inception_4c/output"},
    ),
    StudioPreset(
        "reptiles",
        "Reptiles",
        "The same in colour: GoogLeNet learned from photographs, and most of what it draws on a section is reptiles.",
        "googlenet",
        settings={"preset": "2015", "layer": "inception_4c/output", "colour": True},
    ),
    StudioPreset(
        "which-rock",
        "Which rock?",
        "Predicts the facies of every sample, with probabilities.",
        "facies",
        kind="predict",
    ),
)
"""In the order in which the page shows them."""

NETWORKS = {
    "facies-robust": "Ten seismic facies, adversarially robust: for dreams",
    "facies": "Ten seismic facies: for predictions",
    "geology": "Geology of generated earths",
    "f3-intervals": "Intervals of F3",
    "faults": "Faults, in cubes",
    "gabor": "Oriented filters, not trained",
    "googlenet": "GoogLeNet, the network of 2015, trained on photographs; downloaded once",
    "squeezenet1_1": "SqueezeNet, small and fast, trained on photographs; downloaded once",
}
"""Networks that can be chosen, and what a person reads of them."""
