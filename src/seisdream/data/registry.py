"""Open any labelled dataset by its source string: a folder, SEG-Y, Zarr, ``.npz``, photographs, or a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seisdream.data.benchmarks import BENCHMARKS, open_benchmark
from seisdream.data.folders import LAYOUTS, is_labelled_folder, open_labelled_folder
from seisdream.data.lines import LabelledLines
from seisdream.data.photos import Photos, open_photos
from seisdream.data.segy_labels import open_labelled_segy, refuse_options
from seisdream.data.volume_labels import is_labelled_volume, open_labelled_volume
from seisdream.errors import SeisdreamError
from seisdream.io.fetch import Progress
from seisdream.io.segy import is_segy_name

BENCHMARK_PREFIX = "benchmark:"
_VOLUME_OPTIONS = ("labels", "classes")


def dataset_name(source: str) -> str:
    """Return the name of a dataset: the benchmark, the folder, or the file without its ending."""
    if source.startswith(BENCHMARK_PREFIX):
        return source.removeprefix(BENCHMARK_PREFIX).partition("/")[0]
    path = Path(source).resolve()
    return path.name if path.is_dir() and not is_labelled_volume(source) else path.stem


def open_dataset(source: str, *, progress: Progress = True, **options: Any) -> LabelledLines | Photos:
    """Open labelled data.

    Parameters
    ----------
    source : str
        A folder of sections with masks, or of photographs in one folder per class; a SEG-Y file with labels in the same
        folder; a Zarr store, also at a URL, with a volume of class codes; an ``.npz`` of sections and labels; or
        ``benchmark:NAME``, ``benchmark:NAME/PART``.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`, where a benchmark is fetched.
    **options
        For SEG-Y files: as for `seisdream.data.segy_labels.open_labelled_segy`. For Zarr: ``labels`` and ``classes``,
        as for `seisdream.data.volume_labels.open_labelled_volume`.

    Returns
    -------
    LabelledLines or Photos
        Lines have a label for each sample, photographs one for the whole image.

    Raises
    ------
    SeisdreamError
        If there is nothing labelled; the message says what could be.
    """
    path = Path(source)
    is_segy = is_segy_name(path) and not path.is_dir()
    if is_labelled_volume(source):
        refuse_options({name: one for name, one in options.items() if name not in _VOLUME_OPTIONS}, source)
        return open_labelled_volume(source, **options)
    if not is_segy and not path.is_dir():
        refuse_options(options, source)
    if source.startswith(BENCHMARK_PREFIX):
        name, _, part = source.removeprefix(BENCHMARK_PREFIX).partition("/")
        return open_benchmark(name, part or None, progress=progress)
    if not path.exists():
        names = ", ".join(BENCHMARK_PREFIX + name for name in BENCHMARKS)
        raise SeisdreamError(
            f"There is no file or folder {source}; name one (SEG-Y, .npz, Zarr, a folder), or one of {names}.",
            code="not-found",
        )
    if is_segy:
        return open_labelled_segy(path, **options)
    if path.is_file():
        if path.suffix.lower() == ".npz":
            return open_labelled_folder(path)
        raise SeisdreamError(
            f"{source} is not a labelled file; name a SEG-Y file with labels in its folder, or an .npz with labels.",
            code="no-labels",
        )
    if is_labelled_folder(path):
        return open_labelled_folder(path, **options)
    refuse_options(options, source)
    if any(folder.is_dir() and not folder.name.startswith(".") for folder in path.iterdir()):
        return open_photos(path)
    raise SeisdreamError(
        f"{source} holds nothing labelled. It may hold {'; '.join(LAYOUTS)}; or photographs in one folder per class.",
        code="no-labels",
    )
