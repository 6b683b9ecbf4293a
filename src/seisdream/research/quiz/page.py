"""The page of the quiz: one HTML file that holds its pictures, its program and its answers, and asks no server."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from PIL import Image

from seisdream.io.atomic import writing_file
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.quiz.questions import VERSION, Question, make_quiz
from seisdream.seismic.sections import GreyMapping

HINTS = {
    "fault": "A fault: a plane along which beds are shifted a little.",
    "clinoforms": "Clinoforms: a lens of beds that lean, between flatter ones.",
    "channel": "A channel: a valley cut into the beds and filled by others.",
    "flat spot": "A flat spot: a bright, level reflection where gas ends on water, across an arch of beds.",
    "salt flank": "Salt: a small body that has risen, with beds dragged up beside it.",
}
"""What people are told to look for."""


def write_quiz(
    path: str | os.PathLike[str],
    *,
    seed: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    force: bool = False,
) -> int:
    """Write the page of a quiz; return how many questions count.

    Parameters
    ----------
    path : path
        An HTML file.
    seed : int, default 1
        Chooses the questions; answers to the same seed can be pooled question by question.
    progress : callable, optional
        Called with the pairs done, of how many.
    force : bool, default False
        Replace a file that is there.
    """
    practice, questions = make_quiz(seed)
    with writing_file(path, force=force) as aside:
        aside.write_text(make_page(seed, practice, questions, progress), encoding="utf-8")
    return len(questions)


def make_page(
    seed: int,
    practice: Sequence[Question],
    questions: Sequence[Question],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Return the page as text.

    Where the targets are lies in it scrambled: enough that nobody learns an answer by a glance at the source. That is
    blinding, not security; who wants to cheat can.
    """
    total = len(practice) + len(questions)
    asked: list[dict[str, Any]] = []
    for number, question in enumerate((*practice, *questions), start=1):
        asked.append(_ask(question, is_practice=number <= len(practice)))
        progress(number, total)
    key = "".join("r" if question.is_target_right else "l" for question in (*practice, *questions))
    data = {
        "version": VERSION,
        "seed": seed,
        "hints": {kind: HINTS[kind] for kind in TARGETS},
        "trials": asked,
        "key": scramble(key, seed),
    }
    template = files("seisdream.research.quiz").joinpath("page.html").read_text(encoding="utf-8")
    # A closing tag inside the data would end the script.
    return template.replace("/*DATA*/null", json.dumps(data, ensure_ascii=False).replace("</", "<\\/"))


def scramble(text: str, seed: int) -> str:
    """Return a text that cannot be read at a glance: its bytes under those of a simple generator, in base 64.

    The page undoes it by the same generator (``x -> 1664525 x + 1013904223`` modulo 2³², its highest byte).
    """
    state, scrambled = seed % 2**32, bytearray()
    for letter in text.encode():
        state = (1664525 * state + 1013904223) % 2**32
        scrambled.append(letter ^ (state >> 24))
    return base64.b64encode(bytes(scrambled)).decode()


def _ask(question: Question, *, is_practice: bool) -> dict[str, Any]:
    """Return a question as the page holds it: kind, level, box and two pictures, left and right."""
    trial = question.trial
    twin, target = trial.pair()
    shown = (twin, target) if question.is_target_right else (target, twin)
    # One scale for both: how loud a section is must not tell.
    mapping = GreyMapping.of(twin.section)
    rows, columns = trial.box
    n_rows, n_columns = twin.section.shape
    box = (rows.start / n_rows, columns.start / n_columns, rows.stop / n_rows, columns.stop / n_columns)
    return {
        "practice": is_practice,
        "kind": trial.kind,
        "snr_db": trial.snr_db,
        "box": [round(100.0 * at, 2) for at in box],
        "images": [_as_png(mapping.to_grey(one.section.values)) for one in shown],
    }


def _as_png(grey: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(np.rint(np.clip(grey, 0.0, 255.0)).astype(np.uint8)).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
