"""What a dream returns, and the folder that it is written to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.inference.tensors import as_bytes, as_rgb
from seisdream.io.images import write_tiff
from seisdream.io.noise import is_noise
from seisdream.io.segy import SegyVolume, WriteReport, segy_ending, write_sections_like, write_segy_like
from seisdream.io.segy.text_lines import DREAM_MARK, NOT_DATA_MARK, PREDICTION_MARK
from seisdream.provenance import drawable, short_name, version_of
from seisdream.results.presets import PRESETS
from seisdream.results.result import Result, check_choice
from seisdream.results.result_page import MOST_SAMPLES, PAGE, ResultPage
from seisdream.results.writer import TEXT_KEY, ResultFolder, check_disk_space
from seisdream.seismic.cubes import DIMS, VOLUME_DIMS, traces_of
from seisdream.seismic.sections import GreyMapping, absent_samples, is_picture
from seisdream.viewer.encoding import encode_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "A network's dream, not recorded data"
"""Begins the title of every figure of a dream, and is the title of its arrays."""
AUXILIARY = ("reflectivity", "impedance", "vp", "density")
"""What a dream on reflectivity or impedance has in addition to the section."""
ABSENT_ROCK = -9.0
"""What SEG-Y of rock properties and reflectivity holds where nothing was dreamed; no rock has a negative value."""

SCORE_COLUMNS = {"level": int, "octave": int, "step": int, "score": float, "milliseconds": float}
"""Columns of ``scores.csv`` and their types."""
SEGY_SCOPES = ("whole", "section", "none")
# Files besides dream.sgy.
_N_AUXILIARY = {"reflectivity": 1, "impedance": 4}
# SEG-Y text headers have no superscripts.
_ASCII = str.maketrans("⁻¹²³", "-123")


@dataclass(repr=False)
class DreamResult(Result):
    """What a dream returns: plain arrays and values, no network.

    Attributes
    ----------
    dataset : Dataset
        ``dream`` and ``before`` (the input, enlarged like the dream where levels zoomed) on the input's dimensions:
        ``(time, trace)``, ``(row, column)``, with ``colour`` for a dream in colour, or ``(time, inline, crossline)``
        for a cube. Dreams on reflectivity or impedance add ``reflectivity``, ``impedance``,
        ``vp``, ``density`` and ``impedance_before``, NaN where the input is absent. Of variants, what differs has a
        leading dimension ``variant``.
    settings : DreamSettings
        With every default resolved.
    volume : SegyVolume, optional
        Where a cube was read.
    scores : list of dict
        ``level``, ``octave``, ``step``, ``score`` (before the step) and ``milliseconds`` of every step.
    level_images : list of uint8 array
        The network's input after each level, ``(row, column)`` or ``(row, column, 3)``.
    frames : list of uint8 array
        Frames of the film, ``(row, column, 3)``; empty if no film was recorded.
    wavelet : array, optional
        The wavelet that reflectivity is convolved with, in the units of the section.
    repeatability : dict
        ``start`` and ``result``: correlation and NRMS of the modelled section with the input; empty for dreams on
        pixels.
    stopped : str, optional
        Why the dream ended early.
    variants : tuple of DreamResult
        The dreams one by one, where there are variants.
    """

    kind: ClassVar[str] = "dream"
    marker: ClassVar[str] = "recipe.json"
    variants_marker: ClassVar[str] = "variants.json"

    settings: Any = None
    volume: SegyVolume | None = None
    scores: list[dict[str, Any]] = field(default_factory=list)
    level_images: list[np.ndarray] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    wavelet: np.ndarray | None = None
    repeatability: dict[str, dict[str, float]] = field(default_factory=dict)
    stopped: str | None = None
    variants: tuple[DreamResult, ...] = ()

    @property
    def dream(self) -> xr.DataArray:
        """The dreamed section or cube."""
        return self.dataset["dream"]

    @property
    def _marker(self) -> str:
        return self.variants_marker if self.variants else self.marker

    def plot(self) -> Figure:
        """Draw the input, the dream and their difference; of a cube, the middle inline; of variants, all dreams.

        A dream that was loaded from its folder is drawn alone, since the folder does not hold the input.
        """
        from seisdream.plotting.figures import draw_comparison, draw_section, draw_sections

        if self.variants:
            first = self.variants[0]
            # Each variant of noise starts from its own noise.
            is_one_input = "before" in first.dataset and not is_noise(first._section())
            panels = {"Before": first._before()} if is_one_input else {}
            panels |= {f"Variant {number}": one.dream for number, one in enumerate(self.variants, start=1)}
            return draw_sections(panels, title=self._title())
        after = self._middle_inline(self.dream) if self.is_volume else self.dream
        if "before" not in self.dataset:
            return draw_section(after, title=self._title())
        before = self._middle_inline(self._before()) if self.is_volume else self._before()
        return draw_comparison(before, after, title=self._title())

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        force: bool = False,
        segy: str = "whole",
        frames_per_second: float = 12.0,
    ) -> list[Path]:
        """Write the dream to a folder that appears whole or not at all.

        Parameters
        ----------
        folder : path
            The folder to make.
        force : bool, default False
            Replace the folder of an earlier dream.
        segy : {"whole", "section", "none"}
            For SEG-Y input: write a copy of the whole file with the dreamed samples in place, only the section's
            traces, or no SEG-Y.
        frames_per_second : float, default 12
            Of the film.

        Returns
        -------
        list of Path
            ``dream.npy``, ``dream.png``, ``dream-figure.png``, ``levels/dream-NN.png``, ``scores.csv``,
            ``recipe.json``, ``index.html``; ``dream.gif`` and ``dream.mp4`` if frames were recorded; ``dream.sgy`` for
            SEG-Y (``.su`` for Seismic Unix) and ``dream.tif`` for TIFF. Dreams on reflectivity or impedance add
            ``dream-reflectivity.npy``, ``dream-impedance.npy``, ``dream-vp.npy``, ``dream-density.npy`` (and ``.sgy``),
            ``wavelet.npy`` and ``dream-rock.png``. Arrays of a cube are ``(inline, crossline, time)``; its figure and
            film show the middle inline, and ``dream-slices.png`` an inline, a crossline and a time slice in place of
            the other pictures. Variants are written to folders ``1``, ``2`` … next to ``dream-variants.png`` and
            ``variants.json``.

        Raises
        ------
        SeisdreamError
            If something is in the way (``exists``), `segy` is another word (``out-of-range``) or does not apply
            (``not-supported``), or the disk refuses (``write-failed``); then nothing is written.
        """
        _check_scope(segy, is_cube=self.is_volume)
        with self._writing(folder, force) as files:
            if self.variants:
                self._write_variants(files, segy, frames_per_second)
            else:
                self._write(files, segy, frames_per_second)
        return files.paths

    def _write(self, files: ResultFolder, segy: str, frames_per_second: float = 12.0) -> None:
        # First what is the result; the rest may fail.
        for name in ("dream", *self._auxiliary()):
            files.write_array(name, self._as_on_disk(name), _file_stem(name))
        if self.wavelet is not None:
            np.save(files.path / "wavelet.npy", self.wavelet, allow_pickle=False)
        rows = [{**row, "milliseconds": round(row["milliseconds"], 3)} for row in self.scores]
        files.write_csv("scores.csv", rows, tuple(SCORE_COLUMNS))
        # Before the pictures: what SEG-Y cannot hold becomes a note in them.
        if segy != "none":
            self._write_segy(files, segy)
        if self.frames:
            with files.optional("film"):
                self._write_films(files, frames_per_second)
        if self.is_volume:
            self._write_slices(files)
        else:
            self._write_pictures(files)
        with files.optional("dream-figure.png"):
            files.write_figure("dream-figure.png", self.plot())
        with files.optional(PAGE):
            files.write_page(self._page())

    def _page(self) -> ResultPage:
        first = self.variants[0] if self.variants else self
        dreams = {f"Variant {number}": one.dream for number, one in enumerate(self.variants, start=1)}
        sections = [first._before(), *(dreams.values() if dreams else [self.dream])]
        if self.is_volume:
            sections = [self._middle_inline(one) for one in sections]
        before, *after = sections
        return dream_page(before, dict(zip(list(dreams) or ["Dream"], after, strict=True)), self._title())

    def _write_slices(self, files: ResultFolder) -> None:
        from seisdream.plotting.slices import cut_cube, draw_dreamed_slices

        with files.optional("dream-slices.png"):
            percentile, before = self.provenance["settings"]["percentile"], self.dataset["before"]
            scale = GreyMapping.of(traces_of(before.transpose(*DIMS)), percentile)
            title = self._title(is_inline=False)
            figure = draw_dreamed_slices(
                cut_cube(before), cut_cube(self.dream), scale, percentile=percentile, title=title
            )
            files.write_figure("dream-slices.png", figure)

    def _write_pictures(self, files: ResultFolder) -> None:
        from seisdream.plotting.figures import draw_section
        from seisdream.plotting.rocks import draw_rock

        dream = self.dream
        if self.source is not None and self.source.attrs.get("format") == "TIFF":
            with files.optional("dream.tif"):
                write_tiff(dream, files.path / "dream.tif", description=f"{TEXT_KEY} {files.text}")
        with files.optional("dream.png"):
            if is_picture(dream):
                grey = np.nan_to_num(GreyMapping.of(dream).to_grey(dream.values), nan=127.5)
                files.write_picture("dream.png", as_bytes(grey))
            else:
                files.write_figure("dream.png", draw_section(dream, title=self._title()))
        if "impedance_before" in self.dataset:
            with files.optional("dream-rock.png"):
                figure = draw_rock(self.dataset["impedance_before"], self.dataset["impedance"], title=self._title())
                files.write_figure("dream-rock.png", figure)
        (files.path / "levels").mkdir()
        for level, image in enumerate(self.level_images, start=1):
            with files.optional(name := f"levels/dream-{level:02d}.png"):
                files.write_picture(name, image)

    def _write_films(self, files: ResultFolder, frames_per_second: float) -> None:
        from seisdream.plotting.films import write_films

        films = (files.path / "dream.mp4", files.path / "dream.gif")
        made = {"frames_per_second": frames_per_second, "comment": files.text, "caption": TITLE}
        for note in write_films(self.frames, *films, **made):
            self._note(note)

    def _write_variants(self, files: ResultFolder, segy: str, frames_per_second: float) -> None:
        for number, one in enumerate(self.variants, start=1):
            one.save(files.path / str(number), segy=segy, frames_per_second=frames_per_second)
        with files.optional("dream-variants.png"):
            files.write_figure("dream-variants.png", self.plot())
        with files.optional(PAGE):
            files.write_page(self._page())
        seeds = {str(number): one.provenance["settings"]["seed"] for number, one in enumerate(self.variants, start=1)}
        files.provenance = files.provenance | {"layer": self.provenance["settings"]["layer"], "seeds": seeds}

    def _write_segy(self, files: ResultFolder, scope: str) -> None:
        if self.volume is None and (self.source is None or self.source.attrs.get("format") != "SEG-Y"):
            return
        if reason := segy_unavailable_reason(self.settings):
            self._note(reason)
            return
        title, line = segy_title(self.provenance), segy_line(self.provenance)
        with files.optional("SEG-Y"):  # The file may be gone.
            ending = segy_ending(self._segy_line())
            with files.optional(f"dream{ending}"):
                path = files.path / f"dream{ending}"
                if self.volume is not None:
                    report = write_sections_like(self._lines("dream"), path, line=line, title=title)
                else:
                    report = write_segy_like(self.dream, self._section(), path, line=line, title=title, scope=scope)
                self._note_clipping(report)
            for name in self._auxiliary():
                with files.optional(f"{_file_stem(name)}{ending}"):
                    self._write_auxiliary(files, name, scope)

    def _segy_line(self) -> xr.DataArray:
        """Return a line of the SEG-Y as it was opened."""
        return self._section() if self.volume is None else self.volume.open(self.volume.middle)

    def _write_auxiliary(self, files: ResultFolder, name: str, scope: str) -> None:
        units = str(self.dataset[name].attrs["units"]).replace("10⁶", "1E6").translate(_ASCII)
        files.write_segy(
            _file_stem(name),
            (line for line, _ in self._lines(name)),
            self._segy_line(),
            line=f"{PREDICTION_MARK}: DREAMED {name.upper()} {units} {_recipe(self.provenance)}",
            mark=PREDICTION_MARK,
            absent=ABSENT_ROCK,
            title=segy_title(self.provenance),
            scope=scope,
        )

    def _note_clipping(self, report: WriteReport) -> None:
        if report.n_clipped:
            self._note(
                f"{report.n_clipped} of {report.n_changed} changed samples exceed the integers of the SEG-Y and were "
                "clipped in dream.sgy; dream.npy is not clipped. Use a smaller `step_size`, or keep `clip=True`."
            )

    def _lines(self, name: str) -> Iterator[tuple[xr.DataArray, xr.DataArray]]:
        """Yield an array's lines with the lines of the input as they were opened; a section is one line."""
        values = self.dataset[name]
        if self.volume is None:
            source = self._section()
            yield values.assign_coords(source.coords), source
            return
        for position, inline in enumerate(self.volume.inlines):
            original = self.volume.open(inline)
            yield original.copy(data=values.isel(inline=position).transpose("time", "crossline").values), original

    def _auxiliary(self) -> list[str]:
        return [name for name in AUXILIARY if name in self.dataset]

    def _as_on_disk(self, name: str) -> xr.DataArray:
        return self.dataset[name].transpose(*VOLUME_DIMS) if self.is_volume else self.dataset[name]

    def _before(self) -> xr.DataArray:
        """Return the input as it compares with the dream: in grey where the dream is in colour."""
        before = self.dataset["before"]
        if before.ndim == self.dream.ndim:
            return before
        grey = GreyMapping.of(self._section(), self.provenance["settings"]["percentile"]).to_grey(before.values)
        return self.dream.copy(data=as_rgb(grey.clip(0.0, 255.0)))

    def _middle_inline(self, cube: xr.DataArray) -> xr.DataArray:
        """Return the middle inline of a cube as a section ``(time, crossline)``."""
        n_inlines, volume = cube.sizes["inline"], self.volume
        middle = n_inlines // 2 if volume is None else volume.inlines.index(volume.middle)
        return cube.isel(inline=middle, drop=True).transpose("time", "crossline")

    def _title(self, *, is_inline: bool = True) -> str:
        known = self.provenance
        selection = known["input"]["selection"]
        if self.volume is not None:
            selection = f"inline {self.volume.middle}" if is_inline else None
        line = ", ".join(Path(str(part)).name for part in (known["input"]["source"], selection) if part)
        settings = known["settings"]
        path = known["result"].get("path")
        path = f"the network responds as to real sections {path['where']}" if path else None
        what = [short_name(known["network"]["name"]), settings["layer"], *self._unusual(), path]
        return drawable(": ".join(filter(None, [f"{TITLE}. {line}", ", ".join(filter(None, what))])))

    def _unusual(self) -> Iterator[str]:
        """Yield the parameterization, the steps, the levels and the seed, each where it is not the default."""
        settings = self.provenance["settings"]
        preset = PRESETS["2015" if settings.get("colour") or is_picture(self.dream) else "seismic"]
        if settings["parameterization"] != preset["parameterization"]:
            yield settings["parameterization"]
        if (steps := settings.get("steps")) not in (None, preset["steps"]):
            yield f"{steps} step{'s' * (steps != 1)}"
        if settings["levels"] != 1:
            yield f"{settings['levels']} levels"
        if settings["seed"] and not self.variants:
            yield f"seed {settings['seed']}"

    def _summary(self) -> dict[str, Any]:
        if self.variants:
            return {"variants": [one._summary() for one in self.variants]}
        scores = [row["score"] for row in self.scores]
        return super()._summary() | {
            "n_steps": len(scores),
            "first_score": scores[0] if scores else None,
            "last_score": scores[-1] if scores else None,
            "seconds": round(sum(row["milliseconds"] for row in self.scores) / 1e3, 3),
        }


