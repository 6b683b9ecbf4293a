"""What all experiments share: a question, a run, and a folder of results, figures and a page."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.atomic import writing_folder
from seisdream.io.tables import write_csv
from seisdream.plotting.panels import write_figure
from seisdream.provenance import machine_record, version_of
from seisdream.results.saving import save_or_keep
from seisdream.results.writer import optional_file, warn_incomplete
from seisdream.settings import to_json

RESULTS_FILE, PAGE_FILE = "results.json", "page.md"

MODULES = {name: f"seisdream.research.experiments.{name}" for name in ("care", "facies", "geology", "sight")}
"""The module of each experiment, which defines ``EXPERIMENT`` and is imported when it is needed."""

DEFAULT_NETWORK, DEFAULT_LINE = "facies", "sample:f3"
"""The network of experiments that do not name another, and their real section."""

ROBUST_NETWORK = "facies-robust"
"""The network that was trained adversarially, unless another is given."""

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with the amount done and the total."""


class ProgressCounter:
    """Counts finished work and reports it.

    Parameters
    ----------
    progress : callable
        Called with the amount done and the total.
    total : int
        Total amount of work.
    """

    def __init__(self, progress: Progress, total: int):
        self._progress, self._total, self._done = progress, total, 0

    def count(self) -> None:
        """Report that one more piece of work is done."""
        self._done += 1
        self._progress(self._done, self._total)

    def over(self, values: Iterable[T]) -> Iterator[T]:
        """Yield values, and count each after its use."""
        for value in values:
            yield value
            self.count()


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes
    ----------
    results : dict
        Numbers and text, ready for JSON.
    figures : dict of Figure
        By name, without a suffix.
    tables : dict of list of dict
        Rows of CSV files by name, without a suffix: the data behind the results.
    """

    results: dict[str, Any]
    figures: Mapping[str, Figure]
    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A question of the 2015 post, and how it is answered.

    Attributes
    ----------
    question : str
        The question in the post's words.
    run : callable
        Takes ``network`` (a name), ``seed``, ``size``, ``progress`` and the names in `inputs`; returns an `Outcome`.
    page : callable
        Takes the results and a pattern of the figures' files, such as ``{}.png``; returns the page in Markdown.
    quick, full : object
        Sizes of a quick and of a full run.
    unit : str
        What its progress counts.
    page_name : str
        Name of the page in the documentation; by default the experiment's.
    inputs : tuple of str
        Names of the optional inputs; None is passed for those not given.
    network : str, default "facies"
        The network, unless another is given.
    """

    question: str
    run: Callable[..., Outcome]
    page: Callable[[dict[str, Any], str], str]
    quick: Any
    full: Any
    unit: str = "pair"
    page_name: str = ""
    inputs: tuple[str, ...] = ()
    network: str = DEFAULT_NETWORK


def find_experiment(name: str) -> Experiment:
    """Return an experiment by its name, one of `MODULES`."""
    if name not in MODULES:
        raise SeisdreamError(
            f"There is no experiment {name!r}; choose one of {', '.join(near_matches(name, MODULES) or MODULES)}.",
            code="unknown-name",
            option="name",
        )
    return import_module(MODULES[name]).EXPERIMENT


def run_experiment(
    name: str,
    folder: str | os.PathLike[str],
    *,
    network: str | None = None,
    seed: int = 0,
    is_quick: bool = False,
    size: Any = None,
    inputs: Mapping[str, Any] | None = None,
    progress: Progress = lambda done, total: None,
    force: bool = False,
) -> tuple[dict[str, Any], list[Path]]:
    """Run an experiment and write its folder.

    Parameters
    ----------
    name : str
        One of `MODULES`.
    folder : path
        Output folder, written completely or not at all: ``results.json``, ``page.md``, the figures as PNG and the
        tables as CSV.
    network : str, optional
        As for `seisdream.load_network`; default: the experiment's own.
    seed : int, default 0
        Random seed.
    is_quick : bool, default False
        Do a small run of about two minutes, with wide intervals.
    size : object, optional
        Size of the run, instead of the experiment's own quick or full one.
    inputs : dict of str, optional
        Inputs that the experiment accepts, by name: files or sources of one's own, and settings of a comparison.
    progress : callable, optional
        Called with the amount done and the total.
    force : bool, default False
        Replace the folder of an earlier run.

    Returns
    -------
    results : dict
        As in ``results.json``.
    files : list of pathlib.Path
        The files written.

    Raises
    ------
    SeisdreamError
        If the experiment does not exist or does not accept an input.
    """
    experiment = find_experiment(name)
    given = {what: value for what, value in (inputs or {}).items() if value is not None}
    if refused := sorted(set(given) - set(experiment.inputs)):
        accepted = " and ".join(f"`{what}`" for what in experiment.inputs) or "no inputs"
        raise SeisdreamError(
            f"The experiment {name} does not accept `{refused[0]}`; it accepts {accepted}.",
            code="incompatible",
            option=refused[0],
        )
    network = network or experiment.network
    started = time.monotonic()
    outcome = experiment.run(
        network=network,
        seed=seed,
        size=size or (experiment.quick if is_quick else experiment.full),
        progress=progress,
        **(dict.fromkeys(experiment.inputs) | given),
    )
    results = {
        "seisdream": version_of("seisdream"),
        "experiment": name,
        "question": experiment.question,
        "command": _command(name, network if network != experiment.network else None, seed, is_quick, given),
        "network": network,
        "seed": seed,
        "seconds": round(time.monotonic() - started),
        **machine_record(),
        **outcome.results,
    }
    # The page is made from exactly what results.json holds.
    results = json.loads(json.dumps(results, ensure_ascii=False))
    files = save_or_keep(partial(_write_run, experiment, results, outcome), folder, force=force)
    return results, files


def _write_run(
    experiment: Experiment, results: dict[str, Any], outcome: Outcome, folder: str | os.PathLike[str], *, force: bool
) -> list[Path]:
    """Write the folder of a run; only the results are needed."""
    failures: list[str] = []
    with writing_folder(folder, force=force, marker=RESULTS_FILE) as aside:
        (aside / RESULTS_FILE).write_text(to_json(results, indent=1) + "\n", encoding="utf-8")
        writers: dict[str, Callable[[Path], object]] = {
            PAGE_FILE: lambda path: path.write_text(experiment.page(results, "{}.png"), "utf-8", "replace")
        }
        writers |= {f"{name}.csv": partial(write_csv, rows) for name, rows in outcome.tables.items()}
        writers |= {f"{name}.png": partial(write_figure, figure, dpi=110.0) for name, figure in outcome.figures.items()}
        for name, write in writers.items():
            with optional_file(aside, name, failures.append):
                write(aside / name)
        names = sorted(path.name for path in aside.iterdir())
    warn_incomplete(failures)
    return [Path(folder) / name for name in names]


def _command(name: str, network: str | None, seed: int, is_quick: bool, inputs: Mapping[str, Any]) -> str:
    """Return the command that repeats a run."""
    words = ["seisdream", "experiment", name, *["--quick"] * is_quick]
    words += [f"--network {Path(network).name}"] if network else []
    words += [f"--seed {seed}"] * (seed != 0)
    words += [f"--{what.replace('_', '-')} {Path(str(value)).name}" for what, value in inputs.items()]
    return " ".join(words)


def line_name(line: str | None) -> str:
    """Return what to call the real section of an experiment."""
    return "F3 inline 362" if line in (None, DEFAULT_LINE) else Path(line or "").stem
