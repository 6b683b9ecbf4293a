"""The quiz as a web page: one self-contained HTML file that needs no server."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

from seisdream.escaping import for_script, policy_hash
from seisdream.io.atomic import writing_file
from seisdream.io.images import image_url
from seisdream.research.psychophysics.study import NETWORK, TrialResponses
from seisdream.research.psychophysics.targets import TARGETS
from seisdream.research.quiz.observers import respond_to
from seisdream.research.quiz.questions import VERSION, Question, make_quiz
from seisdream.seismic.sections import GreyMapping
from seisdream.viewer.assets import curves_text, without_modules

HINTS = {
    "fault": "A fault: a plane along which beds are slightly offset.",
    "clinoforms": "Clinoforms: a lens of inclined beds between flatter ones.",
    "channel": "A channel: a valley cut into the beds and filled with other sediment.",
    "flat spot": "A flat spot: a bright, level reflection across an arch of beds, where gas lies on water.",
    "salt flank": "Salt: a small diapir, with the beds next to it dragged upwards.",
}
"""What people look for, by kind of target."""


def write_quiz(
    path: str | os.PathLike[str],
    *,
    seed: int = 1,
    network: str = "facies",
    progress: Callable[[int, int], None] = lambda done, total: None,
    force: bool = False,
) -> int:
    """Write a quiz page; return the number of scored questions.

    Parameters
    ----------
    path : path
        HTML file to write.
    seed : int, default 1
        Random seed of the questions; answers with one seed can be compared question by question.
    network : str, default "facies"
        The network that people are compared with, as for `seisdream.load_network`.
    progress : callable, optional
        Called with the number of pairs done and the total.
    force : bool, default False
        Replace an existing file.
    """
    practice, questions = make_quiz(seed)
    responses = respond_to(questions, network=network, progress=progress)
    with writing_file(path, force=force) as aside:
        aside.write_text(make_page(seed, practice, questions, responses), encoding="utf-8")
    return len(questions)


def make_page(seed: int, practice: Sequence[Question], questions: Sequence[Question], responses: TrialResponses) -> str:
    """Return the page as HTML.

    The correct sides and the responses of the network and the ideal observer to the scored questions are scrambled,
    so that nobody learns an answer from a glance at the source. This is blinding, not security.
    """
    hidden = {
        "targets": [question.answer for question in (*practice, *questions)],
        "network": responses.correct(NETWORK).tolist(),
        "ideal": [round(float(one), 4) for one in responses.ideal_d_prime],
    }
    data = {
        "version": VERSION,
        "seed": seed,
        "hints": {kind: HINTS[kind] for kind in TARGETS},
        "trials": [
            *(_encode(question, is_practice=True) for question in practice),
            *(_encode(question, is_practice=False) for question in questions),
        ],
        "hidden": scramble(json.dumps(hidden), seed),
    }
    template = _read("page.html").replace("{{result}}", curves_text() + without_modules(_read("result.js")))
    # A page may run no code and use no style but these two, whose hashes it names.
    for element in ("style", "script"):
        template = template.replace(f"{{{{{element}}}}}", _hash_of(element, template))
    return template.replace("{{data}}", for_script(data))


def _read(name: str) -> str:
    return files("seisdream.research.quiz").joinpath(name).read_text(encoding="utf-8")


def _hash_of(element: str, page: str) -> str:
    """Return the hash of the one inline element of this kind, as a Content-Security-Policy names it."""
    return policy_hash(page.partition(f"<{element}>")[2].partition(f"</{element}>")[0])


def scramble(text: str, seed: int) -> str:
    """Return a text XORed with a linear congruential generator's bytes, in base 64.

    The page undoes it with the same generator (``x -> 1664525 x + 1013904223`` modulo 2³², highest byte).
    """
    state, scrambled = seed % 2**32, bytearray()
    for letter in text.encode():
        state = (1664525 * state + 1013904223) % 2**32
        scrambled.append(letter ^ (state >> 24))
    return base64.b64encode(bytes(scrambled)).decode()


def _encode(question: Question, *, is_practice: bool) -> dict[str, Any]:
    """Return a question as the page needs it: kind, level, search box and the left and right image."""
    trial = question.trial
    without, with_target = trial.pair()
    left_to_right = (without, with_target) if question.is_target_right else (with_target, without)
    # One grey scale for both sections, so that brightness does not give the target away.
    mapping = GreyMapping.of(without.section)
    rows, columns = trial.box
    n_rows, n_columns = without.section.shape
    box = (rows.start / n_rows, columns.start / n_columns, rows.stop / n_rows, columns.stop / n_columns)
    return {
        "practice": is_practice,
        "kind": trial.kind,
        "snr_db": trial.snr_db,
        "box": [round(100.0 * at, 2) for at in box],
        "images": [image_url(mapping.to_grey(stimulus.section.values)) for stimulus in left_to_right],
    }
