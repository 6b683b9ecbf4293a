"""Sections on which a network is evaluated, and others to which baselines are fitted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from seisdream.data.benchmarks import BENCHMARKS, find_benchmark, open_benchmark
from seisdream.data.lines import LabelledLines, Line
from seisdream.data.registry import BENCHMARK_PREFIX, open_dataset
from seisdream.data.segy_labels import refuse_options
from seisdream.data.splits import split_lines
from seisdream.data.synthetic_stream import QUANTITIES, SHIFTS, GeneratedEarths, shifted_settings
from seisdream.errors import SeisdreamError
from seisdream.evaluation.labelled import Labelled
from seisdream.io.fetch import Progress
from seisdream.seismic.sections import check_section, make_section
from seisdream.synthetic import EarthSettings

# Presets use seeds 1 and 2 for training; no two seeds share an earth.
HELD_OUT_SEED, BASELINE_SEED = 4, 3
N_GENERATED = 64
"""Default number of generated sections that are scored."""

# Baselines are fitted to at most this many sections, evenly spaced: neighbours carry the same information.
_MAX_TRAINING = 48
_SIDE = 256
_DT_MS = 4.0
_GENERATED, _SHIFTED, _IMPEDANCE = "generated", "shifted", QUANTITIES[1]

_T = TypeVar("_T")


class Sections(Collection):
    """Labelled sections that are opened one by one in each iteration; dead ones are left out with a warning.

    Parameters
    ----------
    readers : sequence of callables
        Each returns a section and its labels.
    """

    def __init__(self, readers: Sequence[Callable[[], Labelled]]):
        self._readers = readers
        self._left_out: set[int] = set()

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, section: object) -> bool:
        return any(section is one for one in self)

    def __iter__(self) -> Iterator[Labelled]:
        for number, reader in enumerate(self._readers):
            section, labels = reader()
            try:
                check_section(section)
            except SeisdreamError as error:
                if number not in self._left_out:
                    self._left_out.add(number)
                    source = section.attrs.get("source", f"line {number + 1} of {len(self)}")
                    warnings.warn(f"{source} is left out of the scores: {error}", UserWarning, stacklevel=2)
            else:
                yield section, labels


@dataclass(frozen=True)
class EvaluationData:
    """Sections for an evaluation.

    Attributes
    ----------
    name : str
        Name of the data.
    classes, colours : tuple of str
        In the order of their codes.
    training : collection of (section, labels)
        Sections to which baselines are fitted.
    held_out : collection of (section, labels)
        Sections that are scored.
    published : mapping
        Published scores on the held-out sections, by method.
    credit, licence : str
        Of the data.
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[str, ...]
    training: Collection[Labelled]
    held_out: Collection[Labelled]
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    credit: str = ""
    licence: str = ""


def open_held_out(
    dataset: str | LabelledLines,
    n_sections: int | None = None,
    *,
    progress: Progress = True,
    input_options: Mapping[str, Any] | None = None,
    **split: Any,
) -> EvaluationData:
    """Open the part of a dataset that is held out for evaluation.

    Parameters
    ----------
    dataset : str or LabelledLines
        ``generated``: earths that are in no training set. ``generated:shifted``: earths outside the training range, or
        ``generated:NAME`` in one of `SHIFTS` alone, such as ``generated:noise``; baselines are fitted to earths inside
        the range. ``generated:impedance`` and ``generated:shifted:impedance``: for networks trained on impedance.
        ``benchmark:NAME`` with a published split: its test sets, or one of them as ``benchmark:NAME/PART``. Other
        labelled lines, as a source for `open_dataset` or opened: the block of lines that `split_lines` holds out.
    n_sections : int, optional
        Number of sections scored; by default 64 generated ones, or all lines. Fewer lines are evenly spaced.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`.
    input_options : mapping, optional
        How SEG-Y is read, as for `open_dataset`.
    **split
        ``held_out``, ``guard`` and ``is_last`` for `split_lines`, as they were in training: another split would hold
        out lines that the network was trained on. Not used for data with a split of their own.

    Raises
    ------
    SeisdreamError
        If there are no labels, or only one label for each image.
    """
    if n_sections is not None and n_sections < 1:
        raise SeisdreamError(
            f"`sections` is {n_sections}; it must be 1 or more.", code="out-of-range", option="sections"
        )
    if isinstance(dataset, str) and dataset.split(":")[0] == _GENERATED:
        refuse_options(input_options or {}, dataset)
        return _open_generated(dataset, n_sections or N_GENERATED)
    if isinstance(dataset, str) and dataset.startswith(BENCHMARK_PREFIX):
        refuse_options(input_options or {}, dataset)
        name, _, part = dataset.removeprefix(BENCHMARK_PREFIX).partition("/")
        if len(find_benchmark(name).parts) > 1:
            return _open_test_sets(name, part, n_sections, progress)
    data = _open_lines(dataset, progress, input_options or {}) if isinstance(dataset, str) else dataset
    if split.get("held_out") == 0:
        raise SeisdreamError(
            f"The network was trained on all lines of its data, so none of them can be held out now; if {data.name} "
            "holds other lines, give the share of them to score as `held_out`.",
            code="no-labels",
            option="held_out",
        )
    return from_split(*split_lines(data, **split), n_sections)


