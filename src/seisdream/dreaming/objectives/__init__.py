"""Objectives: what a dream increases, composed like numbers or parsed from objective syntax.

Examples
--------
>>> print(Layer("enc2") - 0.3 * Channel("enc4", 5))
enc2 - 0.3*enc4:5
>>> parse("enc2 - 0.3*enc4:5") == Layer("enc2") - 0.3 * Channel("enc4", 5)
True
"""

from seisdream.dreaming.objectives.feature_matching import Caricature, Concept, Direction, Inversion
from seisdream.dreaming.objectives.parser import parse
from seisdream.dreaming.objectives.terms import Channel, ClassLogit, Layer, Neuron, Objective, Probability
from seisdream.dreaming.objectives.textures import Diversity, Style

__all__ = [
    "Caricature",
    "Channel",
    "ClassLogit",
    "Concept",
    "Direction",
    "Diversity",
    "Inversion",
    "Layer",
    "Neuron",
    "Objective",
    "Probability",
    "Style",
    "parse",
]
