"""Classifiers that learn a planted shortcut, and how often the tools identify it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest

from seisdream.models.network import Network
from seisdream.research.experiments.shortcut_images import ShortcutImages, Windows, cut_windows
from seisdream.research.experiments.trained_networks import train_network
from seisdream.research.shortcuts import (
    COMBINED,
    DREAM,
    NONE,
    SHORTCUTS,
    TOOLS,
    Evidence,
    excess,
    gather_evidence,
    identify_shortcut,
)
from seisdream.training.settings import TrainingSettings

WIDTHS = (8, 16, 32, 32)
_COLOURS = ("#d9a441", "#4c8fc9")
_WINDOWS_SEED = 6


def train_classifier(
    windows: Windows,
    shortcut: str,
    seed: int,
    n_steps: int,
    folder: str | os.PathLike[str],
    *,
    robust: float = 0.0,
) -> Network:
    """Train a small classifier on images with or without a shortcut.

    Parameters
    ----------
    windows : Windows
        Windows for training.
    shortcut : str
        One of `SHORTCUTS`, or ``none``.
    seed : int
        Random seed of the initial weights and the images.
    n_steps : int
        Training steps of 32 images.
    folder : path
        Empty folder for the weights.
    robust : float, default 0
        Radius of adversarial training, as in `TrainingSettings`; 0 for none.
    """
    settings = TrainingSettings(
        architecture="classifier", widths=WIDTHS, steps=n_steps, batch_size=32, class_balance=0.0,
        precision="float32", ema_decay=0.98, seed=seed, validate_every=n_steps, workers=0, device="cpu", robust=robust,
    )  # fmt: skip
    return train_network(
        settings, ShortcutImages(windows, shortcut, seed), folder, title="two classes of window",
        default_layer=f"enc{len(WIDTHS)}", colours=_COLOURS,
    )  # fmt: skip


def accuracy(network: Network, windows: Windows, shortcut: str, seed: int, n: int) -> float:
    """Return the accuracy of a network on images with a shortcut or, with ``none``, without one."""
    images, classes = ShortcutImages(windows, shortcut, seed).stack(n)
    with torch.no_grad():
        predicted = network.module(torch.from_numpy(images)[:, None]).argmax(1).numpy()
    return float((predicted == classes).mean())


@dataclass(frozen=True)
class ShortcutSize:
    """Size of the experiment on shortcuts.

    Attributes
    ----------
    n_planted : int
        Networks with a planted shortcut.
    n_clean : int
        Networks without one, as references; as many again to count false alarms.
    n_steps : int
        Steps of each training.
    n_earths : int
        Earths to cut windows from.
    n_images : int
        Images to analyse and score each network with.
    """

    n_planted: int
    n_clean: int
    n_steps: int
    n_earths: int
    n_images: int

    @property
    def n_networks(self) -> int:
        """Number of networks in all."""
        return self.n_planted + 2 * self.n_clean


def detect_shortcuts(
    size: ShortcutSize, seed: int, on_network: Callable[[], None], *, robust: float = 0.0
) -> dict[str, Any]:
    """Train networks with and without a shortcut, and let the tools identify it blind.

    Parameters
    ----------
    size : ShortcutSize
        Numbers of networks, steps and images.
    seed : int
        Random seed.
    on_network : callable
        Called after each network.
    robust : float, default 0
        Radius of adversarial training of all networks; 0 for none.
    """
    training, held_out = cut_windows(_WINDOWS_SEED + seed, size.n_earths).split(0.75)
    planted = [SHORTCUTS[number % len(SHORTCUTS)] for number in range(size.n_planted)]
    shortcuts = [NONE] * size.n_clean + planted + [NONE] * size.n_clean
    unbiased = ShortcutImages(held_out, NONE, seed + 1).stack(size.n_images)[0]
    rows: list[dict[str, Any]] = []
    evidence: list[Evidence] = []
    for number, shortcut in enumerate(shortcuts):
        own_seed = 1000 * (seed + 1) + number
        with tempfile.TemporaryDirectory() as folder:
            network = train_classifier(training, shortcut, own_seed, size.n_steps, folder, robust=robust)
        own_test_set = ShortcutImages(held_out, shortcut, own_seed + 500).stack(max(40, size.n_images // 3))
        evidence.append(gather_evidence(network, unbiased, own_test_set, seed=own_seed))
        rows.append(
            {
                "network": number,
                "planted": shortcut,
                "own_accuracy": accuracy(network, held_out, shortcut, own_seed + 501, size.n_images),
                "unbiased_accuracy": accuracy(network, held_out, NONE, own_seed + 502, size.n_images),
            }
        )
        on_network()
    reference, tested = evidence[: size.n_clean], rows[size.n_clean :]
    for row, own in zip(tested, evidence[size.n_clean :], strict=True):
        row |= identify_shortcut(own, reference)
        if row["planted"] != NONE:
            row["dream_excess"] = excess(own, reference, DREAM, row["planted"])
    with_shortcut = [row for row in tested if row["planted"] != NONE]
    clean = [row for row in tested if row["planted"] == NONE]
    return {
        "networks": tested,
        **_summarise(with_shortcut, clean),
        **{
            measure: {"planted": _mean_and_range(with_shortcut, measure), "clean": _mean_and_range(clean, measure)}
            for measure in ("own_accuracy", "unbiased_accuracy")
        },
        "dream_excess": {
            "all": _median_excess(with_shortcut),
            **{name: _median_excess(row for row in with_shortcut if row["planted"] == name) for name in SHORTCUTS},
        },
        "n_windows": [[len(one) for one in part.by_class] for part in (training, held_out)],
    }


def _summarise(with_shortcut: Sequence[dict[str, Any]], clean: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how often each tool identifies the planted shortcut, in all and by shortcut, and its false alarms."""
    tools = (*TOOLS, COMBINED)
    of_shortcut = {name: [row for row in with_shortcut if row["planted"] == name] for name in SHORTCUTS}
    return {
        "detections": {tool: _rate([row[tool] == row["planted"] for row in with_shortcut]) for tool in tools},
        "by_shortcut": {
            name: {tool: f"{sum(row[tool] == name for row in rows)} of {len(rows)}" for tool in tools}
            for name, rows in of_shortcut.items()
        },
        "false_alarms": {tool: _rate([row[tool] != NONE for row in clean]) for tool in tools},
    }


def _rate(hits: Sequence[bool]) -> dict[str, Any]:
    """Return a proportion and its exact interval (Clopper and Pearson 1934)."""
    test = binomtest(sum(hits), len(hits))
    interval = test.proportion_ci()
    return {
        "n": len(hits),
        "hits": sum(hits),
        "rate": sum(hits) / len(hits),
        "interval": [interval.low, interval.high],
    }


def _median_excess(rows: Iterable[dict[str, Any]]) -> float:
    return float(np.median([row["dream_excess"] for row in rows]))


def _mean_and_range(rows: Sequence[dict[str, Any]], measure: str) -> dict[str, float]:
    values = [row[measure] for row in rows]
    return {"mean": float(np.mean(values)), "least": min(values), "greatest": max(values)}
