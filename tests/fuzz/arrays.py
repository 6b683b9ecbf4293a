"""NumPy files: ``.npy`` and ``.npz``, as sections, concept vectors and wavelets."""

import io
import zipfile

import numpy as np

from fuzz.mutations import mutate_bytes, mutate_text
from seisdream.io.concept_vectors import open_concept_vector
from seisdream.io.inputs import open_section

_HEADER_WORDS = ("'<f8'", "'|O'", "'<U9'", "'|V8'", "'<c8'", "'<M8[ns]'", "[('a','<f4')]", "(9999999999,)", "(-1,4)",
                 "(2**9,)", "(1,)*40", "True")  # fmt: skip


def seeds(folder):
    section = np.arange(120, dtype=np.float32).reshape(10, 12)
    arrays = {
        "section.npy": section,
        "volume.npy": np.zeros((3, 4, 5), "i2") + np.arange(5, dtype="i2"),
        "picture.npy": np.zeros((6, 7, 3), np.uint8) + 9,
        "vector.npy": np.arange(8.0),
        "columns.npy": np.asfortranarray(section),
        "words.npy": np.array([["a", "b"], ["c", "d"]]),
    }
    for name, array in arrays.items():
        (folder / name).mkdir()
        np.save(folder / name / name, array)
    for name, save in (("plain.npz", np.savez), ("packed.npz", np.savez_compressed)):
        (folder / name).mkdir()
        save(folder / name / name, amplitude=section, time_ms=np.arange(10) * 4.0, crossline=np.arange(12), salt=[1, 2])


def mutate(files, random, others):
    ((name, data),) = files.items()
    alike = [content for one in others for other, content in one.items() if other[-3:] == name[-3:]]
    if name.endswith(".npz") and random.random() < 0.5:
        return {name: _mutate_member(data, random)}
    if name.endswith(".npy") and random.random() < 0.4:
        return {name: _mutate_header(data, random)}
    return {name: mutate_bytes(data, random, alike, random.choice((None, (0, 128))))}


def _mutate_member(data, random):
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as after:
        names = before.namelist()
        chosen = random.choice(names)
        for name in names:
            content = before.read(name)
            if name == chosen:
                name = random.choice((name, name, "image.npy", "../x.npy", "time.npy"))
                content = random.choice((_mutate_header, mutate_bytes))(content, random)
            after.writestr(name, content)
    return packed.getvalue()


def _mutate_header(data, random):
    """Change the text of a header, and keep its length right most times."""
    size = int.from_bytes(data[8:10], "little")
    text = mutate_text(data[10 : 10 + size].decode("latin-1"), random, _HEADER_WORDS)[:60_000]
    declared = len(text) if random.random() < 0.8 else size
    return data[:8] + declared.to_bytes(2, "little") + text + data[10 + size :]


def use(folder):
    path = next(folder.iterdir())
    if path.name == "vector.npy":
        open_concept_vector(path)
    elif path.suffix == ".npz":
        open_concept_vector(f"{path}#salt")
    open_section(path, nan="absent")