def segy_title(provenance: dict[str, Any]) -> tuple[str, str]:
    """Return the first lines of the text header of a dream's SEG-Y."""
    settings, network = provenance["settings"], short_name(provenance["network"]["name"])
    return (
        f"{TITLE}. Do not interpret.".upper(),
        f"{NOT_DATA_MARK}: NETWORK {network} LAYER {settings['layer'] or 'OF PYTHON'} SEED {settings['seed']}",
    )


def segy_line(provenance: dict[str, Any]) -> str:
    """Return the line of the text header of a dream's SEG-Y that records its settings."""
    name = provenance["network"]["name"]
    return f"{DREAM_MARK} {version_of('seisdream')} {_recipe(provenance)} {name}"


def _recipe(provenance: dict[str, Any]) -> str:
    return f"RECIPE {provenance['settings_sha256'][:16]}"


def _file_stem(name: str) -> str:
    """Return the name of an array's files without their ending."""
    return name if name == "dream" else f"dream-{name}"


def segy_unavailable_reason(settings: Any) -> str | None:
    """Return why a dream with these settings cannot be written to SEG-Y, or None where it can."""
    if settings.zoom and settings.levels > 1:
        return "No dream.sgy: a zoomed section has left the positions it was recorded at (use `zoom=0`)."
    if settings.colour:
        return "No dream.sgy: a dream in colour has no amplitudes (use `colour=False`)."
    return None


