"""What is measured on the data: one resumable pass over all lines for all layers, and the top-activating patches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seisdream.atlas.layer_selection import AtlasLayer
from seisdream.channels.activation_statistics import ActivationStatistics
from seisdream.channels.channel_attribution import gradient_times_activation, top_classes
from seisdream.channels.top_activations import PatchLocation, TopKPatches
from seisdream.errors import SeisdreamError
from seisdream.inference.recorder import ActivationRecorder
from seisdream.inference.section_source import SectionSource
from seisdream.inference.tensors import as_bytes
from seisdream.io.atomic import writing_file
from seisdream.io.containers import opened_numpy
from seisdream.models.prepared import PreparedNetwork
from seisdream.seismic.sections import absent_samples, fill_absent

N_SAMPLES = 2048
"""Positions in the data at which all activations are kept, to correlate channels."""

N_CLASS_LINES = 4
"""Lines on which the gradients of classes are computed, evenly spaced."""

SAVE_EVERY_S = 30.0
"""Seconds between checkpoints."""

_MAX_PATCH_BYTES = 2**28


def read_part(path: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the arrays of a part of an atlas that an earlier run left; raise `SeisdreamError` where it is damaged."""
    try:
        with opened_numpy(path) as arrays:
            return {name: arrays[name][...] for name in names}
    except SeisdreamError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, reason: object) -> SeisdreamError:
    return SeisdreamError(
        f"{path} is damaged ({str(reason).rstrip('.')}); delete it, and the atlas measures again.", code="corrupt"
    )


