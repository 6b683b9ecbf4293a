"""Networks whose class is tied to something that is not geology, a planted shortcut, and the tools that name it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from seisdream.data.sample import Sample
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.models.network import Network
from seisdream.research.experiments.trained_networks import train_network
from seisdream.research.shortcuts import NONE, SHORTCUTS, TOOLS, Evidence, gather_evidence, name_shortcut
from seisdream.synthetic.facies import CODES
from seisdream.synthetic.wavelets import ricker
from seisdream.training.settings import TrainingSettings

KINDS = ("layered", "built out")
"""The two classes: beds side by side, and beds that build out, open or break."""

SIDE = 64
_COLOURS = ("#d9a441", "#4c8fc9")
WIDTHS = (8, 16, 32, 32)
_OF_KIND = (
    ("parallel-high", "parallel-low", "subparallel"),
    ("clinoforms", "divergent", "chaotic", "hummocky"),
)
_SHARES = (0.9, 0.6)
_WINDOWS_SEED = 6
_MARK, _MARK_SIZE, _MARK_AT = 4.0, 5, 2
_MARKER, _GAIN, _GAIN_SPREAD = 3.0, 0.45, 0.12
_FULL_SCALE = 5.0
"""Amplitude that is white, over the deviation of a window before its gain."""


@dataclass(frozen=True)
class Windows:
    """Windows of generated seismic by class: float32 ``(window, time, trace)`` of unit deviation, one array a class."""

    of_kind: tuple[NDArray, ...]

    def split(self, share: float) -> tuple[Windows, Windows]:
        """Return the first windows of each class, and the rest, which come from other earths."""
        cuts = [round(share * len(one)) for one in self.of_kind]
        return (
            Windows(tuple(one[:cut] for one, cut in zip(self.of_kind, cuts, strict=True))),
            Windows(tuple(one[cut:] for one, cut in zip(self.of_kind, cuts, strict=True))),
        )


def cut_windows(seed: int, n_earths: int, n_per_earth: int = 6) -> Windows:
    """Cut windows that are mostly of one class from generated earths, in the order of the earths."""
    earths = GeneratedEarths(seed, size=2 * SIDE, augmentation=None)
    rng = np.random.default_rng([seed, 8])
    found: tuple[list, list] = ([], [])
    for number in range(n_earths):
        item = earths[number]
        for _ in range(n_per_earth):
            row, column = rng.integers(0, SIDE + 1, 2)
            window = (slice(row, row + SIDE), slice(column, column + SIDE))
            codes, values = item.classes[window], item.image[0][window]
            for kind, names, share in zip(found, _OF_KIND, _SHARES, strict=True):
                if np.isin(codes, [CODES[name] for name in names]).mean() >= share and values.std() > 1e-3:
                    kind.append(values / values.std())
    return Windows(tuple(np.array(kind, np.float32) for kind in found))


class Planted:
    """Items by number: a window, and on it a mark, a marker bed and a gain, of which one may say the class.

    Whatever does not say the class is left to chance, so that pictures with a shortcut and without one hold the same
    things equally often.

    Parameters
    ----------
    windows : Windows
    shortcut : str
        One of `seisdream.research.shortcuts.SHORTCUTS`, or ``none``.
    seed : int
        Of everything drawn.
    """

    classes: tuple[str, ...] = KINDS

    def __init__(self, windows: Windows, shortcut: str, seed: int):
        self.windows, self.shortcut, self.seed = windows, shortcut, seed

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``: picture ``(1, time, trace)`` and its class."""
        rng = np.random.default_rng([self.seed, 9, number])
        kind = int(rng.integers(2))
        of_kind = self.windows.of_kind[kind]
        values = of_kind[rng.integers(len(of_kind))]
        if rng.random() < 0.5:
            values = values[:, ::-1]
        says = {name: bool(rng.integers(2)) for name in SHORTCUTS}
        if self.shortcut != NONE:
            says[self.shortcut] = bool(kind)
        return Sample(_plant(rng, values, says)[None], np.array(kind, np.uint8))

    def stack(self, n: int) -> tuple[NDArray, NDArray]:
        """Return the first items: pictures float32 ``(item, time, trace)`` and classes ``(item,)``."""
        items = [self[number] for number in range(n)]
        return np.stack([item.image[0] for item in items]), np.array([int(item.classes) for item in items])


def _plant(rng: np.random.Generator, values: NDArray, says: dict[str, bool]) -> NDArray:
    """Return a window with a marker bed high or low, soft or loud, and with a mark in its corner or without."""
    third = SIDE // 3
    row = int(rng.integers(6, third)) + (SIDE - third - 6 if says["depth"] else 0)
    bed = ricker((np.arange(SIDE) - row) * 4.0, 30.0)[:, None]
    picture = (values + _MARKER * bed) * np.exp((_GAIN if says["gain"] else -_GAIN) + rng.normal(0.0, _GAIN_SPREAD))
    if says["corner mark"]:
        mark = slice(_MARK_AT, _MARK_AT + _MARK_SIZE)
        picture[mark, mark] = _MARK
    return np.clip(picture / _FULL_SCALE, -1.0, 1.0).astype(np.float32)


