"""Open pictures of seismic (PNG, JPEG, TIFF) and write sections as PNG with text and as float TIFF."""

from __future__ import annotations

import base64
import io
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from seisdream.errors import SeisdreamError
from seisdream.extras import require_extra
from seisdream.seismic.sections import check_finite, make_section

AnyPath = str | os.PathLike[str]
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

# Decoders that only read pixels: no PostScript, no fonts, no network.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_ORIENTATION_TAG = 274
# Pixels that a byte can hold at most; deflate reaches 1,032, LZW 2,730. Below some size it does not matter.
_BEST_COMPRESSION, _FEW_PIXELS = 4096, 4_000_000
# Modes of grey pictures; a palette or transparency does not make them colour pictures.
_GREY_MODES = ("1", "L", "LA", "La", "P", "PA")

# tifffile logs problems that are reported as errors here.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def open_image(path: AnyPath, *, max_pixels: int = 80_000_000, nan: str = "error") -> xr.DataArray:
    """Open a picture of seismic as a section.

    Palettes, CMYK and other colour spaces become RGB, transparency is blended with white, and the orientation (EXIF)
    is applied. A file with three channels is a colour picture, even if all its pixels are grey; a palette or
    transparency does not turn grey pixels into a colour picture.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF or BMP; 1, 8 or 16 bits or (TIFF) floating point. Only the first page is used. TIFF needs the
        extra "formats".
    max_pixels : int, default 80 million
        A picture that declares more is refused before it is decoded.
    nan : {"error", "absent"}, default "error"
        Refuse NaN and infinite samples of a float TIFF, or treat them as absent (NaN).

    Returns
    -------
    DataArray
        ``(row, column)`` in the grey levels of the file, 0–255 (8 bits and fewer) or 0–65535 (16 bits), with this
        range in ``attrs["value_range"]``; or ``(row, column, colour)`` RGB in 0–255. Floating-point, signed and 32-bit
        TIFF are amplitudes and have no ``value_range``.

    Raises
    ------
    SeisdreamError
        If the file is not a picture, damaged, truncated, or larger than `max_pixels`.
    """
    if not Path(path).is_file():
        raise SeisdreamError(f"There is no picture {path}; check the path.", code="not-found")
    try:
        with warnings.catch_warnings():
            # Pillow and tifffile warn about odd metadata; only the pixels matter.
            warnings.simplefilter("ignore")
            values, container = _read_pixels(path, max_pixels)
    except (SeisdreamError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(path, f"{error}".split(" pixels")[0].rpartition("(")[2], max_pixels) from None
    except Exception as error:
        # A decoder can raise almost anything on arbitrary bytes.
        raise SeisdreamError(
            f"{path} cannot be read as a picture: it is damaged, truncated, or not PNG, JPEG or TIFF "
            f"({error}). Open it in another program and save it again.",
            code="unreadable",
        ) from error
    return _as_section(values, path, container, nan)


def _read_pixels(path: AnyPath, max_pixels: int) -> tuple[np.ndarray, str]:
    """Decode a file, and return its pixels, upright, and the name of the format."""
    with open(path, "rb") as file:
        is_tiff = file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    if is_tiff and (values := _read_plain_tiff(path, max_pixels)) is not None:
        return values, "TIFF"
    with Image.open(path, formats=_FORMATS) as image:
        if image.width * image.height > max_pixels:
            raise _too_many_pixels(path, image.width * image.height, max_pixels)
        if image.width * image.height > max(_FEW_PIXELS, _BEST_COMPRESSION * os.path.getsize(path)):
            raise SeisdreamError(
                f"{path} declares {image.width} × {image.height} pixels, more than its {os.path.getsize(path):,} bytes "
                "can hold; it is damaged or truncated. Copy or download it again.",
                code="corrupt",
            )
        container = str(image.format)
        # Pillow applies the orientation of TIFF when it decodes.
        orientation = 1 if container == "TIFF" else image.getexif().get(_ORIENTATION_TAG, 1)
        image.load()
        values = _upright(_decode(image), orientation)
    # Phones write several JPEGs into one file (MPO); the first is the picture.
    return values, "JPEG" if container == "MPO" else container


def _decode(image: Image.Image) -> np.ndarray:
    if image.mode == "F":
        return np.asarray(image, np.float32)
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.int32 if image.mode == "I" and image.format != "PNG" else np.uint16)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), np.float32)
        opacity = rgba[..., 3:] / 255.0
        colours = np.rint(rgba[..., :3] * opacity + 255.0 * (1.0 - opacity)).astype(np.uint8)
    else:
        colours = np.asarray(image.convert("RGB"))
    is_grey = image.mode in _GREY_MODES and (colours == colours[..., :1]).all()
    return colours[..., 0] if is_grey else colours


