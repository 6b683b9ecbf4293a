"""Run the settings inside a dream's output again, and compare the results."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.inputs import FILE_SETTINGS, named_files
from seisdream.dreaming.loop import DreamState
from seisdream.dreaming.objectives.parser import with_files
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.io.containers import read_npy
from seisdream.io.images import read_png_text
from seisdream.io.segy import SEGY_ENDINGS, read_text_header
from seisdream.io.texts import check_form, parse_json, read_text
from seisdream.provenance import FORM, hash_file, hash_samples
from seisdream.results.dream_result import DreamResult
from seisdream.results.writer import TEXT_KEY
from seisdream.seismic.cubes import DIMS as CUBE_DIMS


def _check_threads(number: Any) -> str | None:
    is_possible = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 1024
    return None if is_possible else "1 to 1024 threads"


_FORM = FORM | {
    "result": {
        "samples_sha256": (str, [str]),
        "replay_obstacle?": (str, type(None)),
        "stopped?": (str, type(None)),
    },
    "input": {"samples_sha256": str},
    "network": {"sha256": str},
    "files": {...: (str, type(None))},
    "machine": {"threads": _check_threads},
}
_MARKERS = (DreamResult.marker, DreamResult.variants_marker)


@dataclass(frozen=True)
class Replay:
    """A replayed dream, compared with the stored one.

    Attributes
    ----------
    dream : Dream
        The new run.
    is_identical : bool
        Whether the result equals the stored one bit for bit.
    differences : list of str
        What differs: the input, the network, the stored file, the samples and by how much.
    """

    dream: Dream
    is_identical: bool
    differences: list[str]


def read_record(path: str | Path) -> tuple[dict[str, Any], Path]:
    """Return the provenance of a dream's output, and the folder that it lies in.

    Parameters
    ----------
    path : path
        A dream's folder, its ``recipe.json`` (or ``variants.json``), a PNG (its text chunk), or another file in the
        folder. A SEG-Y must have the line of these settings in its text header.

    Raises
    ------
    SeisdreamError
        If there is no such file (``not-found``), or it was not written by seisdream (``not-ours``, ``corrupt``).
    """
    path = Path(path)
    if not path.exists():
        raise SeisdreamError(f"There is no {path}; use a dream's folder or a file in it.", code="not-found")
    folder, marker, text = (path if path.is_dir() else path.parent), path, ""
    if folder.name == "levels" and not any((folder / name).exists() for name in _MARKERS):
        folder = folder.parent
    if path.suffix.lower() == ".png":
        text = read_png_text(path).get(TEXT_KEY, "")
        if not text:
            raise SeisdreamError(f"{path} has no settings inside; it was not written by seisdream.", code="not-ours")
    else:
        markers = [path] if path.suffix.lower() == ".json" else [folder / name for name in _MARKERS]
        marker = next((one for one in markers if one.exists()), path)
        if marker not in markers:
            raise SeisdreamError(
                f"There is no {' or '.join(_MARKERS)} in {folder}; use a dream's folder, or a PNG of a dream.",
                code="not-ours",
            )
    try:
        record = parse_json(text or read_text(marker))
        check_form(record, _FORM)
        DreamSettings.from_dict(record["settings"])
    except (OSError, ValueError) as error:
        raise SeisdreamError(
            f"The settings in {path} cannot be read ({error}); use another output.", code="corrupt"
        ) from error
    # Seismic Unix has no text header.
    if path.suffix.lower() in SEGY_ENDINGS and path.suffix.lower() != ".su":
        _check_segy_line(path, record)
    return record, folder


def _check_segy_line(path: Path, record: dict[str, Any]) -> None:
    mark = f"RECIPE {record['settings_sha256'][:16]}".upper()
    lines = [line for line in read_text_header(path) if "DREAMED BY SEISDREAM" in line]
    if not lines:
        raise SeisdreamError(
            f"The text header of {path} has no line of a dream; it was not written by seisdream.", code="not-ours"
        )
    if not any(mark in line.upper() for line in lines):
        raise SeisdreamError(
            f"{path} was dreamed with other settings ('{lines[0].strip()}') than the JSON file next to it; use the "
            "folder that it was written to.",
            code="changed",
        )


def replay(
    path: str | Path,
    *,
    input: str | None = None,
    network: str | None = None,
    weights: str | None = None,
    trust: Collection[str] = (),
    device: str | None = None,
    on_state: Callable[[Dream, DreamState], None] | None = None,
) -> Replay:
    """Run the settings inside a dream's output again and compare with what was stored.

    Parameters
    ----------
    path : path
        As for `read_record`.
    input, weights : str, optional
        Where these files are now, if they moved or changed.
    network : str, optional
        The network to use instead of the one in the settings.
    trust : collection of str, optional
        What the author of the file chose, and is refused otherwise: networks in the settings that are Python code
        (``package.module:factory``), which is imported and run, or that timm or torchvision downloads; and files that
        are no longer what was recorded. `input`, `weights` and `network` are trusted.
    device : str, optional
        Where to run, if the device of the settings is not available; then only statistics can agree.
    on_state : callable, optional
        Called with the dream and each state.

    Raises
    ------
    SeisdreamError
        If the dream cannot be replayed (``not-supported``), its settings name a network that is not trusted
        (``untrusted``), or a file is not the one that was recorded (``hash-mismatch``); it is not opened then.

    Examples
    --------
    >>> import tempfile
    >>> import seisdream as sd
    >>> result = sd.dream(sd.open_section("sample:built-in"), "gabor", octaves=1, steps=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = result.save(f"{folder}/dream")
    ...     sd.replay(f"{folder}/dream").is_identical
    True
    """
    record, folder = read_record(path)
    if obstacle := record["result"].get("replay_obstacle"):
        raise SeisdreamError(f"The dream in {path} cannot be replayed: {obstacle}.", code="not-supported")
    if stopped := record["result"].get("stopped"):
        raise SeisdreamError(
            f"The dream in {path} was stopped ({stopped}), so there is no whole result to compare with; dream again "
            "with the settings in its recipe.json.",
            code="not-supported",
        )
    given = {"input": input, "network": network, "weights": weights, "device": device}
    given = {name: value for name, value in given.items() if value is not None}
    settings = DreamSettings.from_dict(record["settings"]).replace(**given)
    files = {name: _found(name, folder) for name in record["files"]}
    _check_files(settings, files, record["files"], trusted={*trust, *given.values()})
    moved = {name: files.get(getattr(settings, name)) for name in FILE_SETTINGS if name not in given}
    settings = settings.replace(**{name: path for name, path in moved.items() if path is not None})
    if isinstance(classes := settings.network_options.get("classes"), str):
        settings = settings.replace(
            network_options={**settings.network_options, "classes": files.get(classes, classes)}
        )
    if settings.layer is not None:
        settings = settings.replace(layer=with_files(settings.layer, lambda name: files.get(name, name)))
    threads = torch.get_num_threads()
    # Sums are split by thread, so their order, and with it the last bit, depends on the count.
    torch.set_num_threads(int(record["machine"]["threads"]))
    try:
        dream = Dream.from_settings(settings, trusted={*trust, *given.values()})
        for state in dream.states():
            if on_state is not None:
                on_state(dream, state)
    finally:
        torch.set_num_threads(threads)
    differences = _compare(dream, record, folder)
    return Replay(dream, not differences, differences)


def _found(name: str, folder: Path) -> str:
    """Return the path of a file in the settings: the recorded one, or else one next to the dream's folder."""
    if not Path(name).exists() and (near := folder.parent / Path(name).name).exists():
        return str(near)
    return name


def _check_files(
    settings: DreamSettings, files: dict[str, str], hashes: dict[str, str | None], trusted: Collection[str]
) -> None:
    """Raise, before any is opened, where settings name a file whose content their author does not know."""
    named = {name: files.get(name, name) for name in (*files, *named_files(settings))}
    for name, path in named.items():
        if not Path(path).exists() or name in trusted or path in trusted:
            continue
        now = hash_file(path)
        if now is None or now != hashes.get(name):
            raise SeisdreamError(
                f"The settings name {path}, which is not the file that was recorded, so it is not opened. If you want "
                f"to use it nevertheless, allow it with `trust={path}`.",
                code="hash-mismatch",
                option="trust",
            )


def _compare(dream: Dream, record: dict[str, Any], folder: Path) -> list[str]:
    expected = record["result"]["samples_sha256"]
    folders = [folder] if isinstance(expected, str) else [folder / str(n + 1) for n in range(len(expected))]
    expected = [expected] if isinstance(expected, str) else expected
    if len(expected) != (dream.settings.variants or 1):
        return [f"{len(expected)} results are recorded, and the settings make {dream.settings.variants or 1}"]
    differences = []
    for number, (sha256, part) in enumerate(zip(expected, folders, strict=True)):
        differences += [f"variant {number + 1}: {one}" if len(folders) > 1 else one
                        for one in _compare_one(dream, number, sha256, part)]  # fmt: skip
    return [*_compare_origin(dream, record), *differences] if differences else []


def _compare_one(dream: Dream, number: int, sha256: str, folder: Path) -> list[str]:
    dreamed, path = dream.dreamed(number), folder / "dream.npy"
    stored = read_npy(path) if path.exists() else None
    if stored is not None and (stored.ndim != dreamed.ndim or stored.dtype.kind not in "fiu"):
        return [f"{path} is {stored.dtype} of shape {stored.shape}, and no such dream"]
    if stored is not None and dreamed.dims == CUBE_DIMS:
        stored = stored.transpose(2, 0, 1)
    if hash_samples(dreamed) == sha256:
        if stored is not None and hash_samples(stored) != sha256:
            return [f"{path} is not what its settings made: it was changed since"]
        return []
    if stored is None:
        return ["the samples differ"]
    if stored.shape != dreamed.shape:
        return [f"the shape is {dreamed.shape}, stored {stored.shape}"]
    before = dream.before(number).values
    before = before if before.ndim == stored.ndim else np.zeros_like(stored)
    return [_describe_change(stored - before, dreamed.values - before)]


def _compare_origin(dream: Dream, record: dict[str, Any]) -> list[str]:
    differences = []
    if hash_samples(dream.original) != record["input"]["samples_sha256"]:
        differences.append("the input's samples are not those of the stored dream")
    if dream.network.sha256 != record["network"]["sha256"]:
        differences.append("the network's weights are not those of the stored dream")
    for name, network in dream.networks.items():
        if network.sha256 != record["others"].get(name, network.sha256):
            differences.append(f"the weights of {name} are not those of the stored dream")
    return differences


def _describe_change(stored: np.ndarray, now: np.ndarray) -> str:
    present = np.isfinite(stored) & np.isfinite(now)
    stored, now = stored[present], now[present]
    size = float(np.sqrt(np.mean(stored**2)))
    correlation = float(np.corrcoef(stored, now)[0, 1]) if stored.std() and now.std() else float("nan")
    return (
        f"the change of the stored dream and of this one correlate at {correlation:.4f}; they differ by at most "
        f"{np.abs(stored - now).max():.3g} (the stored change's RMS is {size:.3g})"
    )
