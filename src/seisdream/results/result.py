"""A result: arrays, their provenance and notes, with one way to plot, save and summarize all kinds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.inputs import open_section
from seisdream.io.segy import SegyVolume
from seisdream.provenance import hash_file, hash_samples, protected_files
from seisdream.results.writer import ResultFolder, writing_result
from seisdream.seismic.sections import VERTICAL_DIMS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = {
    "dream": ("seisdream.results.dream_result", "DreamResult"),
    "prediction": ("seisdream.results.prediction_result", "PredictionResult"),
    "attribution": ("seisdream.results.attribution_result", "AttributionResult"),
    "controls": ("seisdream.results.control_result", "ControlResult"),
    "concepts": ("seisdream.results.concept_result", "ConceptResult"),
}
MARKERS = ("recipe.json", "variants.json", "prediction.json", "attribution.json", "controls.json", "concepts.json")
"""Files that hold the provenance of a saved result."""


@dataclass(repr=False)
class Result:
    """What a computation returned, with everything that is needed to repeat it.

    Attributes
    ----------
    dataset : Dataset
        The arrays, on the coordinates of the input.
    provenance : dict
        As `seisdream.provenance.make_provenance` returns it.
    notes : list of str
        What was done differently from what the user may expect.
    source : DataArray or SegyVolume, optional
        The input as it was opened; needed for figures and SEG-Y. Without it, the input is opened again.
    input_files : list of str
        Further files that the result was made from, which saving must not delete.
    """

    kind: ClassVar[str] = ""
    marker: ClassVar[str] = ""
    """The JSON file of the provenance in a saved folder."""

    dataset: xr.Dataset
    provenance: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    source: Any = None
    input_files: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: xr.Dataset | xr.DataArray, section: xr.DataArray | None = None) -> Result:
        """Return the result that an array of `predict` or `attribute` belongs to.

        Parameters
        ----------
        data : Dataset or DataArray
            With its provenance as JSON in ``attrs["provenance"]``.
        section : DataArray, optional
            The input. By default it is opened again from the source in the provenance.

        Raises
        ------
        SeisdreamError
            If the array carries no provenance (``not-ours``).
        """
        if "provenance" not in data.attrs:
            raise SeisdreamError(
                "The array carries no provenance, so it is not a result of seisdream, or its attributes were lost in "
                "a computation; save what `predict` or `attribute` returned.",
                code="not-ours",
            )
        provenance = json.loads(data.attrs["provenance"])
        dataset = data if isinstance(data, xr.Dataset) else data.to_dataset(name=data.name or provenance["kind"])
        return result_class(provenance["kind"])(dataset, provenance, list(provenance["notes"]), section)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {size}" for name, size in self.dataset.sizes.items())
        network = (self.provenance.get("network") or {}).get("name")
        return f"<{type(self).__name__}: {', '.join(map(str, self.dataset))} ({sizes}), network {network}>"

    @property
    def is_volume(self) -> bool:
        """Whether the input is a volume or a cube."""
        dims = set(map(str, self.dataset.dims))
        return {"inline", "crossline"} <= dims and bool(dims & set(VERTICAL_DIMS))

    @property
    def _marker(self) -> str:
        return self.marker

    def plot(self) -> Figure:
        """Draw the result; the figure is not shown or written."""
        raise NotImplementedError

    def save(self, folder: str | os.PathLike[str], *, force: bool = False, segy: str = "section") -> list[Path]:
        """Write the result to a folder that appears whole or not at all.

        Parameters
        ----------
        folder : path
            The folder to make.
        force : bool, default False
            Replace a folder that an earlier result was saved to.
        segy : {"section", "none"}
            For SEG-Y input, write SEG-Y of the section's traces too.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        SeisdreamError
            If something is in the way (``exists``), `segy` is another word (``out-of-range``), or the disk refuses
            (``write-failed``); then nothing is written.
        """
        check_choice("segy", segy, ("section", "none"))
        with self._writing(folder, force) as files:
            self._write(files, segy)
        return files.paths

    def _writing(self, folder: str | os.PathLike[str], force: bool) -> AbstractContextManager[ResultFolder]:
        return writing_result(
            folder,
            marker=self._marker,
            provenance=self.provenance,
            notes=self.notes,
            force=force,
            inputs=self._input_files(),
        )

    def _write(self, files: ResultFolder, segy: str) -> None:
        raise NotImplementedError

    def summary(self, files: Iterable[os.PathLike[str] | str] = (), out: str | os.PathLike[str] = "") -> dict[str, Any]:
        """Return the result as values that JSON knows, in the one form that ``--json`` prints.

        Parameters
        ----------
        files : iterable of path
            The files that were written.
        out : path
            The folder they are in.
        """
        return {
            "kind": self.kind,
            "out": str(out),
            "files": [str(file) for file in files],
            "notes": list(self.notes),
            "settings": self.provenance["settings"],
            "result": self._summary(),
        }

    def _note(self, note: str) -> None:
        """Add a note that a writer makes, once."""
        if note not in self.notes:
            self.notes.append(note)

    def _summary(self) -> dict[str, Any]:
        return dict(self.provenance["result"])

    def _input_files(self) -> list[str]:
        """Return the files that the result was made from, which saving must not delete."""
        source, network = self.provenance["input"]["source"], self.provenance["network"] or {}
        return protected_files(source, network.get("weights"), *self.input_files, network=network.get("name"))

    def _section(self) -> Any:
        """Return the input, opened again where it was not given: a section, or of a volume a `SegyVolume`."""
        if self.source is None:
            known = self.provenance["input"]
            if known["source"] is None:
                raise SeisdreamError(
                    "The input was made in Python, so it cannot be opened again; give it as `section`.",
                    code="missing-argument",
                    option="section",
                )
            self._check_source()
            if self.is_volume:
                self.source = SegyVolume(known["source"], **known["options"])
                return self.source
            section = open_section(known["source"], **known["options"])
            if known["samples_sha256"] not in (None, hash_samples(section)):
                raise SeisdreamError(
                    f"{known['source']} is no longer the input that the result was made from; give that as `section`.",
                    code="changed",
                    option="section",
                )
            self.source = section
        return self.source

    def _check_source(self) -> None:
        """Raise, before it is opened, where the input's file is not the one that the result was made from."""
        known = self.provenance["input"]
        if os.path.exists(known["source"]) and hash_file(known["source"]) != (known["file_sha256"] or "unknown"):
            raise SeisdreamError(
                f"{known['source']} is no longer the file that the result was made from, so it is not opened; give the "
                "input as `section`.",
                code="changed",
                option="section",
            )


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Raise `SeisdreamError` (``out-of-range``) where a value is none of the choices."""
    if value not in choices:
        raise SeisdreamError(
            f"`{option}` is '{value}'; it must be one of {', '.join(choices)}.", code="out-of-range", option=option
        )


def result_class(kind: str) -> type[Result]:
    """Return the class of a kind of result."""
    if kind not in _KINDS:
        raise SeisdreamError(
            f"There is no result of kind '{kind}'; expected one of {', '.join(_KINDS)}.", code="not-ours"
        )
    module, name = _KINDS[kind]
    return getattr(import_module(module), name)
