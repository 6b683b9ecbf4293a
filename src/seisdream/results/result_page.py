"""The page of a result: the input and what was made of it, with the film, the settings and the credit."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seisdream.plotting.display import current_display
from seisdream.provenance import drawable
from seisdream.results.commands import command_of, python_of
from seisdream.results.page import site_file, with_names, write_page
from seisdream.viewer.encoding import EncodedSection

PAGE = "index.html"
MOST_SAMPLES = 350_000
"""A larger section is averaged on the page, which otherwise would take many megabytes."""
_MOST_FILM_BYTES = 3_000_000
_FILMS = {"dream.mp4": "video/mp4", "dream.gif": "image/gif"}


@dataclass(frozen=True)
class Gallery:
    """Pictures on the page of a result.

    Attributes
    ----------
    title : str
        Above them.
    text : str
        What they show.
    pictures : sequence of (str, str, str)
        Heading, what is known, and the data URL of each picture.
    """

    title: str
    text: str
    pictures: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class ResultPage:
    """What the page of a result shows.

    Attributes
    ----------
    title : str
        Above everything.
    before : EncodedSection
        The input.
    after : dict of EncodedSection
        What was made of it, by name; all of the input's shape.
    names : (str, str)
        What input and result are called.
    sentences : sequence of str
        Below the title.
    galleries : sequence of Gallery
        Below the sections.
    point : (float, float), optional
        Where a ring is drawn, by the numbers of the axes across and down.
    """

    title: str
    before: EncodedSection
    after: Mapping[str, EncodedSection]
    names: tuple[str, str] = ("Before", "After")
    sentences: Sequence[str] = field(default=())
    galleries: Sequence[Gallery] = field(default=())
    point: tuple[float, float] | None = None


def write_result_page(folder: Path, page: ResultPage, record: Mapping[str, Any], *, is_repeatable: bool = True) -> None:
    """Write the page of a result to its folder.

    Parameters
    ----------
    folder : Path
        Where the films are already.
    page : ResultPage
        What it shows.
    record : mapping
        The provenance with the notes.
    is_repeatable : bool, default True
        Whether the page states the command that repeats the result.
    """
    known = record["input"]
    shape = page.before.header["shape"]
    notes = list(record["notes"])
    if shape != list(known["shape"][:2]) and len(known["shape"]) == 2:
        has_spectra = any("spectrum" in one.header for one in page.after.values())
        notes.append(
            f"The section has {' × '.join(map(str, known['shape']))} samples; this page shows averages, "
            f"{' × '.join(map(str, shape))}."
            + (" Amplitude spectra are those of the samples before averaging." if has_spectra else "")
        )
    data = {
        "title": drawable(page.title),
        "sentences": list(page.sentences),
        "names": list(page.names),
        "point": page.point,
        "before": page.before.inline(),
        "after": [{"name": name, "section": one.inline()} for name, one in page.after.items()],
        "display": current_display().of_viewer(),
        "galleries": [{**asdict(one), "title": drawable(one.title)} for one in page.galleries],
        "film": _film(folder),
        "notes": [with_names(note) for note in notes],
        "settings": list(_settings(record)),
        "code": _code(record) if is_repeatable else [],
        "credit": [str(known[name]) for name in ("credit", "licence") if known.get(name)],
    }
    write_page(folder / PAGE, title=drawable(page.title), data=data, script=site_file("result.js"))


def _film(folder: Path) -> str | None:
    """Return the film as a data URL, or None where there is none that fits a page."""
    for name, kind in _FILMS.items():
        path = folder / name
        if path.exists() and path.stat().st_size <= _MOST_FILM_BYTES:
            return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return None


def _settings(record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    network = record["network"] or {}
    yield "Input", ", ".join(filter(None, (record["input"]["source"], record["input"]["selection"])))
    yield "Network", str(network.get("name"))
    for name, value in record["settings"].items():
        if value not in (None, "", [], {}) and name not in ("input", "input_options", "network", "network_options"):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield name.replace("_", " ").capitalize(), text
    yield "Version", f"seisdream {record['seisdream']}"
    if network.get("credit"):
        yield "Credit of the network", str(network["credit"])


def _code(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the command and the Python code that repeat a result, where its input and network have names."""
    if record["input"]["source"] is None or record["result"].get("replay_obstacle"):
        return []
    return [("command", command_of(record)), ("Python", python_of(record))]
