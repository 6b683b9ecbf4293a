"""What is measured on the data: one pass along all lines for all layers, resumable, and the patches that it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.atlas.plan import Chapter
from seisdream.channels.activation_statistics import Responses
from seisdream.channels.channel_attribution import classes_of, gradient_times_activation
from seisdream.channels.top_activations import Place, TopKPatches
from seisdream.inference.recorder import ActivationRecorder
from seisdream.inference.section_source import SectionSource
from seisdream.inference.tensors import as_bytes
from seisdream.io.atomic import writing_file
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import absent_samples, fill_absent

N_PLACES = 2048
"""Places of the data at which all responses are kept, to say which channels respond alike."""

N_CLASS_LINES = 4
"""Lines on which gradients of classes are taken, spread over all."""

KEEP_EVERY_S = 30.0
"""Seconds between two writings of what was measured so far."""

_MOST_PATCH_BYTES = 2**28


class Survey:
    """What the data say of each channel.

    Attributes
    ----------
    responses : dict of Responses
        By layer.
    exciting : dict of MostExciting
        By layer.
    effects : dict of array
        ``(channel, class)`` by layer, in logits; with no class where the network has none.
    classes : list of int
        The classes of the effects.
    """

    def __init__(self, chapters: Sequence[Chapter], n_patches: int, lines: SectionSource):
        self.responses = {one.layer: Responses(one.n_channels, N_PLACES) for one in chapters}
        self.exciting = {
            one.layer: TopKPatches(one.n_channels, n_patches, one.patch, lines.positions) for one in chapters
        }
        self.effects: dict[str, np.ndarray] = {one.layer: np.zeros((one.n_channels, 0)) for one in chapters}
        self.classes: list[int] = []
        self._chapters, self._lines, self._n_done = list(chapters), lines, 0

    def measure(
        self,
        prepared: PreparedNetwork,
        kept_at: Path,
        on_line: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Look along all lines that were not looked at yet.

        Parameters
        ----------
        prepared : PreparedNetwork
            In float32.
        kept_at : path
            File that keeps what was measured so far, and is gone on from.
        on_line : callable, optional
            Called with the number of lines looked at, and of all.
        """
        if kept_at.is_file():
            with np.load(kept_at) as file:
                self._resume({name: file[name] for name in file.files})
        looker = ActivationRecorder(prepared, [one.layer for one in self._chapters])
        n_lines, kept = len(self._lines), time.monotonic()
        on_line(self._n_done, n_lines)
        while self._n_done < n_lines:
            self._look_along(looker, self._n_done)
            self._n_done += 1
            if time.monotonic() - kept >= KEEP_EVERY_S:
                self._keep(kept_at)
                kept = time.monotonic()
            on_line(self._n_done, n_lines)
        if not self.classes and prepared.network.class_layer is not None:
            self._ask_classes(prepared)
        self._keep(kept_at)

    def _look_along(self, looker: ActivationRecorder, line: int) -> None:
        section = self._lines.open(line)
        absent = absent_samples(section)
        share = np.linspace(0, N_PLACES, len(self._lines) + 1).astype(int)
        numbers = np.arange(share[line], share[line + 1])
        random = np.random.default_rng(line)
        rows, columns = (random.integers(0, size, len(numbers)) for size in absent.shape)
        for tile, said in looker.record(section, self._lines.mapping):
            here = np.logical_and.reduce(
                [(at >= core[0]) & (at < core[1])
                 for at, core in ((rows, tile.core_rows), (columns, tile.core_columns))]
            )  # fmt: skip
            for chapter in self._chapters:
                units = said[chapter.layer].first(chapter.n_channels)
                self.responses[chapter.layer].see(units)
                self.responses[chapter.layer].keep(units, rows[here], columns[here], numbers[here])
                self.exciting[chapter.layer].see(line, units, absent)

    def _ask_classes(self, prepared: PreparedNetwork) -> None:
        spread = np.unique(np.linspace(0, len(self._lines) - 1, N_CLASS_LINES + 2).round().astype(int)[1:-1])
        sections = [self._lines.open(int(line)) for line in spread]
        self.classes = classes_of(prepared, sections, self._lines.mapping)
        layers = [one.layer for one in self._chapters]
        each = [gradient_times_activation(prepared, layers, one, self._lines.mapping, self.classes) for one in sections]
        for chapter in self._chapters:
            self.effects[chapter.layer] = np.mean([one[chapter.layer] for one in each], 0)[: chapter.n_channels]

    def patches(self, on_line: Callable[[int, int], None] = lambda done, total: None) -> dict[str, list[np.ndarray]]:
        """Return of each channel its most exciting patches, uint8 ``(patch, row, column)``, by layer.

        Each line that holds one is opened once for as many layers as fit into memory.
        """
        best = {one.layer: self.exciting[one.layer].best() for one in self._chapters}
        cut: dict[str, list[np.ndarray]] = {}
        for group in self._groups():
            wanted: dict[int, list[tuple[str, int, int, Place]]] = {}
            for chapter in group:
                cut[chapter.layer] = [
                    np.zeros((len(places), *chapter.patch), np.uint8) for places in best[chapter.layer]
                ]
                for channel, places in enumerate(best[chapter.layer]):
                    for rank, place in enumerate(places):
                        wanted.setdefault(place.line, []).append((chapter.layer, channel, rank, place))
            for done, line in enumerate(sorted(wanted)):
                values, _ = fill_absent(self._lines.open(line))
                grey = as_bytes(self._lines.mapping.to_grey(values))
                for layer, channel, rank, place in wanted[line]:
                    patch = cut[layer][channel][rank]
                    patch[:] = grey[
                        place.row : place.row + patch.shape[0], place.column : place.column + patch.shape[1]
                    ]
                on_line(done + 1, len(wanted))
        return cut

    def _groups(self) -> list[list[Chapter]]:
        groups: list[list[Chapter]] = [[]]
        n_bytes = 0
        for one in self._chapters:
            more = one.n_channels * self.exciting[one.layer].n_kept * one.patch[0] * one.patch[1]
            if groups[-1] and n_bytes + more > _MOST_PATCH_BYTES:
                groups.append([])
                n_bytes = 0
            groups[-1].append(one)
            n_bytes += more
        return groups

    def _keep(self, path: Path) -> None:
        arrays: dict[str, Any] = {"n_done": np.asarray(self._n_done), "classes": np.asarray(self.classes, np.int64)}
        for place, chapter in enumerate(self._chapters):
            parts = {
                "responses": self.responses[chapter.layer].state(),
                "exciting": self.exciting[chapter.layer].state(),
                "effects": {"values": self.effects[chapter.layer]},
            }
            arrays |= {
                f"{place}/{part}/{name}": value for part, state in parts.items() for name, value in state.items()
            }
        with writing_file(path, force=True) as aside:
            np.savez(aside, **arrays)

    def _resume(self, arrays: dict[str, np.ndarray]) -> None:
        self._n_done = int(arrays["n_done"])
        self.classes = arrays["classes"].tolist()
        for place, chapter in enumerate(self._chapters):
            for part, whole in (("responses", self.responses), ("exciting", self.exciting)):
                start = f"{place}/{part}/"
                whole[chapter.layer].resume(
                    {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
                )
            self.effects[chapter.layer] = arrays[f"{place}/effects/values"]