class Measurements:
    """Measurements of each channel on the data.

    Attributes
    ----------
    statistics : dict of ActivationStatistics
        By layer.
    patches : dict of TopKPatches
        By layer.
    contributions : dict of array
        ``(channel, class)`` by layer, in logits; without classes where the network has none.
    classes : list of int
        The classes of the contributions.
    """

    def __init__(self, layers: Sequence[AtlasLayer], n_patches: int, lines: SectionSource):
        self.statistics = {one.name: ActivationStatistics(one.n_channels, N_SAMPLES) for one in layers}
        self.patches = {one.name: TopKPatches(one.n_channels, n_patches, one.patch, lines.positions) for one in layers}
        self.contributions: dict[str, np.ndarray] = {one.name: np.zeros((one.n_channels, 0)) for one in layers}
        self.classes: list[int] = []
        self._layers, self._lines, self._n_done = list(layers), lines, 0

    def measure(
        self,
        prepared: PreparedNetwork,
        checkpoint: Path,
        on_line: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Measure all lines that were not measured yet.

        Parameters
        ----------
        prepared : PreparedNetwork
            In float32.
        checkpoint : path
            File that the state is saved to, and resumed from.
        on_line : callable, optional
            Called with the number of lines done, and of all.
        """
        if checkpoint.is_file():
            self._resume(checkpoint)
        recorder = ActivationRecorder(prepared, [one.name for one in self._layers])
        n_lines, saved = len(self._lines), time.monotonic()
        on_line(self._n_done, n_lines)
        while self._n_done < n_lines:
            self._measure_line(recorder, self._n_done)
            self._n_done += 1
            if time.monotonic() - saved >= SAVE_EVERY_S:
                self._save(checkpoint)
                saved = time.monotonic()
            on_line(self._n_done, n_lines)
        if not self.classes and prepared.network.class_layer is not None:
            self._measure_classes(prepared)
        self._save(checkpoint)

    def _measure_line(self, recorder: ActivationRecorder, line: int) -> None:
        section = self._lines.open(line)
        absent = absent_samples(section)
        share = np.linspace(0, N_SAMPLES, len(self._lines) + 1).astype(int)
        numbers = np.arange(share[line], share[line + 1])
        random = np.random.default_rng(line)
        rows, columns = (random.integers(0, size, len(numbers)) for size in absent.shape)
        for tile, recorded in recorder.record(section, self._lines.mapping, self._lines.around):
            is_row, is_column = (
                (samples >= core[0]) & (samples < core[1])
                for samples, core in ((rows, tile.core_rows), (columns, tile.core_columns))
            )
            inside = is_row & is_column
            for layer in self._layers:
                units = recorded[layer.name].first(layer.n_channels)
                self.statistics[layer.name].update(units)
                self.statistics[layer.name].keep_samples(units, rows[inside], columns[inside], numbers[inside])
                self.patches[layer.name].update(line, units, absent)

    def _measure_classes(self, prepared: PreparedNetwork) -> None:
        spread = np.unique(np.linspace(0, len(self._lines) - 1, N_CLASS_LINES + 2).round().astype(int)[1:-1])
        sections = [self._lines.open(int(line)) for line in spread]
        self.classes = top_classes(prepared, sections, self._lines.mapping, self._lines.around)
        names = [one.name for one in self._layers]
        lines = self._lines
        each = [
            gradient_times_activation(prepared, names, one, lines.mapping, self.classes, lines.around)
            for one in sections
        ]
        for layer in self._layers:
            self.contributions[layer.name] = np.mean([one[layer.name] for one in each], 0)[: layer.n_channels]

    def cut_patches(
        self, on_line: Callable[[int, int], None] = lambda done, total: None
    ) -> dict[str, list[np.ndarray]]:
        """Return the top-activating patches of each channel, uint8 ``(patch, row, column)``, by layer.

        Each line that holds one is opened once for as many layers as fit into memory.
        """
        locations = {one.name: self.patches[one.name].locations() for one in self._layers}
        cut: dict[str, list[np.ndarray]] = {}
        for group in self._groups():
            wanted: dict[int, list[tuple[np.ndarray, PatchLocation]]] = {}
            for layer in group:
                cut[layer.name] = [np.zeros((len(one), *layer.patch), np.uint8) for one in locations[layer.name]]
                for arrays, of_channel in zip(cut[layer.name], locations[layer.name], strict=True):
                    for patch, location in zip(arrays, of_channel, strict=True):
                        wanted.setdefault(location.line, []).append((patch, location))
            for done, line in enumerate(sorted(wanted)):
                values, _ = fill_absent(self._lines.open(line))
                grey = as_bytes(self._lines.mapping.to_grey(values))
                for patch, location in wanted[line]:
                    rows = slice(location.row, location.row + patch.shape[0])
                    patch[:] = grey[rows, location.column : location.column + patch.shape[1]]
                on_line(done + 1, len(wanted))
        return cut

    def _groups(self) -> list[list[AtlasLayer]]:
        groups: list[list[AtlasLayer]] = [[]]
        n_bytes = 0
        for one in self._layers:
            more = one.n_channels * self.patches[one.name].n_kept * one.patch[0] * one.patch[1]
            if groups[-1] and n_bytes + more > _MAX_PATCH_BYTES:
                groups.append([])
                n_bytes = 0
            groups[-1].append(one)
            n_bytes += more
        return groups

    def _save(self, path: Path) -> None:
        with writing_file(path, force=True) as aside:
            np.savez(aside, **self._state())

    def _state(self) -> dict[str, Any]:
        arrays: dict[str, Any] = {"n_done": np.asarray(self._n_done), "classes": np.asarray(self.classes, np.int64)}
        for number, layer in enumerate(self._layers):
            parts = {
                "statistics": self.statistics[layer.name].state(),
                "patches": self.patches[layer.name].state(),
                "contributions": {"values": self.contributions[layer.name]},
            }
            arrays |= {
                f"{number}/{part}/{name}": value for part, state in parts.items() for name, value in state.items()
            }
        return arrays

    def _resume(self, path: Path) -> None:
        own = self._state()
        arrays = read_part(path, own)
        # The number of classes is known only when all lines are measured.
        fits = all(
            arrays[name].dtype == value.dtype
            and (name == "classes" or name.endswith("/contributions/values") or arrays[name].shape == value.shape)
            for name, value in own.items()
        )
        lines = [arrays[name] for name in own if name.endswith("/lines")]
        n_lines = len(self._lines)
        is_inside = all(((one >= 0) & (one < n_lines)).all() for one in lines)
        if not (fits and is_inside and 0 <= int(arrays["n_done"]) <= n_lines):
            raise _damaged(path, "it belongs to other data or layers")
        self._n_done = int(arrays["n_done"])
        self.classes = arrays["classes"].tolist()
        for number, layer in enumerate(self._layers):
            for part, measured in (("statistics", self.statistics), ("patches", self.patches)):
                start = f"{number}/{part}/"
                measured[layer.name].resume(
                    {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
                )
            self.contributions[layer.name] = arrays[f"{number}/contributions/values"]