def _read_plain_tiff(path: AnyPath, max_pixels: int) -> np.ndarray | None:
    """Read an uncompressed TIFF of any sample type; return None if Pillow should read it."""
    tifffile = require_extra("tifffile", "formats", "Opening TIFF")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        if page.imagewidth * page.imagelength * page.imagedepth > max_pixels:
            raise _too_many_pixels(path, page.imagewidth * page.imagelength, max_pixels)
        photometric = getattr(page.photometric, "name", str(page.photometric))
        is_plain = page.compression == tifffile.COMPRESSION.NONE and page.dtype is not None
        n_channels = page.samplesperpixel
        if not is_plain or page.bitspersample < 8 or photometric not in ("MINISBLACK", "MINISWHITE", "RGB"):
            return None
        n_stored = max(start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=True))
        if n_stored > os.path.getsize(path):
            raise SeisdreamError(
                f"{path} is truncated: its pixels reach to byte {n_stored:,} and the file ends at "
                f"{os.path.getsize(path):,}. Copy or download it again.",
                code="corrupt",
            )
        if n_channels not in (1, 3, 4) or page.imagedepth > 1:
            raise SeisdreamError(
                f"{path} has {n_channels} channels in {page.imagedepth} planes; a picture has 1 (grey), 3 (RGB) or 4 "
                "(RGB and transparency). Save one section of it, or a volume as .npy.",
                code="wrong-shape",
            )
        values = page.asarray()
        if n_channels > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            values = np.moveaxis(values, 0, -1)
        orientation = page.tags.valueof(_ORIENTATION_TAG, 1)
    values = values.reshape(*values.shape[:2], -1) if n_channels > 1 else values
    if values.dtype.kind == "c":
        raise SeisdreamError(
            f"{path} has complex numbers; save their real part or magnitude as float32.", code="wrong-type"
        )
    if photometric == "MINISWHITE" and values.dtype.kind == "u":
        values = np.iinfo(values.dtype).max - values
    if n_channels == 4:
        white = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1.0
        opacity = values[..., 3:] / white
        values = (values[..., :3] * opacity + white * (1.0 - opacity)).astype(values.dtype)
    return _upright(values, orientation)


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the eight orientations of EXIF and TIFF: 5 to 8 are transposed, then some are flipped."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    flips = {2: "c", 3: "rc", 4: "r", 6: "c", 7: "rc", 8: "r"}.get(orientation, "")
    return values[:: -1 if "r" in flips else 1, :: -1 if "c" in flips else 1]


def _as_section(values: np.ndarray, path: AnyPath, container: str, nan: str) -> xr.DataArray:
    attrs: dict[str, Any] = {"source": os.fspath(path), "format": container}
    values = check_finite(values, path, nan)
    if values.ndim == 3 and values.dtype.kind == "u" and values.itemsize == 2:
        values, attrs["value_range"] = values.astype(np.float32) * (255.0 / 65535.0), (0, 255)
    elif values.ndim == 3 and values.dtype != np.uint8:
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if low < 0.0 or high > 255.0:
            raise SeisdreamError(
                f"{path} is in colour with values from {low:g} to {high:g}; save colours as 0–1 or 0–255.",
                code="out-of-range",
            )
        values, attrs["value_range"] = values * (255.0 if high <= 1.0 else 1.0), (0, 255)
    return make_section(values, **attrs)


def _too_many_pixels(path: AnyPath, n_pixels: object, max_pixels: int) -> SeisdreamError:
    return SeisdreamError(
        f"{path} has {n_pixels} pixels; at most {max_pixels} can be opened. Crop or shrink it.", code="too-large"
    )


def write_png(values: np.ndarray, path: AnyPath, *, text: dict[str, str] | None = None) -> None:
    """Write a picture as PNG, with text inside.

    Parameters
    ----------
    values : array, uint8
        Grey ``(row, column)`` or RGB ``(row, column, 3)``.
    path : path
        The file to write, usually a temporary one of `seisdream.io.atomic`.
    text : dict of str, optional
        Texts by key (up to 79 Latin letters), each in an international text chunk (iTXt).
    """
    if values.dtype != np.uint8:
        raise ValueError(f"write_png takes uint8, got {values.dtype}")
    chunks = PngInfo()
    for key, words in (text or {}).items():
        chunks.add_itxt(key, words)
    Image.fromarray(np.ascontiguousarray(values)).save(path, format="PNG", pnginfo=chunks)


def image_url(levels: np.ndarray, *, quality: int | None = None) -> str:
    """Return levels 0 to 255, ``(row, column)`` or ``(row, column, 3)``, as the data URL of a picture for a page.

    Parameters
    ----------
    levels : array
        The picture.
    quality : int, 1 to 95, optional
        Of a JPEG, which is smaller. Default: a PNG, which loses nothing.
    """
    file, kind = io.BytesIO(), "png" if quality is None else "jpeg"
    how = {"optimize": True} if quality is None else {"quality": quality}
    Image.fromarray(np.rint(np.clip(levels, 0.0, 255.0)).astype(np.uint8)).save(file, kind, **how)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def read_png_text(path: AnyPath) -> dict[str, str]:
    """Return the texts inside a PNG, by key.

    Raises
    ------
    SeisdreamError
        If the file is not a PNG, or is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("PNG",)) as image:
                assert isinstance(image, PngImageFile)
                return {key: str(words) for key, words in image.text.items()}
    except Exception as error:
        raise SeisdreamError(f"{path} cannot be read as PNG ({error}).", code="unreadable") from error


def write_tiff(section: xr.DataArray, path: AnyPath, *, description: str = "") -> None:
    """Write the samples of a section in its units as uncompressed float32 TIFF.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or ``(row, column, colour)``.
    path : path
        The file to write, usually a temporary one of `seisdream.io.atomic`.
    description : str, optional
        The text of the ImageDescription tag, as UTF-8.

    Raises
    ------
    SeisdreamError
        If the extra "formats" is not installed.
    """
    tifffile = require_extra("tifffile", "formats", "Writing TIFF")
    tifffile.imwrite(
        path,
        np.ascontiguousarray(section.values, np.float32),
        photometric="rgb" if section.ndim == 3 else "minisblack",
        description=description.encode() if description else None,
        metadata=None,
    )