def from_split(training: LabelledLines, held_out: LabelledLines, n_sections: int | None = None) -> EvaluationData:
    """Return data for an evaluation from lines that are split already, as by `split_lines`."""
    return _from_lines(held_out.name, training, held_out.lines, n_sections)


def _open_lines(source: str, progress: Progress, input_options: Mapping[str, Any]) -> LabelledLines:
    if not source.startswith(BENCHMARK_PREFIX) and not Path(source).exists():
        benchmarks = ", ".join(BENCHMARK_PREFIX + name for name in BENCHMARKS)
        message = (
            f"There is no file or folder {source}; name one with labels (SEG-Y, .npz, a folder), generated, "
            f"generated:shifted, or one of {benchmarks}."
        )
        raise SeisdreamError(message, code="not-found", option="data")
    data = open_dataset(source, progress=progress, **input_options)
    if not isinstance(data, LabelledLines):
        raise SeisdreamError(
            f"{source} holds photographs, with one label for each whole image; an evaluation needs sections with a "
            "label for each sample.",
            code="incompatible",
            option="data",
        )
    return data


def _open_generated(source: str, n_sections: int) -> EvaluationData:
    words = source.split(":")[1:]
    if unknown := [word for word in words if word not in (_SHIFTED, *SHIFTS, _IMPEDANCE)]:
        raise SeisdreamError(
            f"There is no '{unknown[0]}' in {source}; choose generated, generated:{_SHIFTED}, one shift alone "
            f"(:{', :'.join(SHIFTS)}), or any of these with :{_IMPEDANCE}.",
            code="unknown-name",
            option="data",
        )
    shifts = list(SHIFTS) if _SHIFTED in words else [word for word in words if word in SHIFTS]
    quantity = _IMPEDANCE if _IMPEDANCE in words else QUANTITIES[0]

    def earths(seed: int, settings: EarthSettings | None) -> GeneratedEarths:
        return GeneratedEarths(seed, quantity=quantity, size=_SIDE, augmentation=None, settings=settings)

    # Cached, because every baseline reads the training sections, and making earths is slow.
    training = Sections([cache(reader) for reader in _earth_readers(earths(BASELINE_SEED, None), _MAX_TRAINING)])
    held_out_earths = earths(HELD_OUT_SEED, shifted_settings(*shifts) if shifts else None)
    held_out = Sections(_earth_readers(held_out_earths, n_sections))
    return EvaluationData(
        source, GeneratedEarths.classes, GeneratedEarths.colours, training, held_out, credit="seisdream"
    )


def _earth_readers(earths: GeneratedEarths, n: int) -> list[Callable[[], Labelled]]:
    return [partial(_open_earth, earths, number) for number in range(n)]


def _open_earth(earths: GeneratedEarths, number: int) -> Labelled:
    sample = earths[number]
    return make_section(sample.image[0], dt_ms=_DT_MS, source=f"generated earth {number}"), sample.classes


def _open_test_sets(name: str, part: str, n_sections: int | None, progress: Progress) -> EvaluationData:
    benchmark = BENCHMARKS[name]
    training = open_benchmark(name, progress=progress)
    if part == benchmark.parts[0]:
        raise SeisdreamError(
            f"{part} is the training part of {name}; evaluate on {' or '.join(benchmark.parts[1:])}, or on all test "
            f"sets ({BENCHMARK_PREFIX}{name}).",
            code="incompatible",
            option="data",
        )
    parts = (part,) if part else benchmark.parts[1:]
    lines = [line for one in parts for line in open_benchmark(name, one, progress=progress).lines]
    # Published scores are those of all test sets together, so they cannot be compared with a part of them.
    published = {} if part or n_sections else benchmark.published
    return _from_lines(f"{name} {' and '.join(parts)}", training, lines, n_sections, published)


def _from_lines(
    name: str,
    training: LabelledLines,
    held_out: Sequence[Line],
    n_sections: int | None,
    published: Mapping[str, Mapping[str, float]] | None = None,
) -> EvaluationData:
    return EvaluationData(
        name,
        training.classes,
        training.colours,
        Sections([line.open for line in _evenly_spaced(training.lines, _MAX_TRAINING)]),
        Sections([line.open for line in _evenly_spaced(held_out, n_sections or len(held_out))]),
        published or {},
        training.credit,
        training.licence,
    )


def _evenly_spaced(values: Sequence[_T], n: int) -> list[_T]:
    """Return `n` of some values, evenly spaced, or all where there are fewer."""
    n = min(n, len(values))
    return [values[int((index + 0.5) * len(values) / n)] for index in range(n)]
