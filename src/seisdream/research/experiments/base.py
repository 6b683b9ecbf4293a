"""What all experiments share: a question, a run, and a folder of results, figures and a page."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.atomic import writing_folder
from seisdream.io.tables import write_csv
from seisdream.plotting.figures import write_figure
from seisdream.provenance import machine

RESULTS_FILE, PAGE_FILE = "results.json", "page.md"
_PACKAGES = ("seisdream", "torch", "numpy", "scipy", "scikit-learn")

MODULES = {name: f"seisdream.research.experiments.{name}" for name in ("care", "facies", "geology", "sight")}
"""The module of each experiment: it holds an `Experiment` named ``EXPERIMENT``, and loads when it is asked for."""

NETWORK, REAL_LINE = "facies", "sample:f3"
"""The real section that experiments look at, where no other one is given."""

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with how much is done, of how much."""


class Count:
    """Counts what is done, and says so."""

    def __init__(self, progress: Progress, total: int):
        self._progress, self._total, self._done = progress, total, 0

    def one(self) -> None:
        """Count one more."""
        self._done += 1
        self._progress(self._done, self._total)

    def over(self, values: Iterable[T]) -> Iterator[T]:
        """Yield values, and count each when it is done."""
        for value in values:
            yield value
            self.one()


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes
    ----------
    results : dict
        Numbers and words, ready for JSON.
    figures : dict of Figure
        By name, without a suffix.
    tables : dict of list of dict
        Rows of CSV files by name, without a suffix: what the results were reckoned from.
    """

    results: dict[str, Any]
    figures: Mapping[str, Figure]
    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A question, and how it is answered.

    Attributes
    ----------
    question : str
        As the post asks it.
    run : callable
        Takes ``network`` (a name), ``seed``, ``is_quick``, ``progress``, and what `takes` names; gives an `Outcome`.
    page : callable
        Takes the results and where figures lie, a pattern such as ``{}.png``; gives the page in Markdown.
    unit : str
        What its progress counts.
    page_name : str
        The page's name in the documentation; by default the experiment's own.
    takes : tuple of str
        Files that it can be given besides; those not given are None.
    """

    question: str
    run: Callable[..., Outcome]
    page: Callable[[dict[str, Any], str], str]
    unit: str = "pair"
    page_name: str = ""
    takes: tuple[str, ...] = ()


def find_experiment(name: str) -> Experiment:
    """Return an experiment by its name, one of `MODULES`."""
    if name not in MODULES:
        hint = near_matches(name, MODULES) or list(MODULES)
        raise SeisdreamError(f"There is no experiment {name!r}; did you mean {', '.join(hint)}?")
    return import_module(MODULES[name]).EXPERIMENT


def run_experiment(
    name: str,
    folder: str | os.PathLike[str],
    *,
    network: str = NETWORK,
    seed: int = 0,
    is_quick: bool = False,
    inputs: Mapping[str, str | None] | None = None,
    progress: Progress = lambda done, total: None,
    force: bool = False,
) -> tuple[dict[str, Any], list[Path]]:
    """Run an experiment and write its folder.

    Parameters
    ----------
    name : str
        One of `MODULES`.
    folder : path
        Appears whole or not at all: ``results.json``, ``page.md``, the figures as PNG and the tables as CSV.
    network : str, default "facies"
        As for `seisdream.load_network`.
    seed : int, default 0
        Of everything drawn.
    is_quick : bool, default False
        A small run of about two minutes, whose intervals are wide.
    inputs : dict of str, optional
        What the experiment `takes` besides, by name: files of one's own.
    progress : callable, optional
        Called with how much is done, of how much.
    force : bool, default False
        Replace the folder of an earlier run.

    Returns
    -------
    results : dict
        As in ``results.json``.
    files : list of pathlib.Path
        What was written.
    """
    experiment = find_experiment(name)
    given = {what: value for what, value in (inputs or {}).items() if value is not None}
    if refused := sorted(set(given) - set(experiment.takes)):
        raise SeisdreamError(
            f"The experiment {name} has no use for {' and '.join(f'--{what}' for what in refused)}; leave it out."
        )
    started = time.monotonic()
    asked = dict.fromkeys(experiment.takes) | given
    outcome = experiment.run(network=network, seed=seed, is_quick=is_quick, progress=progress, **asked)
    results = {
        "experiment": name,
        "question": experiment.question,
        "command": " ".join(
            [f"seisdream experiment {name}", *["--quick"] * is_quick]
            + [f"--network {Path(network).name}"] * (network != NETWORK)
            + [f"--seed {seed}"] * (seed != 0)
            + [f"--{what} {Path(value).name}" for what, value in given.items()]
        ),
        "network": network,
        "seed": seed,
        "seconds": round(time.monotonic() - started),
        **machine(_PACKAGES),
        **outcome.results,
    }
    # What is read back later is what the page is made of now.
    results = json.loads(json.dumps(results, ensure_ascii=False))
    with writing_folder(folder, force=force, marker=RESULTS_FILE) as aside:
        text = json.dumps(results, indent=1, ensure_ascii=False)
        (aside / RESULTS_FILE).write_text(text + "\n", encoding="utf-8")
        (aside / PAGE_FILE).write_text(experiment.page(results, "{}.png"), encoding="utf-8")
        for figure_name, figure in outcome.figures.items():
            write_figure(figure, aside / f"{figure_name}.png", dpi=110.0)
        for table_name, rows in outcome.tables.items():
            write_csv(rows, aside / f"{table_name}.csv")
        names = sorted(path.name for path in aside.iterdir())
    return results, [Path(folder) / name for name in names]


def name_of_line(line: str | None) -> str:
    """Return what the real line of an experiment is called."""
    return "F3 inline 362" if line in (None, REAL_LINE) else Path(line or "").stem


def in_words(row: Mapping[str, Any], name: str) -> str:
    """Return a number of a row and its interval in words, ``0.97 (0.92 to 1.00)``."""
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.2f} ({low:.2f} to {high:.2f})".replace("-", "−")
