"""What controls return, and the folder that they are written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.io.segy.text_lines import CONTROLS_MARK
from seisdream.provenance import line_name, short_name, version_of
from seisdream.results.result import Result
from seisdream.results.result_page import MOST_SAMPLES, PAGE, ResultPage
from seisdream.results.writer import ResultFolder
from seisdream.viewer.encoding import EncodedSection, encode_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seisdream.plotting.controls import ControlsPanel

BLOCK_COLUMNS = ("measure", "network", "effect", "p", "q", "familywise_p", "significant")


@dataclass(repr=False)
class ControlResult(Result):
    """Where a network's responses to a section exceed those to surrogates.

    Attributes
    ----------
    dataset : Dataset
        On the section's dimensions, NaN where it is absent: each measure (``activation``; ``dream``, the magnitude of
        the dream's change in the section's units), its ``_effect`` and its ``_q``; ``stability``, where there are
        dreams of several seeds.
    settings : ControlSettings
        With every default resolved.
    responses : dict
        For each measure, what each network's responses show, that of the tested network first.
    stability : dict of float
        Mean correlation between dreams of several seeds: over the section, over its significant blocks (where there
        are any), and over surrogates; empty without several seeds.
    conclusion : str
        One paragraph: what exceeds chance, whether it was learned, and how stable it is.
    blocks : list of dict
        One row for each block, measure and network: its edges on both axes and `BLOCK_COLUMNS`.
    panels : list of ControlsPanel
        Maps of the figure.
    is_significant : array of bool, optional
        ``(time, trace)``: samples in a block where any measure of the tested network is significant.
    """

    kind: ClassVar[str] = "controls"
    marker: ClassVar[str] = "controls.json"

    settings: Any = None
    responses: dict[str, list[Any]] = field(default_factory=dict)
    stability: dict[str, float] = field(default_factory=dict)
    conclusion: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    panels: list[ControlsPanel] = field(default_factory=list)
    is_significant: NDArray | None = None

    def plot(self) -> Figure:
        """Draw the section, the effects and the stability."""
        from seisdream.plotting.controls import ControlsPanel, draw_controls

        section, known = self._section(), self.provenance
        # A loaded result has the maps of the tested network alone.
        effects = [name for name in map(str, self.dataset) if name.endswith("_effect")]
        maps = [ControlsPanel(name.replace("_", " ").capitalize(), self.dataset[name]) for name in effects]
        network = f"{short_name(known['network']['name'])}, {known['settings']['layer']}"
        return draw_controls(
            section,
            self.panels or maps,
            is_significant=self.is_significant,
            percentile=known["settings"]["percentile"],
            title=": ".join(filter(None, [line_name(section), network])),
        )

    def _write(self, files: ResultFolder, segy: str) -> None:
        section = self._section()
        shape = tuple(self.dataset.sizes.values())
        if shape != section.shape[:2]:
            raise SeisdreamError(
                f"The maps have shape {shape}, the section {section.shape[:2]}; give the section that was tested.",
                code="wrong-shape",
                option="section",
            )
        for name in map(str, self.dataset):
            files.write_array(name, self.dataset[name])
            if segy != "none" and section.attrs.get("format") == "SEG-Y":
                with files.optional(f"{name.replace('_', '-')}.sgy"):
                    self._write_segy(files, name, section)
        edges = [f"{dim}_{end}" for dim in section.dims[:2] for end in ("first", "last")]
        files.write_csv("regions.csv", self.blocks, (*edges, *BLOCK_COLUMNS))
        with files.optional("figure.png"):
            files.write_figure("figure.png", self.plot())
        if path := self.provenance["result"].get("path"):
            from seisdream.plotting.path import draw_paths

            layers = path["layers"]
            files.write_csv("path.csv", layers, tuple(layers[0]))
            where = f"{sum(one['natural'] for one in layers)} of {len(layers)} layers"
            title = f"Dream of {self._objective()}\nThe network responds as to real sections at {where}"
            with files.optional("path.png"):
                files.write_figure("path.png", draw_paths({title: layers}))
        with files.optional(PAGE):
            files.write_page(self._page())

    def _objective(self) -> str:
        """Return the network and what was tested of it."""
        return f"{short_name(self.provenance['network']['name'])}, {self.provenance['settings']['layer']}"

    def _page(self) -> ResultPage:
        section = self._section()
        title = ": ".join(filter(None, ["Controls", line_name(section), self._objective()]))
        maps = {str(name): map_ for name, map_ in self.dataset.items()}
        return control_page(section, maps, title, [self.conclusion] if self.conclusion else [])

    def _write_segy(self, files: ResultFolder, name: str, section: xr.DataArray) -> None:
        file, network = name.replace("_", "-"), short_name(self.provenance["network"]["name"])
        files.write_segy(
            file,
            [section.copy(data=self.dataset[name].values)],
            section,
            line=f"{CONTROLS_MARK} {version_of('seisdream')}: {file} of {network}",
            mark=CONTROLS_MARK,
            # Nothing is significant where there is nothing.
            absent=1.0 if name.endswith("_q") else 0.0,
        )


def control_page(
    section: xr.DataArray, maps: Mapping[str, xr.DataArray], title: str, sentences: Sequence[str] = ()
) -> ResultPage:
    """Return the page of the controls of a section, from maps by variable; effects come first."""
    after = {
        name.replace("_", " ").capitalize(): _encode_map(name, maps[name])
        for name in sorted(maps, key=lambda name: "_effect" not in name)
    }
    return ResultPage(title, encode_section(section, most_samples=MOST_SAMPLES), after, ("Section", "Map"), sentences)


def _encode_map(name: str, map_: xr.DataArray) -> EncodedSection:
    is_signed = "_effect" in name or name == "stability"
    largest = 1.0 if name.endswith("_q") or name == "stability" else float(abs(map_).max()) or 1.0
    return encode_section(
        map_,
        quantity=name.replace("_", " "),
        value_range=(-largest if is_signed else 0.0, largest),
        colormap="purple-orange" if is_signed else "viridis",
        most_samples=MOST_SAMPLES,
    )
