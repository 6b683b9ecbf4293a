"""Photographs in one folder a class: outcrops, thin sections, fossils, maps, for a classifier."""

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
from seisdream.data.sample import Sample
from seisdream.data.segy_lines import grey_of
from seisdream.errors import SeisdreamError
from seisdream.io.images import IMAGE_ENDINGS, open_image

AnyPath = str | os.PathLike[str]

SPLITS = ("name", "block")
"""Ways to hold photographs out."""


@dataclass(frozen=True)
class Photo:
    """A photograph and the code of its class."""

    path: Path
    code: int


@dataclass(frozen=True)
class Photos:
    """Photographs with classes.

    Attributes
    ----------
    name : str
        Of the data.
    classes : tuple of str
        In the order of their codes.
    photos : tuple of Photo
    colours : tuple of str
        ``#rrggbb`` for each class; distinct ones by default.
    credit, licence : str
        Empty where they are not known.
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
    """Ranges of what is done to a photograph; nothing that only makes sense for traces.

    Attributes
    ----------
    area : (float, float), default (0.35, 1)
        Share of the picture that is cut out.
    aspect : float, default 1.33
        Greatest ratio of the cut's sides.
    flip : float, default 0.5
        Chance of mirroring left and right.
    flip_vertical : float, default 0
        Chance of turning upside down: for thin sections and maps, which have no up.
    gain : float, default 0.2
        Standard deviation of the logarithm of a gain of contrast.
    brightness : float, default 0.15
        Standard deviation of a shift, where black to white is 2.
    """

    area: tuple[float, float] = (0.35, 1.0)
    aspect: float = 4.0 / 3.0
    flip: float = 0.5
    flip_vertical: float = 0.0
    gain: float = 0.2
    brightness: float = 0.15


USUAL = PhotoAugmentation()
"""What is done to photographs unless something else is asked for."""


def open_photos(path: AnyPath) -> Photos:
    """Open photographs in one folder a class, ``ROOT/CLASS/*.jpg``, as torchvision's ``ImageFolder`` has them.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF or BMP in folders named after the classes; folders inside them are searched too. Classes are in
        the order of their names.

    Returns
    -------
    Photos

    Raises
    ------
    SeisdreamError
        If there are fewer than two classes with pictures in them.
    """
    path = Path(path)
    if not path.is_dir():
        raise SeisdreamError(f"There is no folder {path}.")
    folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]
    found = {folder.name: pictures for folder in folders if (pictures := _pictures(folder))}
    if len(found) < 2:
        raise SeisdreamError(
            f"{path} has {len(found)} folders with pictures ({', '.join(found) or 'none'}); a classifier needs one for "
            f"each of two classes or more: {path}/sandstone/*.jpg, {path}/shale/*.jpg."
        )
    photos = tuple(Photo(file, code) for code, files in enumerate(found.values()) for file in files)
    return Photos(path.name, tuple(found), photos)


def _pictures(folder: Path) -> list[Path]:
    files = (file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_ENDINGS and file.is_file())
    # In the order in which people number them: 2 before 10.
    return sorted((file for file in files if not file.name.startswith(".")), key=_counting)


def _counting(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path).lower())]


def split_photos(photos: Photos, held_out: float = 0.2, *, by: str = "name") -> tuple[Photos, Photos]:
    """Split photographs into some for training and some held out.

    Parameters
    ----------
    photos : Photos
    held_out : float, default 0.2
        Share that is held out.
    by : {"name", "block"}, default "name"
        "name": each by a hash of its name, so that the same are held out however many are added. "block": the last
        of each class in the order of their numbers, with a tenth as many before them left out, for photographs or
        tiles that were taken one after the other and look like their neighbours.

    Returns
    -------
    training, held out : Photos

    Raises
    ------
    SeisdreamError
        If nothing is left for one of them. A class that one of them lacks is warned about.
    """
    if by not in SPLITS or not 0.0 < held_out < 1.0:
        raise SeisdreamError(
            f"Photographs are split by {' or '.join(SPLITS)}, 0 to 1 of them; got '{by}', {held_out:g}."
        )
    training, rest = [], []
    for code in range(len(photos.classes)):
        own = [photo for photo in photos.photos if photo.code == code]
        if by == "name":
            for photo in own:
                (rest if _hashed(photo.path.stem) < held_out else training).append(photo)
        else:
            n_rest = round(held_out * len(own))
            guard = -(-n_rest // 10)
            training += own[: max(0, len(own) - n_rest - guard)]
            rest += own[len(own) - n_rest :]
    for part, what in ((training, "training"), (rest, "validation")):
        if not part:
            raise SeisdreamError(
                f"{photos.name}: of {len(photos.photos)} photographs none is left for {what} with {held_out:g} held "
                f"out by {by}; bring more, or split by {'block' if by == 'name' else 'name'}."
            )
        if lacking := set(range(len(photos.classes))) - {photo.code for photo in part}:
            names = ", ".join(photos.classes[code] for code in sorted(lacking))
            warnings.warn(f"No photograph of {names} is left for {what}.", UserWarning, stacklevel=2)
    return (
        replace(photos, name=f"{photos.name} (training)", photos=tuple(training)),
        replace(photos, name=f"{photos.name} (validation)", photos=tuple(rest)),
    )


def _hashed(name: str) -> float:
    """Return a number from 0 to 1 that is as good as random, and always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


class PhotoPatches:
    """Items by number, each a random part of a photograph: without end, the same each time they are asked for.

    Parameters
    ----------
    data : Photos
    seed : int
        Chooses photographs and what is done to them.
    size : int, default 224
        Pixels along each side of an item.
    augmentation : PhotoAugmentation, optional
        None takes the middle square of each.
    cache_mb : float, default 300
        Memory for photographs that were opened.
    """

    def __init__(
        self,
        data: Photos,
        seed: int = 0,
        *,
        size: int = 224,
        augmentation: PhotoAugmentation | None = USUAL,
        cache_mb: float = 300.0,
    ):
        self.data, self.seed, self.size, self.augmentation = data, seed, size, augmentation
        self.classes, self.colours = data.classes, data.colours
        self._memory = BytesLRUCache(cache_mb)

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, number: int) -> Sample:
        """Return item ``number``: picture ``(1, size, size)`` from -1 to 1, and one label for all of it."""
        rng = np.random.default_rng([self.seed, 5, number])
        which = int(rng.integers(len(self.data.photos)))
        photo = self.data.photos[which]
        (grey,) = self._memory.get(which, lambda: (_open_grey(photo.path, self.size),))
        picture = _part(rng, grey, self.size, self.augmentation) if self.augmentation else _middle(grey, self.size)
        return Sample(picture[None], np.array(photo.code, np.uint8))


class WholePhotos:
    """Items by number, each the middle square of a photograph: for validation.

    Parameters
    ----------
    data : Photos
    size : int, default 224
        Pixels along each side of an item.
    """

    def __init__(self, data: Photos, *, size: int = 224):
        self.data, self.size = data, size
        self.classes, self.colours = data.classes, data.colours

    def __len__(self) -> int:
        return len(self.data.photos)

    def __getitem__(self, number: int) -> Sample:
        """Return photograph ``number``, counted on from the first when there are no more, as an item."""
        photo = self.data.photos[number % len(self)]
        return Sample(_middle(_open_grey(photo.path, self.size), self.size)[None], np.array(photo.code, np.uint8))


def _open_grey(path: Path, size: int) -> NDArray:
    """Return a photograph in grey, uint8 ``(row, column)``, shrunk to what items of a size can use."""
    grey = np.rint((np.clip(grey_of(open_image(path)), -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
    # Cuts reach down to some 0.6 of a side; twice the size leaves them sharp.
    shrink = 2 * size / min(grey.shape)
    return grey if shrink >= 1.0 else _resized(grey, (round(grey.shape[0] * shrink), round(grey.shape[1] * shrink)))


def _resized(grey: NDArray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None) -> NDArray:
    # Pillow's bilinear filter widens when it shrinks, so that nothing aliases.
    image = Image.fromarray(grey)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box))


def _middle(grey: NDArray, size: int) -> NDArray:
    rows, columns = grey.shape
    side = min(rows, columns)
    top, left = (rows - side) / 2.0, (columns - side) / 2.0
    return _scaled(_resized(grey, (size, size), (left, top, left + side, top + side)))


def _scaled(grey: NDArray) -> NDArray:
    return grey.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def _part(rng: np.random.Generator, grey: NDArray, size: int, augmentation: PhotoAugmentation) -> NDArray:
    rows, columns = grey.shape
    area = rng.uniform(*augmentation.area) * rows * columns
    aspect = np.exp(rng.uniform(-1.0, 1.0) * np.log(augmentation.aspect))
    height, width = min(rows, np.sqrt(area / aspect)), min(columns, np.sqrt(area * aspect))
    top, left = rng.uniform(0.0, rows - height), rng.uniform(0.0, columns - width)
    picture = _scaled(_resized(grey, (size, size), (left, top, left + width, top + height)))
    if rng.random() < augmentation.flip:
        picture = picture[:, ::-1]
    if rng.random() < augmentation.flip_vertical:
        picture = picture[::-1]
    gain, shift = np.exp(rng.normal(0.0, augmentation.gain)), rng.normal(0.0, augmentation.brightness)
    return np.ascontiguousarray(np.clip(picture * gain + shift, -1.0, 1.0), np.float32)
