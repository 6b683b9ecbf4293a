"""What concepts return, and the folder that they are written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError
from seisdream.io.concept_vectors import write_concept_vectors
from seisdream.io.images import image_url
from seisdream.provenance import line_name, short_name
from seisdream.results.load import load_result
from seisdream.results.result import Result
from seisdream.results.result_page import PAGE, Gallery, ResultPage
from seisdream.results.writer import ResultFolder
from seisdream.viewer.encoding import encode_section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIRECTIONS = "directions.npz"
"""Directions of the concepts by their numbers, as dreams open them."""
# Of each map in the viewer of the page, of which there is one for each concept.
_PAGE_SAMPLES = 40_000
_QUALITY = 80  # of the pictures on the page
RANDOM = "random"
"""The concepts of the network with random weights: names of their arrays begin so."""
_COLUMNS = ("number", "name", "share", "halves", "seeds")


@dataclass(repr=False)
class ConceptResult(Result):
    """The concepts of a layer, and what is known of each.

    Attributes
    ----------
    dataset : Dataset
        By ``concept``: ``directions`` ``(concept, channel)``, the non-negative ``parts`` that they consist of, ``map``
        (their strength at the units over the middle line), ``patches`` of real data and ``dreams`` (grey levels 0 to
        255), ``importance`` ``(concept, class)`` in logits and ``likeness`` ``(concept, label)``, average precision.
        The same of as many concepts of the network with random weights: ``random_directions`` and so on. What was not
        measured is missing.
    provenance : dict
        ``concepts`` lists what is known of each: ``name`` (for a user to fill in), ``share`` of the squared strengths,
        ``halves`` and ``seeds`` (how well it reproduces, 0 to 1), ``natural`` (the share of layers up to this one where
        its dream is natural; None where it is not known), its strongest ``channels`` with their weights, where its
        ``patches`` are, ``importance`` and ``likeness``; ``random_concepts`` lists the same of those of random weights.
    source : DataArray, optional
        The middle line.
    """

    kind: ClassVar[str] = "concepts"
    marker: ClassVar[str] = "concepts.json"

    @property
    def layer(self) -> str:
        """The layer that was factorised."""
        return self.provenance["result"]["layer"]

    @property
    def names(self) -> list[str]:
        """The names of the concepts; "concept 7" for one without a name.

        Raises
        ------
        SeisdreamError
            If a name is no text, or two are the same (``invalid``).
        """
        given = [row.get("name") or f"concept {number}" for number, row in enumerate(self.provenance["concepts"])]
        wrong = [name for name in given if not isinstance(name, str) or given.count(name) > 1]
        if wrong:
            raise SeisdreamError(
                f"`name` in {self.marker} is {wrong[0]!r}; each concept has one name of its own, as text.",
                code="invalid",
                option="concepts",
            )
        return given

    def number_of(self, concept: str) -> int:
        """Return the number of a concept from its number or name; raise `SeisdreamError` where there is none."""
        names = self.names
        if concept in names:
            return names.index(concept)
        if concept.isdecimal() and int(concept) < len(names):
            return int(concept)
        raise SeisdreamError(
            f"There is no concept '{concept}'; it must be 0 to {len(names) - 1}, or one of the names in {self.marker}.",
            code="unknown-name",
            option="layer",
        )

    def rename(self, names: dict[int, str]) -> None:
        """Name concepts; `save` writes the names, and maps and legends use them.

        Parameters
        ----------
        names : dict
            Names by number.
        """
        for number, name in names.items():
            self.provenance["concepts"][self.number_of(str(number))]["name"] = name
        assert self.names

    def require_network(self, network: Any) -> None:
        """Raise `SeisdreamError` where the concepts are of another network."""
        known = self.provenance["network"]
        if known["sha256"] != network.sha256:
            raise SeisdreamError(
                f"The concepts are of {known['name']}, not of {network.name}; find those of {network.name} (seisdream "
                "concepts), or use the network that they are of.",
                code="incompatible",
                option="concepts",
            )

    def plot(self) -> Figure:
        """Draw each concept: its dream, its patches, and its map on the middle line."""
        from seisdream.plotting.concepts import draw_concepts

        return draw_concepts(self._strips(), self.provenance["concepts"], title=self._title())

    def _strips(self, dataset: xr.Dataset | None = None) -> NDArray[np.uint8]:
        """Return a picture of each concept of the network, or of those in another dataset."""
        from seisdream.plotting.concepts import concept_strips

        percentile = self.provenance["settings"]["percentile"]
        return concept_strips(self.dataset if dataset is None else dataset, self._section(), percentile=percentile)

    def _of_random_weights(self) -> xr.Dataset:
        """Return the arrays of the network with random weights, by their names without the prefix."""
        first = f"{RANDOM}_"
        names = [str(name) for name in self.dataset if str(name).startswith(first)]
        return xr.Dataset({name.removeprefix(first): self.dataset[name] for name in names})

    def _title(self) -> str:
        network = f"concepts of {self.layer} in {short_name(self.provenance['network']['name'])}"
        return ": ".join(filter(None, [line_name(self._section()), network]))

    def _write(self, files: ResultFolder, segy: str) -> None:
        from seisdream.plotting.concepts import draw_concepts

        for name in map(str, self.dataset):
            files.write_array(name, self.dataset[name])
        directions = self.dataset["directions"].values
        write_concept_vectors(files.path / DIRECTIONS, {str(number): one for number, one in enumerate(directions)})
        groups = {"concepts": (self._title(), self.provenance["concepts"], self.dataset)}
        if rows := self.provenance.get("random_concepts"):
            groups[RANDOM] = (
                f"{self._title()}, with random weights (nothing was learned)",
                rows,
                self._of_random_weights(),
            )
        shown = {}
        headings = {
            "concepts": "All concepts",
            RANDOM: "The same of a network with random weights, which learned nothing",
        }
        for name, (title, rows, dataset) in groups.items():
            _write_table(files, f"{name}.csv", rows)
            if name == RANDOM:  # Its classes mean nothing, nor what makes them more likely.
                rows = [{key: value for key, value in row.items() if key != "importance"} for row in rows]
            picture = f"{name}.png".replace("concepts", "figure")
            with files.optional(picture):
                strips = self._strips(dataset)
                shown[headings[name]] = (rows, strips)
                files.write_figure(picture, draw_concepts(strips, rows, title=title), dpi=100.0)
        with files.optional(PAGE):
            files.write_page(self._page(shown))

    def _page(self, shown: dict[str, tuple[list[dict[str, Any]], NDArray[np.uint8]]]) -> ResultPage:
        from seisdream.plotting.concepts import caption_of, facts_of, heading_of

        section, strengths = self._section(), self.dataset["map"]
        before = encode_section(section, most_samples=_PAGE_SAMPLES)
        largest = float(strengths.max()) or 1.0
        # At the samples that the viewer shows; between units, strengths are interpolated.
        axes = {
            dim: section[dim].coarsen({dim: -(-section.sizes[dim] // n)}, boundary="pad").mean().values
            for dim, n in zip(strengths.dims[1:], before.header["shape"], strict=True)
        }
        at_samples = strengths.interp(axes, kwargs={"fill_value": "extrapolate"})
        after = {
            f"{name}: {100 * row['share']:.0f} %": encode_section(
                at_samples[number].clip(0.0), quantity="strength", value_range=(0.0, largest), colormap="viridis",
            )
            for number, (name, row) in enumerate(zip(self.names, self.provenance["concepts"], strict=True))
        }  # fmt: skip
        galleries = [
            Gallery(title, caption_of(rows), [
                (heading_of(row), facts_of(row), image_url(strip, quality=_QUALITY))
                for row, strip in zip(rows, strips, strict=True)
            ])
            for title, (rows, strips) in shown.items()
        ]  # fmt: skip
        sentences = ["The strength of each concept on the line, with its share of the activations."]
        return ResultPage(self._title(), before, after, ("Section", "Concept"), sentences, galleries)

    def _summary(self) -> dict[str, Any]:
        return super()._summary() | {"n_concepts": int(np.shape(self.dataset["directions"])[0])}


def load_concepts(folder: str | os.PathLike[str], network: Any) -> ConceptResult:
    """Read concepts back from their folder.

    Parameters
    ----------
    folder : path
        That they were saved to.
    network : Network
        The network that they are of.

    Raises
    ------
    SeisdreamError
        If the folder holds no concepts (``not-ours``), or they are of another network (``incompatible``).
    """
    result = load_result(folder)
    if not isinstance(result, ConceptResult):
        raise SeisdreamError(
            f"{folder} holds a result of kind '{result.kind}'; give a folder of `seisdream concepts`.",
            code="not-ours",
            option="concepts",
        )
    result.require_network(network)
    return result


def _write_table(files: ResultFolder, name: str, rows: list[dict[str, Any]]) -> None:
    """Write what is known of each concept as numbers."""
    numbers = [
        {name: row[name] for name in (*_COLUMNS, "natural") if name in row}
        | row.get("importance", {})
        | _prefixed(row.get("likeness", {}))
        for row in rows
    ]
    files.write_csv(name, numbers, list(dict.fromkeys(name for row in numbers for name in row)))


def _prefixed(likeness: dict[str, float]) -> dict[str, float]:
    return {f"likeness {name}": value for name, value in likeness.items()}
