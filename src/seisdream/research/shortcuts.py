"""Does a classifier look at the rock, or at a mark, a depth or a gain that goes with the class? Three tools say.

A network that learned a shortcut scores as well as an honest one wherever the shortcut holds (Geirhos and others,
"Shortcut learning in deep neural networks", Nature Machine Intelligence 2, 2020). What the tools measure of it is set
beside the same of honest networks, trained on data in which nothing but the rock says the class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seisdream.dreaming.dream import dream
from seisdream.models.network import Network
from seisdream.research.psychophysics.signal_detection import area_under_roc
from seisdream.seismic.sections import make_section
from seisdream.seismic.surrogates import Surrogates

SHORTCUTS = ("corner mark", "depth", "gain")
NONE = "none"
DREAM, ATLAS, CONTROLS = "dream", "atlas", "controls"
TOOLS = (DREAM, ATLAS, CONTROLS)

CALLED_AT = 4.0
"""Deviations of honest networks beyond which a tool names a shortcut."""

_LEAST_DEVIATION = 0.02  # Few honest networks may happen to agree more closely than they do.
_CORNER = 8
_TENTH = 0.1
_STEPS = 20

Evidence = Mapping[str, Mapping[str, float]]
"""By tool and shortcut, a number that is greater the more the network goes by it."""


def gather_evidence(network: Network, pictures: NDArray, tied: tuple[NDArray, NDArray], *, seed: int = 0) -> Evidence:
    """Return what the dream, the atlas and the controls show of a classifier of two classes.

    Parameters
    ----------
    network : Network
        Two classes, of which the second is asked about.
    pictures : array
        float32 ``(picture, time, trace)``, -1 to 1, in which nothing but the rock goes with the class.
    tied : (pictures, classes)
        The same of the network's own test set, in which whatever it learned by may go with the class.
    seed : int, default 0
        Of surrogates.

    Returns
    -------
    dict
        By tool:

        - dream: what a dream for the second class changes in some of the pictures. In a corner more than elsewhere;
          row by row alike across all traces; in loudness;
        - atlas: how the pictures that excite the second class most differ from those that excite it least, in
          deviations: in how loud their loudest corner is, in how deep their energy lies, in loudness;
        - controls: how much of the difference between classes is left when the pictures are replaced by surrogates.
          With random phases (no place, no form) it can only be gain; what is left beyond that with traces in random
          order, depth. They do not tell a mark.
    """
    return {
        DREAM: _of_dreams(network, pictures[:8]),
        ATLAS: _of_most_exciting(network, pictures),
        CONTROLS: _of_surrogates(network, *tied, seed),
    }


def name_shortcut(evidence: Evidence, honest: Sequence[Evidence]) -> dict[str, str]:
    """Return which shortcut each tool names, and all together, or ``none``.

    Parameters
    ----------
    evidence : dict
        Of the network in question.
    honest : sequence of dict
        Of three honest networks or more.

    Returns
    -------
    dict of str
        By tool: the shortcut that lies farthest beyond honest networks, if by more than `CALLED_AT` of their
        deviations. ``together``: the one that most tools name; among equals the one farthest beyond.
    """
    named: dict[str, str] = {}
    votes: Counter[str] = Counter()
    farthest: dict[str, float] = dict.fromkeys(SHORTCUTS, 0.0)
    for tool, found in evidence.items():
        beyond = {
            shortcut: _beyond(value, [one[tool][shortcut] for one in honest]) for shortcut, value in found.items()
        }
        best = max(beyond, key=beyond.__getitem__)
        named[tool] = best if beyond[best] > CALLED_AT else NONE
        if named[tool] != NONE:
            votes[best] += 1
            farthest[best] = max(farthest[best], beyond[best])
    together = max(votes, key=lambda shortcut: (votes[shortcut], farthest[shortcut])) if votes else NONE
    return named | {"together": together}


def _beyond(value: float, honest: Sequence[float]) -> float:
    return (value - float(np.mean(honest))) / max(float(np.std(honest, ddof=1)), _LEAST_DEVIATION)


def _excess(network: Network, pictures: NDArray) -> NDArray:
    """Return the second class's logit less the first's, ``(picture,)``."""
    with torch.no_grad():
        logits = network.module(torch.from_numpy(np.ascontiguousarray(pictures, np.float32))[:, None]).numpy()
    return logits[:, 1] - logits[:, 0]


def _of_dreams(network: Network, pictures: NDArray) -> dict[str, float]:
    assert network.classes is not None
    objective = f"class:{network.classes[1]} - class:{network.classes[0]}"
    found = []
    for picture in pictures:
        section = make_section(picture)
        settings = {"octaves": 1, "steps": _STEPS, "jitter": 0, "allow_small": True, "precision": "float32"}
        dreamed = dream(section, network, objective, **settings).dataset["dream"].values
        change = dreamed - picture
        energy = change**2 + 1e-12  # There may be nothing to change where all is black or white.
        rows = change.mean(1)
        found.append(
            [
                np.log(_loudest_corner(energy) / energy.mean()),
                np.mean(rows**2) / energy.mean(),
                np.log(dreamed.std() / picture.std()),
            ]
        )
    return dict(zip(SHORTCUTS, map(float, np.mean(found, 0)), strict=True))


def _of_most_exciting(network: Network, pictures: NDArray) -> dict[str, float]:
    order = np.argsort(_excess(network, pictures))
    n = max(1, round(_TENTH * len(order)))
    energy = pictures**2
    rows = np.arange(pictures.shape[1])
    measures = (
        np.log([_loudest_corner(one) / one.mean() for one in energy]),
        # Where the loudest bed lies, alike across all traces.
        rows[(pictures.mean(2) ** 2).argmax(1)] / len(rows),
        np.log(pictures.std((1, 2))),
    )
    return {
        name: float(abs(values[order[-n:]].mean() - values[order[:n]].mean()) / values.std())
        for name, values in zip(SHORTCUTS, measures, strict=True)
    }


def _of_surrogates(network: Network, pictures: NDArray, kinds: NDArray, seed: int) -> dict[str, float]:
    def told(shown: NDArray) -> float:
        excess = _excess(network, shown)
        return 2.0 * abs(area_under_roc(excess[kinds == 1], excess[kinds == 0]) - 0.5)

    whole = max(told(pictures), 1e-6)
    left = {
        kind: told(np.stack([Surrogates(make_section(one), kind)(seed + n).values for n, one in enumerate(pictures)]))
        / whole
        for kind in ("phase", "traces")
    }
    return {"depth": left["traces"] - left["phase"], "gain": left["phase"]}


def _loudest_corner(energy: NDArray) -> float:
    """Return the mean energy of the loudest of the four corners."""
    ends = (slice(None, _CORNER), slice(-_CORNER, None))
    return max(float(energy[rows, columns].mean()) for rows in ends for columns in ends)
