"""The names of classes: read from files, and found by name or number."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.texts import read_text
from seisdream.provenance import hash_file

CLASS_NAMES_SHA256 = "acf75ef0abe89694b19056e0796401068b459c457baa30335f240c7692857355"
"""Of Caffe's list of the classes of ImageNet."""

# Up to this many classes are all listed when a name does not exist.
_MAX_LISTED = 20


def read_class_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read class names from a text file, one per line in output order.

    The WordNet numbers of ImageNet lists (``n01440764 tench, Tinca tinca``) are removed.

    Raises
    ------
    SeisdreamError
        If the file cannot be read as text, or is empty.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise SeisdreamError(
            f"The class names in {path} cannot be read: {reason}. Give a text file with one name a line.",
            code="unreadable" if Path(path).exists() else "not-found",
            option="classes",
        ) from error
    names = [line for line in lines if line]
    if not names:
        raise SeisdreamError(
            f"{path} has no class names; it must have one per line.", code="no-labels", option="classes"
        )
    if all(line[0] == "n" and line[1:9].isdecimal() and line[9:10] == " " for line in names):
        names = [line[10:] for line in names]
    return tuple(names)


def class_names_near(weights: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the ImageNet classes in a ``*synset_words.txt`` in the folder of the weights, or no names.

    Only the published file is read, known by its hash: weights that were sent to somebody do not choose what is read.
    """
    found = sorted(Path(weights).parent.glob("*synset_words.txt"))
    return next((read_class_names(path) for path in found if hash_file(path) == CLASS_NAMES_SHA256), ())


def find_class(name: str | int, classes: Sequence[str], n_classes: int, network: str) -> int:
    """Return the output channel of a class.

    Parameters
    ----------
    name : str or int
        The class number, its full name, or one of its comma-separated synonyms; case does not matter.
    classes : sequence of str
        The names in output order; none if they are not known.
    n_classes : int
        The number of output channels.
    network : str
        Name of the network, for messages.

    Raises
    ------
    SeisdreamError
        If there is no such class (with near matches), or there are several of that name.
    """
    text = str(name).strip()
    if text.isdecimal():
        if int(text) < n_classes:
            return int(text)
        raise SeisdreamError(
            f"{network} has no class {text}; its classes are numbered 0 to {n_classes - 1}.", code="unknown-name"
        )
    if not classes:
        raise SeisdreamError(
            f"The class names of {network} are not known, so '{text}' cannot be found; give the class number, "
            f"0 to {n_classes - 1}, or the names in output order (`classes`).",
            code="no-labels",
            option="classes",
        )
    wanted = text.casefold()
    matches = [i for i, names in enumerate(classes) if wanted == names.casefold()]
    matches = matches or [
        i for i, names in enumerate(classes) if wanted in {n.strip().casefold() for n in names.split(",")}
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise SeisdreamError(
            f"'{text}' is the name of several classes of {network}; give the number of one: "
            + "; ".join(f"{i} ({classes[i]})" for i in matches)
            + ".",
            code="ambiguous",
        )
    synonyms = dict.fromkeys(synonym.strip() for names in classes for synonym in names.split(","))
    close = near_matches(text, synonyms)
    if len(classes) <= _MAX_LISTED:
        hint = f"its classes are {'; '.join(classes)}" + (f" (nearest: {close[0]})" if close else "")
    elif close:
        hint = f"similar names: {', '.join(close)}"
    else:
        hint = f"none of its {n_classes} class names is similar"
    raise SeisdreamError(
        f"{network} has no class '{text}'; {hint}. You can also give a class number (0 to {n_classes - 1}).",
        code="unknown-name",
    )
