"""The one writer of results: a folder with arrays, pictures and SEG-Y, each with the provenance inside."""

from __future__ import annotations

import csv
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from seisdream.errors import IncompleteResultWarning, SeisdreamError
from seisdream.escaping import for_csv
from seisdream.io.atomic import writing_folder
from seisdream.io.images import write_png
from seisdream.io.segy import segy_ending, writing_segy_numbers
from seisdream.io.write_errors import why_not_written
from seisdream.settings import to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.results.result_page import ResultPage

TEXT_KEY = "seisdream"
"""The key of the provenance inside PNG files."""


@contextmanager
def writing_result(
    folder: str | os.PathLike[str],
    *,
    marker: str,
    provenance: dict[str, Any],
    notes: list[str],
    force: bool = False,
    inputs: Iterable[str] = (),
) -> Iterator[ResultFolder]:
    """Give a folder to fill, which appears under its name when the block ends without an error.

    Parameters
    ----------
    folder : path
        The folder to make.
    marker : str
        The JSON file that holds the provenance.
    provenance : dict
        As `seisdream.provenance.make_provenance` returns it.
    notes : list of str
        Stored with the provenance as they are when the block ends.
    force : bool, default False
        Replace a folder of an earlier result.
    inputs : iterable of str
        Files that must not be deleted.

    Yields
    ------
    ResultFolder
        Its `paths` are known after the block.

    Warns
    -----
    IncompleteResultWarning
        Where something optional could not be written.
    """
    with writing_folder(folder, force=force, inputs=inputs, marker=marker) as partial:
        files = ResultFolder(partial, provenance, notes)
        yield files
        files.write_json(marker, files.record | {"arrays": files.arrays, "axes": files.axes})
        names = sorted(path.relative_to(partial) for path in partial.rglob("*") if path.is_file())
    files.paths = [Path(folder) / name for name in names]
    warn_incomplete(files.failures)


@contextmanager
def optional_file(folder: Path, name: str, on_failure: Callable[[str], object]) -> Iterator[None]:
    """Write a file without which the result is still one: where that fails, it is removed and a note states why.

    Parameters
    ----------
    folder : Path
        Where the file is.
    name : str
        The file, or what else the note names.
    on_failure : callable
        Called with the note.
    """
    try:
        yield
    except Exception as error:
        reason = why_not_written(error, folder) or (str(error).splitlines() or [type(error).__name__])[0]
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
        reason = reason.replace(f"{folder}{os.sep}", "").removeprefix(f"{name} was not written: ")
        on_failure(f"No {name}: {reason.rstrip('.')}.")


def warn_incomplete(failures: Iterable[str]) -> None:
    """Warn, with an `IncompleteResultWarning` for each, of what could not be written."""
    for failure in failures:
        warnings.warn(failure, IncompleteResultWarning, stacklevel=5)


