"""Photographs in one folder per class (outcrops, thin sections, fossils, maps), for a classifier."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seisdream.data.classes import check_class_names, distinct_colours
from seisdream.data.lru_cache import BytesLRUCache
from seisdream.data.sample import Sample, grey_image
from seisdream.errors import SeisdreamError
from seisdream.io.images import IMAGE_ENDINGS, open_image

AnyPath = str | os.PathLike[str]

SPLITS = ("name", "block")
"""Ways to hold out photographs."""


@dataclass(frozen=True)
class Photo:
    """A photograph and the code of its class."""

    path: Path
    code: int


@dataclass(frozen=True)
class Photos:
    """Photographs with a class each.

    Attributes
    ----------
    name : str
        Name of the dataset.
    classes : tuple of str
        In the order of their codes.
    photos : tuple of Photo
    colours : tuple of str
        ``#rrggbb`` for each class; distinct ones by default.
    credit, licence : str
        Empty where not known.
    """

    name: str
    classes: tuple[str, ...]
    photos: tuple[Photo, ...]
    colours: tuple[str, ...] = ()
    credit: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        check_class_names(self.classes, self.name)
        object.__setattr__(self, "colours", tuple(self.colours) or distinct_colours(self.classes))


@dataclass(frozen=True)
class PhotoAugmentation:
    """Ranges of random changes to photographs; none that only makes sense for seismic traces.

    Attributes
    ----------
    area : (float, float), default (0.35, 1)
        Range of the share of the photograph that is cut out.
    aspect : float, default 1.33
        Maximum ratio of the sides of the cut.
    flip : float, default 0.5
        Probability of mirroring left and right.
    flip_vertical : float, default 0
        Probability of turning upside down; for thin sections and maps, which have no upward direction.
    gain : float, default 0.2
        Standard deviation of the logarithm of a gain in contrast.
    brightness : float, default 0.15
        Standard deviation of a shift in brightness, where black to white is 2.
    """

    area: tuple[float, float] = (0.35, 1.0)
    aspect: float = 4.0 / 3.0
    flip: float = 0.5
    flip_vertical: float = 0.0
    gain: float = 0.2
    brightness: float = 0.15


DEFAULT_PHOTO_AUGMENTATION = PhotoAugmentation()
"""Augmentation of photographs unless another is given."""


def open_photos(path: AnyPath) -> Photos:
    """Open photographs in one folder per class, ``ROOT/CLASS/*.jpg``, as for torchvision's ``ImageFolder``.

    Parameters
    ----------
    path : path
        Folder of folders named after the classes, with PNG, JPEG, TIFF or BMP files at any depth. Classes are in the
        order of their names.

    Returns
    -------
    Photos

    Raises
    ------
    SeisdreamError
        If fewer than two classes have pictures.
    """
    path = Path(path)
    if not path.is_dir():
        raise SeisdreamError(f"There is no folder {path}.", code="not-found")
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    found = {folder.name: pictures for folder in folders if (pictures := _pictures(folder))}
    if len(found) < 2:
        raise SeisdreamError(
            f"{path} has {len(found)} folders with pictures ({', '.join(found) or 'none'}); a classifier needs one for "
            f"each of two or more classes: {path}/sandstone/*.jpg, {path}/shale/*.jpg.",
            code="no-labels",
        )
    photos = tuple(Photo(file, code) for code, files in enumerate(found.values()) for file in files)
    return Photos(path.name, tuple(found), photos)


def _pictures(folder: Path) -> list[Path]:
    files = (file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_ENDINGS and file.is_file())
    # In natural order: 2 before 10.
    return sorted((file for file in files if not file.name.startswith(".")), key=_natural_order)


def _natural_order(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path).lower())]


def split_photos(photos: Photos, held_out: float = 0.2, *, by: str = "name") -> tuple[Photos, Photos]:
    """Split photographs into some for training and some held out.

    Parameters
    ----------
    photos : Photos
    held_out : float, default 0.2
        Share that is held out.
    by : {"name", "block"}, default "name"
        "name": each by a hash of its name, so that the same ones are held out when others are added. "block": the last
        of each class in the order of their numbers, with a guard band of a tenth as many before them, for photographs
        or tiles that were taken one after another and look like their neighbours.

    Returns
    -------
    training, validation : Photos

    Raises
    ------
    SeisdreamError
        If nothing is left for one of the two. A class that is missing from one of them is a warning.
    """
    if by not in SPLITS:
        raise SeisdreamError(f"`by` is '{by}'; choose one of {', '.join(SPLITS)}.", code="unknown-name", option="by")
    if not 0.0 < held_out < 1.0:
        raise SeisdreamError(
            f"`held_out` is {held_out:g}; it must be between 0 and 1.", code="out-of-range", option="held_out"
        )
    training, validation = [], []
    for code in range(len(photos.classes)):
        own = [photo for photo in photos.photos if photo.code == code]
        if by == "name":
            for photo in own:
                (validation if _hash_fraction(photo.path.stem) < held_out else training).append(photo)
        else:
            n_held_out = round(held_out * len(own))
            guard = -(-n_held_out // 10)
            training += own[: max(0, len(own) - n_held_out - guard)]
            validation += own[len(own) - n_held_out :]
    for part, purpose in ((training, "training"), (validation, "validation")):
        if not part:
            raise SeisdreamError(
                f"{photos.name}: of {len(photos.photos)} photographs none is left for {purpose} with "
                f"`held_out={held_out:g}` and a split by {by}; add photographs, or split by "
                f"{'block' if by == 'name' else 'name'}.",
                code="too-small",
                option="held_out",
            )
        if missing := set(range(len(photos.classes))) - {photo.code for photo in part}:
            names = ", ".join(photos.classes[code] for code in sorted(missing))
            warnings.warn(f"No photograph of {names} is left for {purpose}.", UserWarning, stacklevel=2)
    return (
        replace(photos, name=f"{photos.name} (training)", photos=tuple(training)),
        replace(photos, name=f"{photos.name} (validation)", photos=tuple(validation)),
    )


def _hash_fraction(name: str) -> float:
    """Return a number from 0 to 1 that is pseudo-random and always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


class PhotoPatches:
    """Random parts of photographs by number, without end; each number always gives the same part.

    Parameters
    ----------
    data : Photos
    seed : int
        Chooses photographs and augmentations.
    size : int, default 224
        Pixels along each side.
    augmentation : PhotoAugmentation, optional
        None cuts the middle square.
    cache_mb : float, default 300
        Memory for opened photographs.
    """

    def __init__(
        self,
        data: Photos,
        seed: int = 0,
        *,
        size: int = 224,
        augmentation: PhotoAugmentation | None = DEFAULT_PHOTO_AUGMENTATION,
        cache_mb: float = 300.0,
    ):
        self.data, self.seed, self.size, self.augmentation = data, seed, size, augmentation
        self.classes, self.colours = data.classes, data.colours
        self._cache = BytesLRUCache(cache_mb)

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return sample ``number``: image ``(1, size, size)`` from -1 to 1, and one label for the whole image."""
        rng = np.random.default_rng([self.seed, 5, number])
        which = int(rng.integers(len(self.data.photos)))
        photo = self.data.photos[which]
        (grey,) = self._cache.get(which, lambda: (_open_grey(photo.path, self.size),))
        image = _random_part(rng, grey, self.size, self.augmentation) if self.augmentation else _middle(grey, self.size)
        return Sample(image[None], np.array(photo.code, np.uint8))


class WholePhotos:
    """Middle squares of photographs by number, not augmented: for validation.

    Parameters
    ----------
    data : Photos
    size : int, default 224
        Pixels along each side.
    """

    def __init__(self, data: Photos, *, size: int = 224):
        self.data, self.size = data, size
        self.classes, self.colours = data.classes, data.colours

    def __len__(self) -> int:
        return len(self.data.photos)

    def __getitem__(self, number: int) -> Sample:
        """Return photograph ``number``; after the last comes the first again."""
        photo = self.data.photos[number % len(self)]
        return Sample(_middle(_open_grey(photo.path, self.size), self.size)[None], np.array(photo.code, np.uint8))


def _open_grey(path: Path, size: int) -> NDArray:
    """Return a photograph in grey, uint8 ``(row, column)``, reduced to the resolution that the sample size needs."""
    grey = np.rint((np.clip(grey_image(open_image(path)), -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    # Parts are at least some 0.6 of a side long, so twice the sample size keeps them sharp.
    shrink = 2 * size / min(grey.shape)
    return grey if shrink >= 1.0 else _resized(grey, (round(grey.shape[0] * shrink), round(grey.shape[1] * shrink)))


def _resized(grey: NDArray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None) -> NDArray:
    # Pillow widens its bilinear filter when it reduces an image, which avoids aliasing.
    image = Image.fromarray(grey)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box))


def _middle(grey: NDArray, size: int) -> NDArray:
    rows, columns = grey.shape
    side = min(rows, columns)
    top, left = (rows - side) / 2.0, (columns - side) / 2.0
    return _scaled(_resized(grey, (size, size), (left, top, left + side, top + side)))


def _scaled(grey: NDArray) -> NDArray:
    return grey.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def _random_part(rng: np.random.Generator, grey: NDArray, size: int, augmentation: PhotoAugmentation) -> NDArray:
    rows, columns = grey.shape
    area = rng.uniform(*augmentation.area) * rows * columns
    aspect = np.exp(rng.uniform(-1.0, 1.0) * np.log(augmentation.aspect))
    height, width = min(rows, np.sqrt(area / aspect)), min(columns, np.sqrt(area * aspect))
    top, left = rng.uniform(0.0, rows - height), rng.uniform(0.0, columns - width)
    image = _scaled(_resized(grey, (size, size), (left, top, left + width, top + height)))
    if rng.random() < augmentation.flip:
        image = image[:, ::-1]
    if rng.random() < augmentation.flip_vertical:
        image = image[::-1]
    gain, shift = np.exp(rng.normal(0.0, augmentation.gain)), rng.normal(0.0, augmentation.brightness)
    return np.ascontiguousarray(np.clip(image * gain + shift, -1.0, 1.0), np.float32)
