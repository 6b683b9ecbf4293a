"""Sections that a network is evaluated on, and others that baselines may learn from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from seisdream.data.benchmarks import BENCHMARKS, find_benchmark, open_benchmark
from seisdream.data.registry import open_labelled
from seisdream.data.segy_lines import LabelledLines
from seisdream.data.splits import split_lines
from seisdream.data.synthetic_stream import SHIFTS, SIGHTS, GeneratedEarths, shifted
from seisdream.errors import SeisdreamError, near_matches
from seisdream.evaluation.probe import Labelled
from seisdream.io.fetch import Progress
from seisdream.seismic.sections import check_section, make_section
from seisdream.synthetic import EarthSettings

# Training takes seeds 1 and 2 (presets.py) for its own earths; no two seeds share one.
HELD_OUT_SEED, LEARNED_SEED = 4, 3
N_GENERATED = 64
"""Generated sections that are held out, unless told otherwise."""

# Baselines learn from this many sections at most, spread over all there are: neighbours say the same.
_MOST_LEARNED = 48
_SIDE = 256
_DT_MS = 4.0
_GENERATED, _SHIFTED, _BENCHMARK, _IMPEDANCE = "generated", "shifted", "benchmark:", SIGHTS[1]

_T = TypeVar("_T")


class Sections(Collection):
    """Labelled sections that are opened one by one whenever they are walked through, without those that show nothing.

    Parameters
    ----------
    openings : sequence of callables
        Each returns a section and its labels.
    """

    def __init__(self, openings: Sequence[Callable[[], Labelled]]):
        self._openings = openings
        self._left_out: set[int] = set()

    def __len__(self) -> int:
        return len(self._openings)

    def __contains__(self, section: object) -> bool:
        return any(section is one for one in self)

    def __iter__(self) -> Iterator[Labelled]:
        for number, opening in enumerate(self._openings):
            section, labels = opening()
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
class HeldOut:
    """Data for an evaluation.

    Attributes
    ----------
    name : str
        What they are.
    classes, colours : tuple of str
        In the order of their codes.
    learned : collection of (section, labels)
        What baselines learn from.
    held_out : collection of (section, labels)
        What is scored.
    published : mapping
        Scores by method as others have published them for what is held out.
    credit, licence : str
        Of the data.
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[str, ...]
    learned: Collection[Labelled]
    held_out: Collection[Labelled]
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    credit: str = ""
    licence: str = ""


def open_held_out(
    source: str,
    n_sections: int | None = None,
    *,
    progress: Progress = True,
    headers: Mapping[str, Any] | None = None,
    **split: Any,
) -> HeldOut:
    """Open the part of some data that is held out for evaluation.

    Parameters
    ----------
    source : str
        ``generated``: earths that no training sees. ``generated:shifted``: earths outside what training draws from, or
        by one of `SHIFTS` alone, as in ``generated:noise``; baselines learn from earths inside, as networks do.
        ``generated:impedance``, ``generated:shifted:impedance``:
        for networks that see impedance. ``benchmark:NAME`` with a published split: its test sets, or one of them by
        ``benchmark:NAME/PART``. Other labelled data as for `open_labelled`: the block of lines that `split_lines`
        holds out.
    n_sections : int, optional
        How many sections are scored: 64 generated ones by default; of lines by default all, else so many, spread
        evenly.
    progress : bool or callable, default True
        As for `seisdream.io.fetch.fetch`.
    headers : mapping, optional
        How SEG-Y is read where its headers are wrong, as for `open_labelled`.
    **split
        ``held_out``, ``guard`` and ``is_last`` for `split_lines`, as they were in training: another split would hold
        out lines that the network learned from. Data with a split of their own do not use them.

    Raises
    ------
    SeisdreamError
        If there is nothing labelled there, or photographs, which have no labels for their samples.
    """
    if n_sections is not None and n_sections < 1:
        raise SeisdreamError(f"At least one section is evaluated; got {n_sections} (--sections).")
    headers = headers or {}
    if headers and (source.split(":")[0] == _GENERATED or source.startswith(_BENCHMARK)):
        raise SeisdreamError(f"{', '.join(headers)} apply to SEG-Y of your own; {source} is none, leave them out.")
    if source.split(":")[0] == _GENERATED:
        return _open_generated(source, n_sections or N_GENERATED)
    name, _, part = source.removeprefix(_BENCHMARK).partition("/")
    if source.startswith(_BENCHMARK) and len(find_benchmark(name).parts) > 1:
        return _open_test_sets(name, part, n_sections, progress)
    if not source.startswith(_BENCHMARK) and not Path(source).exists():
        if near_matches(source, (_GENERATED,)):
            raise SeisdreamError(f"There is no {source}; did you mean generated, or generated:shifted (--data)?")
        raise SeisdreamError(
            f"There is no {source}; name generated, generated:shifted, a folder, a SEG-Y or .npz file with labels, or "
            f"{', '.join(_BENCHMARK + name for name in BENCHMARKS)} (--data)."
        )
    data = open_labelled(source, progress=progress, **headers)
    if not isinstance(data, LabelledLines):
        raise SeisdreamError(
            f"{source} holds photographs, each with one label for the whole; an evaluation takes sections with a label "
            "for each sample (--data)."
        )
    if split.get("held_out") == 0:
        raise SeisdreamError(
            f"The network learned from all lines of its data, so none of them can be held out now; if {source} holds "
            "other lines, say which share of them to score it on (--held-out)."
        )
    return hold_out(*split_lines(data, **split), n_sections)


