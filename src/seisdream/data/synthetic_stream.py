"""Generated earths as a dataset: made on first use, and optionally cached on disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from seisdream import synthetic
from seisdream.data.augment import DEFAULT_AUGMENTATION, Augmentation, augment, scale_to_grey
from seisdream.data.sample import UNKNOWN, Sample
from seisdream.errors import SeisdreamError
from seisdream.io.array_file import allocate_array
from seisdream.io.atomic import FinishedElsewhereError, writing_folder
from seisdream.io.containers import read_npy
from seisdream.synthetic import FACIES, EarthSettings, make_earth
from seisdream.synthetic.facies import CODES

QUANTITIES = ("seismic", "impedance")
"""What a network may be trained on."""

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
"""Earths outside the ranges that the shipped networks were trained on, one aspect each: lower frequencies and stronger
attenuation, more noise, stronger migration smearing, more folds and faults, other packages of thinner and thicker
beds."""


def shifted_settings(*names: str) -> EarthSettings:
    """Return the settings of earths outside the training range in some of `SHIFTS`; by default in all of them."""
    changes = [SHIFTS[name] for name in names or SHIFTS]
    return EarthSettings(**{field: value for change in changes for field, value in change.items()})


# The arrays of an earth that training uses, with their types on disk.
_DTYPES = {
    "seismic": np.float16,
    "impedance": np.float16,
    "dip": np.float16,
    "facies": np.uint8,
    "fault": np.uint8,
}
_WITHOUT_BEDS = [CODES[name] for name in ("chaotic", "reflection-free", "salt")]
# Steeper dips, in samples per trace, are clipped.
_MAX_DIP = 4.0


class GeneratedEarths:
    """Labelled samples from generated earths, by number.

    Sample ``i`` is earth ``i % n_earths`` with its own augmentation. It is the same in every process and in any order,
    so a resumed run continues with the same samples.

    Parameters
    ----------
    seed : int
        Chooses the earths; no two seeds share one.
    n_earths : int, optional
        Number of different earths; by default every sample is a new one.
    quantity : {"seismic", "impedance"}, default "seismic"
        The image. Impedance is relative: its logarithm minus a linear trend in time.
    size : int or (int, int) or (int, int, int), default 224
        Samples along each side: time and trace, or time, inline and crossline for cubes.
    augmentation : Augmentation, optional
        Random changes to each sample; None leaves earths as they are.
    settings : EarthSettings, optional
        Ranges from which earths are drawn.
    earth_size : tuple of int, optional
        Size of the earths from which augmented samples are cut; by default a seventh larger than a sample.
    folder : path, optional
        Where earths are cached, about 0.5 MB each at 256 × 256; by default they are made again each time.

    Raises
    ------
    SeisdreamError
        If there is no such quantity, the disk is too small, or the folder holds too few earths.
    """

    classes: tuple[str, ...] = tuple(facies.name for facies in FACIES)
    colours: tuple[str, ...] = tuple(facies.colour for facies in FACIES)

    def __init__(
        self,
        seed: int,
        n_earths: int | None = None,
        *,
        quantity: str = "seismic",
        size: int | tuple[int, ...] = 224,
        augmentation: Augmentation | None = DEFAULT_AUGMENTATION,
        settings: EarthSettings | None = None,
        earth_size: tuple[int, ...] | None = None,
        folder: str | os.PathLike[str] | None = None,
    ):
        if quantity not in QUANTITIES:
            raise SeisdreamError(
                f"`quantity` is '{quantity}'; choose one of {', '.join(QUANTITIES)}.",
                code="unknown-name",
                option="quantity",
            )
        self.seed, self.n_earths, self.quantity = seed, n_earths, quantity
        self.size = (size, size) if isinstance(size, int) else size
        self.augmentation, self.settings = augmentation, settings or EarthSettings()
        # Rotation, shear and stretch need some room around a sample.
        with_room = tuple(max(32, n + n // 7) for n in self.size) if augmentation else self.size
        self._earth_size = earth_size or with_room
        self._store = None
        if folder is not None and n_earths is not None:
            self._store = _EarthStore(Path(folder), self._fingerprint, n_earths, self._earth_size)

    def __len__(self) -> int:
        return self.n_earths or 2**31

    @property
    def _fingerprint(self) -> str:
        content = json.dumps([self.seed, self._earth_size, asdict(self.settings), _generator_sha256()])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def __getitem__(self, number: int) -> Sample:
        """Return sample ``number``: image ``(1, time, trace)`` with classes, faults, dips and impedance."""
        index = number % self.n_earths if self.n_earths else number
        arrays = self._store.get(index) if self._store else None
        if arrays is None:
            arrays = {
                name: values.astype(_DTYPES[name]) for name, values in _training_arrays(self.earth(index)).items()
            }
            if self._store:
                self._store.put(index, arrays)
        image = scale_to_grey(arrays[self.quantity].astype(np.float32))
        maps = self._targets(arrays)
        if self.augmentation:
            rng = np.random.default_rng([self.seed, 1, number])
            image, maps = augment(rng, image, maps, self.augmentation, self.size)
        return Sample(np.clip(image, -1.0, 1.0)[None], **maps)

    def _targets(self, arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """Return the labels and quantities of a sample, each ``(time, trace)``, from the arrays of its earth."""
        return {
            "classes": arrays["facies"],
            "fault": arrays["fault"],
            # Where beds are broken or show no reflections, dip is undefined.
            "dip": np.where(np.isin(arrays["facies"], _WITHOUT_BEDS), np.nan, arrays["dip"]).astype(np.float32),
            "impedance": arrays["impedance"].astype(np.float32),
        }

    def earth(self, index: int) -> xr.Dataset:
        """Return an earth by its number, as `make_earth` does."""
        child = int(np.random.SeedSequence([self.seed, index]).generate_state(1)[0])
        time, *lines, traces = self._earth_size
        return make_earth(
            child, n_samples=time, n_traces=traces, n_inlines=lines[0] if lines else None, settings=self.settings
        )


class GeneratedFaults(GeneratedEarths):
    """Cubes of generated earths whose classes are faults and everything else, by number.

    A fault is every sample within one sample of its plane, because the seismic image of a plane is several samples
    wide. Faults in rock without beds (salt, chaotic or reflection-free) displace nothing that can be seen; they are
    `UNKNOWN`. Parameters are those of `GeneratedEarths`; ``size`` is ``(time, inline, crossline)``.
    """

    classes: tuple[str, ...] = ("background", "fault")
    colours: tuple[str, ...] = ("#e8e4da", "#c8102e")

    def _targets(self, arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
        return {"classes": fault_labels(arrays["fault"], arrays["facies"])}


def fault_labels(fault: NDArray, facies: NDArray) -> NDArray:
    """Return labels of faults for training: 0 background, 1 within one sample of a plane, or `UNKNOWN`.

    Parameters
    ----------
    fault : array
        1 on fault planes.
    facies : array
        Codes of the facies, shaped as `fault`. In facies without beds, faults are `UNKNOWN`.
    """
    near = np.asarray(binary_dilation(fault), bool)
    without_beds = np.isin(facies, _WITHOUT_BEDS)
    return np.where(near & without_beds, UNKNOWN, near).astype(np.uint8)


FAULTED_EARTHS = EarthSettings(
    n_faults=(3.0, 34.0), throw_ms=(8.0, 90.0), activity=(0.35, 1.0), fold_ms=(3.0, 60.0), salt=0.06, water=0.06,
    noise=(0.05, 0.45),
)  # fmt: skip
"""Folded earths with many faults, for `GeneratedFaults`; a cube of 96 crosslines has 1 to 12."""


@cache
def _generator_sha256() -> str:
    """Return the SHA-256 of the generator's source, so that cached earths of another version are not used."""
    digest = hashlib.sha256()
    for path in sorted(Path(synthetic.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _training_arrays(earth: xr.Dataset) -> dict[str, NDArray]:
    """Return the arrays of an earth that training uses, time first."""
    arrays = {name: np.moveaxis(earth[name].values, earth[name].dims.index("time"), 0) for name in earth}
    age = arrays["relative_geologic_time"]
    down, across = np.gradient(age, axis=0), np.gradient(age, axis=-1)
    has_dip = down > 0.5
    dip = np.where(has_dip, np.clip(-across / np.where(has_dip, down, 1.0), -_MAX_DIP, _MAX_DIP), np.nan)
    return {
        "seismic": arrays["seismic"],
        "impedance": relative_impedance(arrays["impedance"]),
        "dip": dip,
        "facies": arrays["facies"],
        "fault": arrays["fault"],
    }


def relative_impedance(impedance: NDArray) -> NDArray:
    """Return impedance as networks see it: its logarithm minus a linear trend in time, scaled to unit variance.

    Parameters
    ----------
    impedance : array
        ``(time, ...)``, above 0.
    """
    relative = np.log(impedance)
    rows = np.linspace(-1.0, 1.0, len(relative), dtype=np.float32).reshape(-1, *(1,) * (relative.ndim - 1))
    relative = relative - relative.mean()
    relative -= rows * np.mean(relative * rows) / np.mean(rows * rows)
    return relative / (relative.std() + 1e-6)


class _EarthStore:
    """Earths on disk, written in any order by any number of processes. Its files are made when the first is written."""

    def __init__(self, folder: Path, name: str, n: int, size: tuple[int, ...]):
        self._arguments = (folder, name, n, size)
        self._path, self._n, self._size = folder / f"earths-{name}", n, size
        if self._path.is_dir():
            n_held = len(read_npy(self._path / "is_written.npy"))
            if n_held < n:
                raise SeisdreamError(
                    f"{self._path} holds {n_held} earths, but {n} are needed; remove it, or name another folder.",
                    code="incompatible",
                )
        else:
            self._check_room()

    def __reduce__(self):
        # A worker process opens the same files instead of receiving their content.
        return type(self), self._arguments

    def _check_room(self) -> None:
        needed = self._n * math.prod(self._size) * sum(np.dtype(dtype).itemsize for dtype in _DTYPES.values())
        disk = self._path.absolute().parent
        while not disk.exists():
            disk = disk.parent
        if (free := shutil.disk_usage(disk).free) < needed:
            raise SeisdreamError(
                f"{self._n} earths take {needed / 1e9:.1f} GB, and {disk} has {free / 1e9:.1f} GB free; use fewer "
                "`earths`, or another folder.",
                code="too-large",
                option="earths",
            )

    @cached_property
    def _files(self) -> dict[str, NDArray]:
        """The arrays by name, mapped to memory."""
        if not self._path.exists():
            self._create()
        return {
            name: np.lib.format.open_memmap(self._path / f"{name}.npy", mode="r+") for name in (*_DTYPES, "is_written")
        }

    def _create(self) -> None:
        """Make all files at once, so that processes that begin together share those of the first."""
        try:
            with writing_folder(self._path) as partial:
                for name, dtype in _DTYPES.items():
                    allocate_array(partial / f"{name}.npy", dtype, (self._n, *self._size))
                allocate_array(partial / "is_written.npy", np.uint8, (self._n,))
        except SeisdreamError as error:
            if error.code != "exists":
                raise
            if isinstance(error, FinishedElsewhereError):
                shutil.rmtree(error.path)

    def get(self, index: int) -> dict[str, NDArray] | None:
        if not self._files["is_written"][index]:
            return None
        return {name: self._files[name][index] for name in _DTYPES}

    def put(self, index: int, arrays: dict[str, NDArray]) -> None:
        for name, values in arrays.items():
            self._files[name][index] = values
        self._files["is_written"][index] = 1  # Last, so that a marked earth is complete.
