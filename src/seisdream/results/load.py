"""Read a saved result back from its folder."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.containers import read_npy
from seisdream.io.texts import read_record
from seisdream.io.written_files import is_ours
from seisdream.provenance import FORM
from seisdream.results.dream_result import SCORE_COLUMNS, DreamResult
from seisdream.results.result import MARKERS, Result, result_class

_ARRAYS = {
    "arrays?": {...: {"file": str, "dims": [str], "attrs": dict}},
    "axes?": {...: {"values?": list, "first?": float, "step?": float, "n?": int}},
    "seeds?": dict,
}


def load_result(folder: str | os.PathLike[str]) -> Result:
    """Read a result that was saved: its arrays, provenance and notes.

    Parameters
    ----------
    folder : path
        The folder of a dream (variants too), a prediction, an attribution or controls.

    Returns
    -------
    Result
        Of the class that saved it, without what is not in the folder (the input, a film's frames). Arrays are mapped
        from the disk, so that a volume is read as far as it is used.

    Raises
    ------
    SeisdreamError
        If there is no folder (``not-found``), seisdream did not write it (``not-ours``), or its files are damaged
        (``corrupt``).

    Examples
    --------
    >>> import tempfile
    >>> import seisdream as sd
    >>> result = sd.dream(sd.open_section("sample:built-in"), "gabor", octaves=1, steps=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = result.save(f"{folder}/dream")
    ...     sd.load_result(f"{folder}/dream").dataset["dream"].equals(result.dream)
    True
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SeisdreamError(
            f"There is no folder {folder}; give the folder that a result was saved to.",
            code="not-found",
            option="folder",
        )
    marker = next((folder / name for name in MARKERS if is_ours(folder / name)), None)
    if marker is None:
        raise SeisdreamError(
            f"{folder} holds no result of seisdream; expected one of {', '.join(MARKERS)} in it.",
            code="not-ours",
            option="folder",
        )
    record = read_record(marker, FORM | _ARRAYS, option="folder")
    try:
        # The variants of a dream are in folders 1, 2 and so on.
        variants = [load_result(folder / str(int(number))) for number in record.get("seeds", {})]
        dataset = _join([one.dataset for one in variants]) if variants else _read_arrays(folder, record)
        result = result_class(record["kind"])(dataset, _provenance(record), list(record["notes"]))
        if isinstance(result, DreamResult):
            result.variants = tuple(one for one in variants if isinstance(one, DreamResult))
            result.scores = _read_scores(folder / "scores.csv")
        return result
    except (OSError, KeyError, ValueError, TypeError, OverflowError, csv.Error) as error:
        raise SeisdreamError(
            f"{folder} cannot be read: {error}. Restore the folder, or repeat what it is the result of.", code="corrupt"
        ) from error


def _read_arrays(folder: Path, record: dict[str, Any]) -> xr.Dataset:
    variables, sizes = {}, {}
    for name, known in record["arrays"].items():
        if Path(known["file"]).name != known["file"]:
            raise ValueError(f"'{known['file']}' is not a file of the folder")
        try:
            values = read_npy(folder / known["file"])
        except SeisdreamError as error:
            raise ValueError(str(error).rstrip(".")) from error
        variables[name] = (known["dims"], values, known["attrs"])
        sizes |= dict(zip(known["dims"], values.shape, strict=True))
    axes = {dim: _read_axis(axis, sizes[dim]) for dim, axis in record["axes"].items() if dim in sizes}
    return xr.Dataset(variables, axes)


def _join(variants: list[xr.Dataset]) -> xr.Dataset:
    return xr.concat(variants, "variant").assign_coords(variant=np.arange(1, len(variants) + 1))


def _read_scores(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: kind(row[name]) for name, kind in SCORE_COLUMNS.items()} for row in csv.DictReader(file)]


def _read_axis(axis: dict[str, Any], size: int) -> Any:
    if "values" in axis:
        return axis["values"]
    if axis["n"] != size:
        raise ValueError(f"an axis has {axis['n']} positions, and its arrays {size}")
    return axis["first"] + axis["step"] * np.arange(size)


def _provenance(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("arrays", "axes", "written", "seeds")}
