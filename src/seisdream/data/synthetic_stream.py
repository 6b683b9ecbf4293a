"""Generated earths as a stream for training: made when they are first asked for, and kept for the next time."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream import synthetic
from seisdream.data.augment import GENTLE, Augmentation, augment, scale_to_grey
from seisdream.data.sample import Sample
from seisdream.errors import SeisdreamError
from seisdream.synthetic import FACIES, EarthSettings, make_earth
from seisdream.synthetic.facies import CODES

SIGHTS = ("seismic", "impedance")
"""What a network may be shown of an earth."""

SHIFTS: Mapping[str, Mapping[str, Any]] = {
    "wavelets": {"peak_hz": (13.0, 18.0), "ormsby": 0.2, "q": (35.0, 60.0)},
    "noise": {"noise": (0.3, 0.5), "coherent": (0.35, 0.6), "footprint": (0.15, 0.3)},
    "blur": {"smoothing": (2.5, 3.5)},
    "structure": {
        "relief_ms": (20.0, 32.0),
        "fold_ms": (45.0, 65.0),
        "n_faults": (4.0, 7.0),
        "throw_ms": (8.0, 100.0),
        "salt": 0.45,
    },
    "beds": {
        "packages": (
            ("parallel", 2.0),
            ("onlapping", 2.4),
            ("subparallel", 1.4),
            ("divergent", 1.2),
            ("clinoforms", 1.6),
            ("hummocky", 1.0),
            ("chaotic", 0.8),
            ("reflection-free", 0.9),
        ),
        "bed_ms": (3.0, 18.0),
    },
}
"""What may lie outside the ranges that the shipped networks were trained on: lower frequencies and more loss, more
noise, migration that smears farther, more folds and faults, other packages of thinner and thicker beds."""


def shifted(*names: str) -> EarthSettings:
    """Return the recipe of earths that lie outside by some of `SHIFTS`, or by all of them."""
    changes = [SHIFTS[name] for name in names or SHIFTS]
    return EarthSettings(**{field: value for change in changes for field, value in change.items()})


# What is kept of an earth, and how.
_KEPT = {
    "seismic": np.float16,
    "impedance": np.float16,
    "dip": np.float16,
    "facies": np.uint8,
    "fault": np.uint8,
}
_WITHOUT_DIP = [CODES[name] for name in ("chaotic", "reflection-free", "salt")]
# Dips beyond this, in samples a trace, are not told apart.
_MOST_DIP = 4.0


class GeneratedEarths:
    """Labelled items from generated earths, by number.

    Item ``i`` shows earth ``i % n_earths`` under an augmentation of its own, so that it is the same whoever asks and
    in whatever order: a run that is resumed sees what it would have seen.

    Parameters
    ----------
    seed : int
        Chooses the earths; no two seeds share one.
    n_earths : int, optional
        How many different earths there are; without it, every item is a new one.
    sight : {"seismic", "impedance"}, default "seismic"
        What is shown. Impedance is relative: its logarithm less a straight line down.
    size : int or (int, int, int), default 224
        Samples along each side of an item: time and trace, or time, inline and crossline for cubes.
    augmentation : Augmentation, optional
        What may be done to each item; None leaves earths as they are.
    recipe : EarthRecipe, optional
        What earths are made of.
    folder : path, optional
        Where earths are kept; by default they are made anew each time. About 0.5 MB each at 256 × 256.
    """

    classes = tuple(facies.name for facies in FACIES)
    colours = tuple(facies.colour for facies in FACIES)

    def __init__(
        self,
        seed: int,
        n_earths: int | None = None,
        *,
        sight: str = "seismic",
        size: int | tuple[int, ...] = 224,
        augmentation: Augmentation | None = GENTLE,
        recipe: EarthSettings | None = None,
        folder: str | os.PathLike[str] | None = None,
    ):
        if sight not in SIGHTS:
            raise SeisdreamError(f"What is shown of an earth is one of {', '.join(SIGHTS)}; got '{sight}'.")
        self.seed, self.n_earths, self.sight = seed, n_earths, sight
        self.size = (size, size) if isinstance(size, int) else size
        self.augmentation, self.recipe = augmentation, recipe or EarthSettings()
        # Warps need some room around what is shown.
        self._made = tuple(max(32, n + n // 7) for n in self.size) if augmentation else self.size
        self._store = None
        if folder is not None and n_earths is not None:
            self._store = _Store(Path(folder), self._name, n_earths, self._made)

    def __len__(self) -> int:
        return self.n_earths or 2**31

    @property
    def _name(self) -> str:
        what = json.dumps([self.seed, self._made, asdict(self.recipe), _generator()])
        return hashlib.sha256(what.encode()).hexdigest()[:16]

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``: picture ``(1, time, trace)`` with what is known of it, as `Item` says."""
        which = number % self.n_earths if self.n_earths else number
        kept = self._store.get(which) if self._store else None
        if kept is None:
            kept = self._make(which)
            if self._store:
                self._store.put(which, kept)
        picture = scale_to_grey(kept[self.sight].astype(np.float32))
        maps = {
            "classes": kept["facies"],
            "fault": kept["fault"],
            # Where beds are broken or show nothing, no dip is seen.
            "dip": np.where(np.isin(kept["facies"], _WITHOUT_DIP), np.nan, kept["dip"]).astype(np.float32),
            "impedance": kept["impedance"].astype(np.float32),
        }
        if self.augmentation:
            rng = np.random.default_rng([self.seed, 1, number])
            picture, maps = augment(rng, picture, maps, self.augmentation, self.size)
        return Sample(np.clip(picture, -1.0, 1.0)[None], **maps)

    def _make(self, which: int) -> dict[str, NDArray]:
        return {name: values.astype(_KEPT[name]) for name, values in _keep(self.earth(which)).items()}

    def earth(self, which: int) -> xr.Dataset:
        """Return an earth by its number, as `make_earth` does: all that items are made of."""
        child = int(np.random.SeedSequence([self.seed, which]).generate_state(1)[0])
        time, *lines, traces = self._made
        return make_earth(
            child, n_samples=time, n_traces=traces, n_inlines=lines[0] if lines else None, recipe=self.recipe
        )