def train_planted(windows: Windows, shortcut: str, seed: int, n_steps: int, folder: str | os.PathLike[str]) -> Network:
    """Train a small classifier on pictures with a shortcut, or without.

    Parameters
    ----------
    windows : Windows
        To learn from.
    shortcut : str
        One of `SHORTCUTS`, or ``none``.
    seed : int
        Of the first weights and of the pictures.
    n_steps : int
        Steps of 32 pictures.
    folder : path
        Empty; where its file is put.
    """
    data = Planted(windows, shortcut, seed)
    settings = TrainingSettings(
        architecture="classifier", widths=WIDTHS, steps=n_steps, batch_size=32, class_balance=0.0,
        precision="float32", ema_decay=0.98, seed=seed, validate_every=n_steps, workers=0, device="cpu",
    )  # fmt: skip
    return train_network(
        settings, data, folder, title="two kinds of window", default_layer=f"enc{len(WIDTHS)}", colours=_COLOURS
    )


def accuracy(network: Network, windows: Windows, shortcut: str, seed: int, n: int) -> float:
    """Return the share of pictures, with a shortcut or without one, whose class a network tells."""
    pictures, kinds = Planted(windows, shortcut, seed).stack(n)
    with torch.no_grad():
        told = network.module(torch.from_numpy(pictures)[:, None]).argmax(1).numpy()
    return float((told == kinds).mean())


@dataclass(frozen=True)
class Plan:
    """How many networks have a shortcut planted, and what they learn from.

    Attributes
    ----------
    n_planted : int
        Networks with a shortcut.
    n_honest : int
        Networks without one that the tools are set by, and as many that they are tried on.
    n_steps : int
        Of each training.
    n_earths : int
        That windows are cut from.
    n_pictures : int
        That a network is looked at and scored with.
    """

    n_planted: int
    n_honest: int
    n_steps: int
    n_earths: int
    n_pictures: int

    @property
    def n_networks(self) -> int:
        """How many networks there are in all."""
        return self.n_planted + 2 * self.n_honest


def plant_all(plan: Plan, seed: int, on_network: Callable[[], None]) -> dict[str, Any]:
    """Train networks with and without a shortcut, and let the tools name it blind.

    Parameters
    ----------
    plan : Plan
    seed : int
        Of all networks.
    on_network : callable
        Called after each network.
    """
    learned, held_out = cut_windows(_WINDOWS_SEED + seed, plan.n_earths).split(0.75)
    planted = [SHORTCUTS[number % len(SHORTCUTS)] for number in range(plan.n_planted)]
    truths = [NONE] * plan.n_honest + planted + [NONE] * plan.n_honest
    free = Planted(held_out, NONE, seed + 1).stack(plan.n_pictures)[0]
    rows: list[dict[str, Any]] = []
    evidence: list[Evidence] = []
    for number, truth in enumerate(truths):
        own = 1000 * (seed + 1) + number
        with tempfile.TemporaryDirectory() as folder:
            one = train_planted(learned, truth, own, plan.n_steps, folder)
        tied = Planted(held_out, truth, own + 500).stack(max(40, plan.n_pictures // 3))
        evidence.append(gather_evidence(one, free, tied, seed=own))
        rows.append(
            {
                "network": number,
                "planted": truth,
                "tied": accuracy(one, held_out, truth, own + 501, plan.n_pictures),
                "free": accuracy(one, held_out, NONE, own + 502, plan.n_pictures),
            }
        )
        on_network()
    honest = evidence[: plan.n_honest]
    for row, found in zip(rows[plan.n_honest :], evidence[plan.n_honest :], strict=True):
        row |= {f"by {tool}": told for tool, told in name_shortcut(found, honest).items()}
    tried = rows[plan.n_honest :]
    ways = (*TOOLS, "together")
    with_shortcut = [row for row in tried if row["planted"] != NONE]
    without = [row for row in tried if row["planted"] == NONE]
    return {
        "networks": tried,
        "shares": {way: _share([row[f"by {way}"] == row["planted"] for row in with_shortcut]) for way in ways},
        "by_shortcut": {
            shortcut: {
                way: f"{sum(row[f'by {way}'] == shortcut for row in tried if row['planted'] == shortcut)} of "
                f"{planted.count(shortcut)}"
                for way in ways
            }
            for shortcut in SHORTCUTS
        },
        "false_alarms": {way: _share([row[f"by {way}"] != NONE for row in without]) for way in ways},
        "tied": {kind: _mean(group, "tied") for kind, group in (("planted", with_shortcut), ("honest", without))},
        "free": {kind: _mean(group, "free") for kind, group in (("planted", with_shortcut), ("honest", without))},
        "n_windows": [[len(one) for one in part.of_kind] for part in (learned, held_out)],
    }


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    """Return a share and its exact interval (Clopper and Pearson 1934)."""
    found = binomtest(sum(hits), len(hits))
    interval = found.proportion_ci()
    return {
        "n": len(hits),
        "hits": sum(hits),
        "share": sum(hits) / len(hits),
        "interval": [interval.low, interval.high],
    }


def _mean(rows: Sequence[dict[str, Any]], name: str) -> dict[str, float]:
    values = [row[name] for row in rows]
    return {"mean": float(np.mean(values)), "least": min(values), "greatest": max(values)}