@dataclass
class ResultFolder:
    """A result's folder while it is filled.

    Attributes
    ----------
    path : Path
        The folder, under a temporary name.
    provenance : dict
        Written to the JSON file, and into pictures.
    notes : list of str
        Sentences to store with it; writers may add some.
    arrays : dict
        File, dimensions and attributes of each array, by name.
    axes : dict
        Coordinates of the arrays, by dimension.
    paths : list of Path
        The files in their final place, known when the folder is whole.
    failures : list of str
        Notes on what could not be written.
    """

    path: Path
    provenance: dict[str, Any]
    notes: list[str]
    arrays: dict[str, dict[str, Any]] = field(default_factory=dict)
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def record(self) -> dict[str, Any]:
        """The provenance with the notes so far."""
        return self.provenance | {"notes": list(self.notes)}

    @property
    def text(self) -> str:
        """The record as one line of JSON."""
        return to_json(self.record)

    def optional(self, name: str) -> AbstractContextManager[None]:
        """Write a file without which the result is still one, as `optional_file`."""
        return optional_file(self.path, name, self.note_failure)

    def note_failure(self, note: str) -> None:
        """Add a note on what could not be written; the result is incomplete."""
        self.failures.append(note)
        if note not in self.notes:
            self.notes.append(note)

    def write_array(self, name: str, array: xr.DataArray, stem: str | None = None) -> None:
        """Write an array as ``STEM.npy``, by default its name with hyphens, and note its dimensions and coordinates."""
        file = self.describe_array(name, array, stem)
        np.save(self.path / file, np.ascontiguousarray(array.values), allow_pickle=False)

    def describe_array(self, name: str, array: xr.DataArray, stem: str | None = None) -> str:
        """Note an array's dimensions and coordinates, and return the name of its file."""
        file = f"{stem or name.replace('_', '-')}.npy"
        attrs = {key: array.attrs[key] for key in ("units", "long_name", "title", "value_range") if key in array.attrs}
        self.arrays[name] = {"file": file, "dims": [str(dim) for dim in array.dims], "attrs": attrs}
        for dim in map(str, array.dims):
            if dim in array.coords:
                self.axes[dim] = _axis_record(array[dim].values)
        return file

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file."""
        words = to_json(content, indent=2) + "\n"
        (self.path / name).write_text(words, encoding="utf-8")

    def write_csv(self, name: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Write a table with a row of column names."""
        with (self.path / name).open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.writer(file)
            writer.writerow(map(for_csv, columns))
            writer.writerows([for_csv(row[name]) for name in columns] for row in rows)

    def write_figure(self, name: str, figure: Figure, *, dpi: float = 150.0) -> None:
        """Write a figure as PNG with the provenance inside."""
        from seisdream.plotting.panels import write_figure

        write_figure(figure, self.path / name, text={TEXT_KEY: self.text}, dpi=dpi)

    def write_page(self, page: ResultPage) -> None:
        """Write the page of the result, which holds its films; they are written before."""
        from seisdream.results.result_page import write_result_page

        write_result_page(self.path, page, self.record)

    def write_picture(self, name: str, pixels: np.ndarray) -> None:
        """Write pixels as PNG with the provenance inside."""
        write_png(pixels, self.path / name, text={TEXT_KEY: self.text})

    def write_segy(
        self,
        name: str,
        sections: Iterable[xr.DataArray],
        like: xr.DataArray,
        *,
        line: str,
        mark: str,
        absent: float,
        title: Sequence[str] = (),
        scope: str = "section",
    ) -> None:
        """Write numbers other than amplitudes as SEG-Y with the headers of the input.

        Parameters
        ----------
        name : str
            The file's name without its ending.
        sections : iterable of DataArray
            On the coordinates of sections of the input.
        like : DataArray
            A section of the input, as it was opened.
        line : str
            A line of the text header.
        mark : str
            The words by which such a line is found.
        absent : float
            Stands for NaN and for traces that no section has.
        title : sequence of str
            First lines of the text header.
        scope : {"section", "whole"}
            The traces of `like`, or all traces of the file.
        """
        path = self.path / f"{name}{segy_ending(like)}"
        with writing_segy_numbers(like, path, line=line, mark=mark, title=title, scope=scope, absent=absent) as numbers:
            for section in sections:
                numbers.put(section)


def file_names(names: Sequence[str]) -> list[str]:
    """Return names of classes as parts of file names: lower case, with hyphens, each one unique."""
    slugs = [re.sub(r"[^a-z0-9]+", "-", name.partition(",")[0].lower()).strip("-") for name in names]
    return [
        slug if slug and slugs.count(slug) == 1 else f"{code}-{slug}".rstrip("-") for code, slug in enumerate(slugs)
    ]


def check_disk_space(folder: str | os.PathLike[str], n_bytes: int, what: str, remedy: str) -> None:
    """Raise `SeisdreamError` (``too-large``) where a disk has no room for what will be written to a folder."""
    parent = Path(folder).resolve()
    while not parent.exists():
        parent = parent.parent
    free = shutil.disk_usage(parent).free
    if free < n_bytes:
        raise SeisdreamError(
            f"{what} would take {describe_bytes(n_bytes)}, and {parent} has {describe_bytes(free)} free; {remedy}, or "
            "write to another disk.",
            code="too-large",
            option="out",
        )


def describe_bytes(n: float) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.3g} MB"


def _axis_record(values: np.ndarray) -> dict[str, Any]:
    """Return an axis as first value, step and length where it is even, else as its values."""
    if values.dtype.kind in "iuf" and values.size > 1:
        steps = np.diff(values)
        if (steps == steps[0]).all():
            return {"first": values[0].item(), "step": steps[0].item(), "n": int(values.size)}
    return {"values": values.tolist()}