@cache
def _generator() -> str:
    """Return the SHA-256 of what makes earths, so that none of an earlier version is taken for one of this."""
    digest = hashlib.sha256()
    for path in sorted(Path(synthetic.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _keep(earth: xr.Dataset) -> dict[str, NDArray]:
    """Return what training uses of an earth, time first."""
    arrays = {name: np.moveaxis(earth[name].values, earth[name].dims.index("time"), 0) for name in earth}
    age = arrays["relative_geologic_time"]
    down, across = np.gradient(age, axis=0), np.gradient(age, axis=-1)
    has_dip = down > 0.5
    dip = np.where(has_dip, np.clip(-across / np.where(has_dip, down, 1.0), -_MOST_DIP, _MOST_DIP), np.nan)
    return {
        "seismic": arrays["seismic"],
        "impedance": relative_impedance(arrays["impedance"]),
        "dip": dip,
        "facies": arrays["facies"],
        "fault": arrays["fault"],
    }


def relative_impedance(impedance: NDArray) -> NDArray:
    """Return the rock as networks are shown it: impedance's logarithm less a straight line down, of unit variance.

    Parameters
    ----------
    impedance : array
        ``(time, ...)``, greater than 0.
    """
    relative = np.log(impedance)
    rows = np.linspace(-1.0, 1.0, len(relative), dtype=np.float32).reshape(-1, *(1,) * (relative.ndim - 1))
    relative = relative - relative.mean()
    relative -= rows * np.mean(relative * rows) / np.mean(rows * rows)
    return relative / (relative.std() + 1e-6)


class _Store:
    """Earths on disk, filled in any order by any number of processes."""

    def __init__(self, folder: Path, name: str, n: int, size: tuple[int, ...]):
        self._made_of = (folder, name, n, size)
        path = folder / f"earths-{name}"
        if not path.exists():
            self._create(path, n, size)
        arrays = {key: np.lib.format.open_memmap(path / f"{key}.npy", mode="r+") for key in (*_KEPT, "is_there")}
        self._is_there = arrays.pop("is_there")
        self._arrays = arrays
        if len(self._is_there) < n:
            raise SeisdreamError(
                f"{path} keeps {len(self._is_there)} earths, {n} are asked for; give another folder, or remove it."
            )

    def __reduce__(self):
        # Another process opens the same files; it is not sent what they hold.
        return type(self), self._made_of

    @staticmethod
    def _create(path: Path, n: int, size: tuple[int, ...]) -> None:
        """Make all files at once, so that of several processes that begin together one's are everybody's."""
        needed = n * math.prod(size) * sum(np.dtype(dtype).itemsize for dtype in _KEPT.values())
        path.parent.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(path.parent).free) < needed:
            raise SeisdreamError(
                f"{n} earths take {needed / 1e9:.1f} GB, and {path.parent} has {free / 1e9:.1f} GB free; use fewer "
                "(--earths), or another --out."
            )
        aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        aside.mkdir(parents=True)
        for key, dtype in _KEPT.items():
            np.lib.format.open_memmap(aside / f"{key}.npy", mode="w+", dtype=dtype, shape=(n, *size)).flush()
        np.lib.format.open_memmap(aside / "is_there.npy", mode="w+", dtype=np.uint8, shape=(n,)).flush()
        try:
            aside.rename(path)
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
            if not path.is_dir():
                raise

    def get(self, which: int) -> dict[str, NDArray] | None:
        return {name: array[which] for name, array in self._arrays.items()} if self._is_there[which] else None

    def put(self, which: int, kept: dict[str, NDArray]) -> None:
        for name, values in kept.items():
            self._arrays[name][which] = values
        self._is_there[which] = 1  # Last, so that what is marked is whole.
