"""The one exception for what a user can fix, and its codes."""

from __future__ import annotations

from collections.abc import Iterable

CODES = {
    "ambiguous": "more than one reading is possible; name the one that is meant",
    "changed": "a file, a run or its settings are no longer what they were when the work began",
    "corrupt": "a file is damaged, truncated or contradicts itself",
    "crashed": "a worker process ended in the middle of its work",
    "download-failed": "a file could not be fetched",
    "exists": "an output exists already",
    "hash-mismatch": "a file is not the one whose SHA-256 is known",
    "incompatible": "two arguments, or an argument and this input or network, do not go together",
    "incomplete": "blocks of a volume could not be computed; the same command computes only these",
    "invalid": "an argument or an input cannot be used",
    "missing-argument": "something that is needed was not given",
    "missing-extra": "an optional package is not installed",
    "network-failed": "a network raised an error or returned something unusable",
    "no-geometry": "line numbers, coordinates or the sampling interval are missing or unusable",
    "no-gradient": "the objective does not depend on the input",
    "no-labels": "labels or classes are missing or unusable",
    "no-signal": "the input is empty, constant or absent everywhere",
    "not-finite": "NaN or infinity in the input, the score or the result",
    "not-found": "a file, folder, line or array does not exist",
    "not-ours": "a file or folder was not written by seisdream, so it is not replaced",
    "not-supported": "this kind of input or network cannot do that",
    "out-of-range": "a number is outside its range",
    "too-large": "the input or the request needs more than is available",
    "too-small": "the input is too small for the request",
    "unknown-argument": "a keyword or setting that does not exist",
    "unknown-name": "a layer, class, network or other name that does not exist",
    "unreadable": "a file is not of a format that can be read",
    "untrusted": "a file names code, or holds objects that could run code",
    "write-failed": "an output could not be written",
    "wrong-shape": "an array has the wrong shape",
    "wrong-type": "a value has the wrong type",
}
"""Every code of a `SeisdreamError`, and what it means."""


_LONGEST_NAME = 200


class SeisdreamError(Exception):
    """The input or the request is wrong, and the message says how to fix it.

    The message says what was got, what was expected and what to do. Arguments are named in backticks by their Python
    names, with a value where one is proposed (`` `tile=0` ``); the command line prints them as its own options
    (``--tile 0``), without a traceback, and exits with 2.

    Parameters
    ----------
    message : str
        Plain sentences.
    code : str, default "invalid"
        One of `CODES`, for programs and tests.
    option : str, optional
        Python name of the argument that is wrong.

    Examples
    --------
    >>> import seisdream as sd
    >>> try:
    ...     sd.DreamSettings(step_size=-1)
    ... except sd.SeisdreamError as error:
    ...     print(error.code, error.option)
    out-of-range step_size
    """

    def __init__(self, message: str, *, code: str = "invalid", option: str | None = None):
        super().__init__(message)
        self.code = code
        self.option = option


class IncompleteResultWarning(UserWarning):
    """A film, a figure or a SEG-Y file of a result could not be written; everything else was."""


def near_matches(name: str, choices: Iterable[object], n_most: int = 3) -> list[str]:
    """Return the choices most similar to a mistyped name, best first."""
    import difflib

    if len(name) > _LONGEST_NAME:  # It comes from a damaged file, and comparing takes its length squared.
        return []
    names = [str(choice) for choice in choices]
    close = difflib.get_close_matches(name, names, n=n_most, cutoff=0.5)
    containing = [choice for choice in names if name.lower() in choice.lower() and choice not in close]
    return (close + containing)[:n_most]


def unknown_argument(name: str, known: Iterable[str], of: str) -> SeisdreamError:
    """Return the error of a keyword or setting that does not exist, with near matches.

    Parameters
    ----------
    name : str
        What was given.
    known : iterable of str
        What exists.
    of : str
        The function or the settings that were called, such as ``dream``.
    """
    known = list(known)
    near = near_matches(name, known)
    hint = f"did you mean {', '.join(near)}?" if near else f"use one of {', '.join(known)}."
    return SeisdreamError(
        f"{of} has no argument '{name}'; {hint}",
        code="unknown-argument",
        option=name,
    )
