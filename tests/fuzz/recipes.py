"""Saved results: the JSON, the arrays and the text inside the pictures, read back and replayed."""

import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

from PIL import Image
from PIL.PngImagePlugin import PngInfo

import seisdream as sd
from fuzz.mutations import FLOATS, NUMBERS, WORDS, as_json, mutate_bytes, mutate_json
from seisdream.results.dream_result import DreamResult
from seisdream.results.writer import TEXT_KEY, ResultFolder
from trained_files import write_unet

_OPTIONS = {
    "input_options": ("inline", "time_ms", "dt_ms", "nan", "undefined", "muted", "axes", "shape", "seed", "none"),
    "network_options": ("classes", "class_layer", "class_activation", "dims", "order", "mean", "normalise", "lines"),
}


class _Stop(Exception):
    """Ends a replay after its first step, because only its settings are tested."""


def seeds(folder):
    section = sd.open_section("noise:24x20", seed=1)
    settings = {"octaves": 1, "steps": 1}
    with (
        tempfile.TemporaryDirectory() as other,
        patch.object(ResultFolder, "write_figure", lambda self, name, figure: None),
        patch.object(DreamResult, "plot", lambda self: None),
        patch.object(DreamResult, "_write_films", lambda self, files, rate: None),
    ):
        sd.dream(section, "gabor", "stage2/rectified", **settings).save(folder / "dream")
        sd.dream(section, "gabor", "stage2/rectified", variants=2, **settings).save(folder / "variants")
        network = str(write_unet(Path(other) / "network.safetensors", widths=(2, 2)))
        sd.predict(section, network, augmentations=0).seisdream.save(folder / "prediction")
    for picture in folder.rglob("*.png"):
        if picture.name != "dream.png":
            picture.unlink()


def mutate(files, random, others):
    records = [name for name in files if name.endswith(".json")]
    name = random.choice(records if random.random() < 0.85 else sorted(files))
    if name.endswith(".json") and random.random() < 0.85:
        record = mutate_json(json.loads(files[name]), random)
        if random.random() < 0.5 and isinstance(record, dict) and isinstance(record.get("settings"), dict):
            record["settings"] = mutate_json(record["settings"], random)
            if random.random() < 0.3 and isinstance(record["settings"], dict):
                kind = random.choice(sorted(_OPTIONS))
                value = random.choice((*NUMBERS, *FLOATS, *WORDS, True, None, [], {}, ["x"], [1, 2]))
                record["settings"][kind] = {random.choice(_OPTIONS[kind]): value}
        files[name] = as_json(record, random)
    else:
        files[name] = mutate_bytes(files[name], random)
    if name == "recipe.json" and "dream.png" in files and random.random() < 0.3:
        files["dream.png"] = _with_text(files["dream.png"], files[name])
    return files


def _with_text(picture, text):
    chunks, file = PngInfo(), io.BytesIO()
    chunks.add_itxt(TEXT_KEY, text.decode("utf-8", "replace"))
    Image.open(io.BytesIO(picture)).save(file, "png", pnginfo=chunks)
    return file.getvalue()


def use(folder):
    def stop(_dream, _state):
        raise _Stop

    with suppress(sd.SeisdreamError):
        result = sd.load_result(folder)
        repr(result)
        result.summary()
    if (folder / "dream.png").exists():
        with suppress(_Stop, sd.SeisdreamError):
            sd.replay(folder / "dream.png", on_state=stop)
    with suppress(_Stop):
        sd.replay(folder, on_state=stop)
