"""Shortcut learning: tools that reveal whether a classifier uses the rock or a mark, depth or gain instead.

A network that learned a shortcut scores well wherever the shortcut holds (Geirhos and others, "Shortcut learning in
deep neural networks", Nature Machine Intelligence 2, 2020). Three tools measure its evidence, and compare it with that
of reference networks, trained on data in which only the rock determines the class.
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
DREAM, ATLAS, CONTROLS, COMBINED = "dream", "atlas", "controls", "combined"
TOOLS = (DREAM, ATLAS, CONTROLS)

THRESHOLD = 4.0
"""Standard deviations of the reference networks above which a tool reports a shortcut."""

_MIN_DEVIATION = 0.02  # A few reference networks may agree more closely than this by chance.
_CORNER = 8
_EXTREME_FRACTION = 0.1
_STEPS = 20

Evidence = Mapping[str, Mapping[str, float]]
"""By tool and shortcut, a number that increases with the use of the shortcut."""


def gather_evidence(
    network: Network, unbiased: NDArray, own_test_set: tuple[NDArray, NDArray], *, seed: int = 0
) -> Evidence:
    """Return the evidence of dream, atlas and controls for the shortcuts of a classifier of two classes.

    Parameters
    ----------
    network : Network
        Network with two classes; the second is analysed.
    unbiased : array
        float32 ``(image, time, trace)``, from -1 to 1: images in which only the rock determines the class.
    own_test_set : (images, classes)
        Images and class codes in which the network's shortcut, if it has one, correlates with the class.
    seed : int, default 0
        Random seed of the surrogates.

    Returns
    -------
    dict
        By tool:

        - dream: the change that a dream on the second class makes in some of the unbiased images: concentrated in a
          corner, in rows across all traces, or in amplitude;
        - atlas: how the unbiased images that activate the second class most differ from those that activate it least,
          in standard deviations: in the energy of the strongest corner, in the depth of the strongest bed, in
          amplitude;
        - controls: the fraction of the network's class separation that remains for surrogates of its own test set.
          With random phases, which destroy position and shape, only gain remains; the further fraction that remains
          with shuffled traces is attributed to depth. Surrogates cannot reveal a mark.
    """
    return {
        DREAM: _dream_evidence(network, unbiased[:8]),
        ATLAS: _atlas_evidence(network, unbiased),
        CONTROLS: _surrogate_evidence(network, *own_test_set, seed),
    }


def identify_shortcut(evidence: Evidence, reference: Sequence[Evidence]) -> dict[str, str]:
    """Return the shortcut that each tool reports, and all combined, or ``none``.

    Parameters
    ----------
    evidence : dict
        Evidence for the network in question.
    reference : sequence of dict
        Evidence for two or more networks without a shortcut.

    Returns
    -------
    dict of str
        By tool the shortcut with the greatest excess over the reference networks, if above `THRESHOLD` standard
        deviations. ``combined`` is the one that most tools report, for a tie the one with the greatest excess.
    """
    reported: dict[str, str] = {}
    votes: Counter[str] = Counter()
    greatest: dict[str, float] = dict.fromkeys(SHORTCUTS, 0.0)
    for tool, measures in evidence.items():
        excesses = {shortcut: excess(evidence, reference, tool, shortcut) for shortcut in measures}
        best = max(excesses, key=excesses.__getitem__)
        reported[tool] = best if excesses[best] > THRESHOLD else NONE
        if reported[tool] != NONE:
            votes[best] += 1
            greatest[best] = max(greatest[best], excesses[best])
    combined = max(votes, key=lambda shortcut: (votes[shortcut], greatest[shortcut])) if votes else NONE
    return reported | {COMBINED: combined}


def excess(evidence: Evidence, reference: Sequence[Evidence], tool: str, shortcut: str) -> float:
    """Return how far the evidence of a tool exceeds the mean of the reference networks, in their standard deviations.

    Parameters
    ----------
    evidence, reference
        As for `identify_shortcut`.
    tool, shortcut : str
        One of `TOOLS`, and one of the shortcuts for which it has evidence.
    """
    values = [one[tool][shortcut] for one in reference]
    return (evidence[tool][shortcut] - float(np.mean(values))) / max(float(np.std(values, ddof=1)), _MIN_DEVIATION)


def _logit_difference(network: Network, images: NDArray) -> NDArray:
    """Return the second class's logit minus the first's, ``(image,)``."""
    with torch.no_grad():
        logits = network.module(torch.from_numpy(np.ascontiguousarray(images, np.float32))[:, None]).numpy()
    return logits[:, 1] - logits[:, 0]


def _dream_evidence(network: Network, images: NDArray) -> dict[str, float]:
    assert network.classes is not None
    objective = f"class:{network.classes[1]} - class:{network.classes[0]}"
    evidence = []
    for image in images:
        section = make_section(image)
        settings = {"parameterization": "pixel", "octaves": 1, "steps": _STEPS, "step_size": 1.5, "jitter": 0}
        settings |= {"allow_undersized": True, "precision": "float32"}
        dreamed = dream(section, network, objective, **settings).dataset["dream"].values
        change = dreamed - image
        energy = change**2 + 1e-12  # A dream may change nothing where the image is black or white throughout.
        rows = change.mean(1)
        evidence.append(
            [
                np.log(_strongest_corner(energy) / energy.mean()),
                np.mean(rows**2) / energy.mean(),
                np.log(dreamed.std() / image.std()),
            ]
        )
    return dict(zip(SHORTCUTS, map(float, np.mean(evidence, 0)), strict=True))


def _atlas_evidence(network: Network, images: NDArray) -> dict[str, float]:
    order = np.argsort(_logit_difference(network, images))
    n = max(1, round(_EXTREME_FRACTION * len(order)))
    energy = images**2
    rows = np.arange(images.shape[1])
    measures = (
        np.log([_strongest_corner(one) / one.mean() for one in energy]),
        # Depth of the strongest bed that crosses all traces.
        rows[(images.mean(2) ** 2).argmax(1)] / len(rows),
        np.log(images.std((1, 2))),
    )
    return {
        name: float(abs(values[order[-n:]].mean() - values[order[:n]].mean()) / values.std())
        for name, values in zip(SHORTCUTS, measures, strict=True)
    }


def _surrogate_evidence(network: Network, images: NDArray, classes: NDArray, seed: int) -> dict[str, float]:
    def separation(images: NDArray) -> float:
        """Return how well the logits separate the classes: 0 is chance, 1 perfect."""
        difference = _logit_difference(network, images)
        return 2.0 * abs(area_under_roc(difference[classes == 1], difference[classes == 0]) - 0.5)

    def surrogates(kind: str) -> NDArray:
        return np.stack([Surrogates(make_section(one), kind)(seed + n).values for n, one in enumerate(images)])

    original = max(separation(images), 1e-6)
    remaining = {kind: separation(surrogates(kind)) / original for kind in ("phase", "traces")}
    return {"depth": remaining["traces"] - remaining["phase"], "gain": remaining["phase"]}


def _strongest_corner(energy: NDArray) -> float:
    """Return the mean energy of the strongest of the four corners."""
    ends = (slice(None, _CORNER), slice(-_CORNER, None))
    return max(float(energy[rows, columns].mean()) for rows in ends for columns in ends)