def hold_out(learned: LabelledLines, held_out: LabelledLines, n_sections: int | None = None) -> HeldOut:
    """Return data for an evaluation from lines that are split already, as `split_lines` returns them."""
    return _of_lines(held_out.name, learned, learned.lines, held_out.lines, n_sections)


def _open_generated(source: str, n_sections: int) -> HeldOut:
    words = source.split(":")[1:]
    if unknown := [word for word in words if word not in (_SHIFTED, *SHIFTS, _IMPEDANCE)]:
        raise SeisdreamError(
            f"Generated data are generated, generated:{_SHIFTED}, shifted in one thing alone (:{', :'.join(SHIFTS)}), "
            f"or any of these with :{_IMPEDANCE}; got '{unknown[0]}' (--data)."
        )
    shifts = list(SHIFTS) if _SHIFTED in words else [word for word in words if word in SHIFTS]
    sight = _IMPEDANCE if _IMPEDANCE in words else SIGHTS[0]

    def earths(seed: int, recipe: EarthSettings | None) -> GeneratedEarths:
        return GeneratedEarths(seed, sight=sight, size=_SIDE, augmentation=None, recipe=recipe)

    # Each baseline walks over what it learns from, and making earths takes longer than keeping a few.
    learned = Sections([cache(opening) for opening in _openings_of(earths(LEARNED_SEED, None), _MOST_LEARNED)])
    held_out = Sections(_openings_of(earths(HELD_OUT_SEED, shifted(*shifts) if shifts else None), n_sections))
    return HeldOut(source, GeneratedEarths.classes, GeneratedEarths.colours, learned, held_out, credit="seisdream")


def _openings_of(earths: GeneratedEarths, n: int) -> list[Callable[[], Labelled]]:
    return [partial(_open_earth, earths, number) for number in range(n)]


def _open_earth(earths: GeneratedEarths, number: int) -> Labelled:
    item = earths[number]
    return make_section(item.picture[0], dt_ms=_DT_MS, source=f"generated earth {number}"), item.classes


def _open_test_sets(name: str, part: str, n_sections: int | None, progress: Progress) -> HeldOut:
    benchmark = BENCHMARKS[name]
    learned = open_benchmark(name, progress=progress)
    if part == benchmark.parts[0]:
        raise SeisdreamError(
            f"{part} is what networks learn from; evaluate on {' or '.join(benchmark.parts[1:])}, or on all of them "
            f"({_BENCHMARK}{name})."
        )
    parts = (part,) if part else benchmark.parts[1:]
    lines = [line for one in parts for line in open_benchmark(name, one, progress=progress).lines]
    # Published numbers are of all test sets together, and not to be read beside a part of them.
    published = {} if part or n_sections else benchmark.published
    return _of_lines(f"{name} {' and '.join(parts)}", learned, learned.lines, lines, n_sections, published)


def _of_lines(name, data: LabelledLines, learned, held_out, n_sections: int | None, published=None) -> HeldOut:
    return HeldOut(
        name,
        data.classes,
        data.colours,
        Sections([line.open for line in _spread(learned, _MOST_LEARNED)]),
        Sections([line.open for line in _spread(held_out, n_sections or len(held_out))]),
        published or {},
        data.credit,
        data.licence,
    )


def _spread(values: Sequence[_T], n: int) -> list[_T]:
    """Return `n` of some values, or all of fewer, spread evenly over them."""
    n = min(n, len(values))
    return [values[int((place + 0.5) * len(values) / n)] for place in range(n)]
