"""Pictures: PNG, JPEG, TIFF and BMP, as sections and as masks, and the text inside a PNG."""

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fuzz.mutations import mutate_bytes
from seisdream.io.images import read_png_text
from seisdream.io.inputs import open_section
from seisdream.io.masks import open_mask
from seisdream.seismic.sections import make_section

_SHAPE = (20, 24)


def seeds(folder):
    grey = (np.arange(480).reshape(_SHAPE) % 251).astype(np.uint8)
    colour = np.stack([grey, grey[::-1], grey[:, ::-1]], -1)
    text = PngInfo()
    text.add_itxt("seisdream", '{"settings": {}}')
    text.add_text("Comment", "words " * 50, zip=True)
    pictures = {
        "grey.png": (Image.fromarray(grey), {"pnginfo": text}),
        "colour.png": (Image.fromarray(colour), {}),
        "palette.png": (Image.fromarray(colour).quantize(16), {"transparency": 3}),
        "alpha.png": (Image.fromarray(np.dstack([colour, grey])), {}),
        "deep.png": (Image.fromarray(grey.astype(np.uint16) * 200), {}),
        "one-bit.png": (Image.fromarray(grey > 100), {}),
        "grey.jpg": (Image.fromarray(grey), {}),
        "colour.jpg": (Image.fromarray(colour), {"progressive": True}),
        "plain.tif": (Image.fromarray(grey), {}),
        "float.tif": (Image.fromarray(grey.astype(np.float32)), {}),
        "deflate.tif": (Image.fromarray(colour), {"compression": "tiff_adobe_deflate"}),
        "lzw.tif": (Image.fromarray(colour), {"compression": "tiff_lzw"}),
        "fax.tif": (Image.fromarray(grey > 100), {"compression": "group4"}),
        "colour.bmp": (Image.fromarray(colour), {}),
    }
    for name, (picture, options) in pictures.items():
        (folder / name).mkdir()
        picture.save(folder / name / name, **options)


def mutate(files, random, others):
    ((name, data),) = files.items()
    span = random.choice((None, (0, 64), (len(data) - 200, len(data))))
    alike = [content for one in others for other, content in one.items() if other[-3:] == name[-3:]]
    return {name: mutate_bytes(data, random, alike, span and (max(0, span[0]), span[1]))}


def use(folder):
    path = next(folder.iterdir())
    if path.suffix == ".png":
        read_png_text(path)
    open_section(path)
    open_mask(path, make_section(np.ones(_SHAPE, np.float32)))
