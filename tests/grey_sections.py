"""The input that networks of one grey channel receive from a section."""

import numpy as np
import torch

from seisdream.models.preprocessing import Preprocessing
from seisdream.seismic.sections import GreyMapping

GREY = Preprocessing("grey", scale=1 / 127.5, mean=(1.0,))


def network_input(section):
    """Return a section as the input of a network, ``(1, 1, time, trace)``."""
    grey = np.clip(GreyMapping.of(section).to_grey(section.values), 0, 255)
    return GREY(torch.from_numpy(grey)[None, None].float())