def check_room(
    folder: str | os.PathLike[str],
    *,
    source: xr.DataArray,
    settings: Any,
    volume: SegyVolume | None = None,
    segy: str = "whole",
) -> None:
    """Raise, before a dream begins, where its SEG-Y files cannot be written.

    Parameters
    ----------
    folder : path
        The folder that the dream will be saved to.
    source : DataArray
        The input as it was opened.
    settings : DreamSettings
        With every default resolved.
    volume : SegyVolume, optional
        Where a cube was read.
    segy : {"whole", "section", "none"}
        As for `DreamResult.save`.

    Raises
    ------
    SeisdreamError
        If the disk has no room for copies of the file (``too-large``), or `segy` does not apply to a cube
        (``not-supported``).
    """
    _check_scope(segy, is_cube=volume is not None)
    file = volume.survey.path if volume is not None else Path(str(source.attrs.get("segy_path")))
    if segy != "whole" or source.attrs.get("format") != "SEG-Y" or segy_unavailable_reason(settings):
        return
    if file.exists():
        n_files = 1 + _N_AUXILIARY.get(settings.parameterization, 0)
        check_disk_space(
            folder,
            n_files * file.stat().st_size,
            f"{n_files} SEG-Y {'file' if n_files == 1 else 'files'} of the size of {file}",
            'use `segy="section"` (only the section\'s traces) or `segy="none"`'
            if volume is None
            else 'use `segy="none"`',
        )


def _check_scope(segy: str, *, is_cube: bool) -> None:
    check_choice("segy", segy, SEGY_SCOPES)
    if segy == "section" and is_cube:
        raise SeisdreamError(
            '`segy="section"` applies to sections; a cube is the whole volume. Use `segy="whole"` or `segy="none"`.',
            code="not-supported",
            option="segy",
        )


def dream_page(before: xr.DataArray, dreams: Mapping[str, xr.DataArray], title: str) -> ResultPage:
    """Return the page of the dreams on a section, by name."""
    absent = absent_samples(before)
    encoded, *after = (
        encode_section(one, absent=absent, most_samples=MOST_SAMPLES) for one in (before, *dreams.values())
    )
    return ResultPage(title, encoded, dict(zip(dreams, after, strict=True)), ("Before", "After"))
