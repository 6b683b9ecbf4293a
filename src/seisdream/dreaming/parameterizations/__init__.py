"""Parameterizations: what a dream optimizes, and the section that follows from it."""

from seisdream.dreaming.parameterizations.bandlimited import Bandlimited
from seisdream.dreaming.parameterizations.base import Parameterization
from seisdream.dreaming.parameterizations.fourier import Fourier
from seisdream.dreaming.parameterizations.impedance import Impedance
from seisdream.dreaming.parameterizations.phase import Phase
from seisdream.dreaming.parameterizations.pixel import Pixel
from seisdream.dreaming.parameterizations.reflectivity import Reflectivity

__all__ = ["Bandlimited", "Fourier", "Impedance", "Parameterization", "Phase", "Pixel", "Reflectivity"]
