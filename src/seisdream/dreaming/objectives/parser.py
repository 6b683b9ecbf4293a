"""Objective syntax: an objective as text, as the command line and settings give it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from seisdream.dreaming.objectives.feature_matching import Caricature, Concept, Direction, Inversion
from seisdream.dreaming.objectives.terms import Channel, ClassLogit, Layer, Neuron, Objective, Probability, Sum, Term
from seisdream.dreaming.objectives.textures import Diversity, Style
from seisdream.errors import SeisdreamError, near_matches

# None of these expressions goes back over what it has read, so that the time to parse grows with the length alone.
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_WORDS = re.compile(r'(?P<sign>\s*\+\s*|\s+-\s+)|"[^"]*"|\s+|[^\s"+]+|.', re.DOTALL)
_WEIGHT = re.compile(rf"(?P<sign>[-+]?)\s*(?:(?P<weight>{_NUMBER})\s*\*\s*)?")
_NETWORK = re.compile(r'(?P<network>"[^"]+"|[^"]+?)::(?=.)', re.DOTALL)
_MOST_LETTERS = 100_000
_COUNT = r"\d{1,9}"


def parse(text: str) -> Objective:
    """Parse an objective.

    Parameters
    ----------
    text : str
        ``layer`` (L2 norm), ``layer:12`` (mean of a channel), ``layer:12@neuron`` (its centre unit),
        ``layer:12@40,80`` (its unit over sample 40 of trace 80), ``class:salt``, ``probability:salt``,
        ``direction:layer@file.npy``, ``concept:layer/7``, ``caricature:layer``, ``inversion:layer``, ``style:layer``,
        ``diversity:layer`` (of several dreams), ``penalty:tv`` (of the section itself), any of them of another network
        as ``network::layer``, and sums and differences with weights: ``0.7*enc2 - 0.3*enc4:5``. Put spaces around a
        minus sign between terms, because names may contain hyphens, and quotes around a name that contains a sign:
        ``class:"slope + fan"``.

    Raises
    ------
    SeisdreamError
        If the text cannot be parsed (``invalid``), is too long (``too-large``), or names a penalty that does not exist
        (``unknown-name``).

    Examples
    --------
    >>> str(parse("0.7*enc2 - 0.3*enc4:5"))
    '0.7*enc2 - 0.3*enc4:5'
    """
    if len(text) > _MOST_LETTERS:
        raise SeisdreamError(
            f"The objective '{_in_short(text)}' has {len(text):,} characters; at most {_MOST_LETTERS:,} are read.",
            code="too-large",
            option="layer",
        )
    # Signs inside quotes belong to a name.
    words, signs, term = [], [1.0], []
    for found in _WORDS.finditer(text.strip()):
        if found["sign"]:
            words.append("".join(term))
            signs.append(-1.0 if "-" in found["sign"] else 1.0)
            term = []
        else:
            term.append(found[0])
    words.append("".join(term))
    terms = [_parse_term(word, sign, text) for sign, word in zip(signs, words, strict=True)]
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def is_parsable(objective: Objective) -> bool:
    """Return whether an objective's text defines it; not so for custom terms and vectors without a file."""
    try:
        return parse(str(objective)).terms() == objective.terms()
    except SeisdreamError:
        return False


def with_files(text: str, find: Callable[[str], str]) -> str:
    """Return the text of an objective with the paths of its files replaced."""
    terms = (
        replace(term, file=_join(find(_path(term)), term)) if isinstance(term, Direction) else term
        for term in parse(text).terms()
    )
    return str(Sum(tuple(terms)))


def files_of(terms: Iterable[Term]) -> tuple[str, ...]:
    """Return the paths of the files that terms name."""
    return tuple(_path(term) for term in terms if isinstance(term, Direction) and term.file)


def _path(term: Direction) -> str:
    return term.file.partition("#")[0] if ".npz#" in term.file else term.file


def _join(path: str, term: Direction) -> str:
    return path + term.file[len(_path(term)) :]


def _parse_term(word: str, sign: float, whole: str) -> Term:
    word = word.strip()
    weighted = _WEIGHT.match(word)
    assert weighted is not None  # It matches nothing, too.
    target = word[weighted.end() :].strip()
    if not target or "*" in re.sub(r'"[^"]*"', "", target):
        raise SeisdreamError(
            f"Cannot read '{_in_short(word)}' in the objective '{_in_short(whole)}'; write LAYER, LAYER:CHANNEL, "
            "LAYER:CHANNEL@neuron, class:NAME, penalty:NAME or another KIND:LAYER, with weights and sums such as "
            "'0.7*enc2 - 0.3*enc4:5'.",
            code="invalid",
            option="layer",
        )
    weight = sign * float(weighted["weight"] or 1.0) * (-1.0 if weighted["sign"] == "-" else 1.0)
    if weight == 0 or not math.isfinite(weight):
        raise SeisdreamError(
            f"'{_in_short(word)}' in the objective '{_in_short(whole)}' has a weight of {weight:g}; "
            f"{'leave it out' if weight == 0 else 'use a finite one'}.",
            code="invalid",
            option="layer",
        )
    network = ""
    if of_a_network := _NETWORK.match(target):
        target, network = target[of_a_network.end() :].strip(), of_a_network["network"].strip().strip('"')
    term = _parse_target(target, whole)
    if network and not term.layer and not isinstance(term, ClassLogit):
        raise SeisdreamError(
            f"'{_in_short(target)}' in the objective '{_in_short(whole)}' is a penalty of the section and belongs to "
            f"no network; leave out '{_in_short(network)}::'.",
            code="invalid",
            option="layer",
        )
    return replace(term, network=network, weight=term.weight * weight)


def _parse_target(target: str, whole: str) -> Term:
    kind, colon, rest = target.partition(":")
    if colon and kind in _KINDS:
        rest = rest.strip()
        # After a colon and a space there was meant to be '::'.
        if not rest.strip('"') or rest.startswith(":"):
            raise SeisdreamError(
                f"'{kind}:' in the objective '{_in_short(whole)}' has no name; write {_FORMS[kind]}.",
                code="invalid",
                option="layer",
            )
        return _KINDS[kind](rest, whole)
    return _parse_units(target, whole)


def _parse_units(target: str, whole: str) -> Term:
    name, at, unit = target.partition("@")
    layer, colon, channel = name.rpartition(":")
    if not colon:
        layer = name
    position = re.fullmatch(rf"\s*({_COUNT})\s*,\s*({_COUNT})\s*", unit)
    is_number = bool(re.fullmatch(_COUNT, channel))
    if (
        (at and unit != "neuron" and not position)
        or (at and not colon)
        or (colon and not is_number)
        or not layer
        or '"' in layer
    ):
        kinds = near_matches(layer, _KINDS) if colon and not is_number else []
        hint = f" Did you mean {', '.join(_FORMS[kind] for kind in kinds)}?" if kinds else ""
        raise SeisdreamError(
            f"Cannot read '{_in_short(target)}' in the objective '{_in_short(whole)}'; a channel is a number "
            f"(LAYER:12), a unit is LAYER:12@neuron or LAYER:12@ROW,COLUMN.{hint}",
            code="invalid",
            option="layer",
        )
    if at:
        return Neuron(layer, int(channel), (int(position[1]), int(position[2])) if position else None)
    return Channel(layer, int(channel)) if colon else Layer(layer)


def _parse_penalty(name: str, whole: str) -> Term:
    # Penalties are terms themselves, so their module imports this package.
    from seisdream.dreaming.regularizers import PENALTIES

    if name not in PENALTIES:
        near = near_matches(name, PENALTIES) or list(PENALTIES)
        raise SeisdreamError(
            f"There is no penalty '{_in_short(name)}' (in the objective '{_in_short(whole)}'); did you mean "
            f"{', '.join(near)}?",
            code="unknown-name",
            option="layer",
        )
    return PENALTIES[name]()


def _parse_direction(rest: str, whole: str) -> Term:
    layer, at, file = rest.partition("@")
    file, power = _split_power(file.strip(), 0.0)
    file = _unquoted(file, whole, "direction")
    if not at or not layer.strip() or not file or '"' in layer:
        raise _unreadable(
            "direction", rest, whole, ", optionally with a power of the cosine: direction:enc5@salt.npy^2"
        )
    return Direction(layer.strip(), file, power)


def _parse_concept(rest: str, whole: str) -> Term:
    rest, power = _split_power(rest, 0.0)
    layer, slash, concept = rest.rpartition("/")
    concept = _unquoted(concept.strip(), whole, "concept") if concept.strip() else ""
    if not slash or not layer.strip() or not concept or '"' in layer:
        raise _unreadable("concept", rest, whole)
    return Concept(layer.strip(), concept, power)


def _parse_caricature(rest: str, whole: str) -> Term:
    layer, power = _split_power(rest, 1.0)
    return Caricature(_layer(layer, whole, "caricature"), power)


def _split_power(text: str, default: float) -> tuple[str, float]:
    """Return what stands before a power, and the power; a name in quotes may contain the sign itself."""
    of, sign, power = text.rpartition("^")
    if not sign or not of.strip() or not re.fullmatch(_NUMBER, power):
        return text, default
    return of.strip(), float(power)


def _unquoted(text: str, whole: str, kind: str) -> str:
    """Return a name without the quotes around it; there may be none inside."""
    name = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if '"' in name or not name.strip():
        raise _unreadable(kind, text, whole)
    return name


def _layer(text: str, whole: str, kind: str) -> str:
    if '"' in text:
        raise _unreadable(kind, text, whole)
    return text


def _unreadable(kind: str, rest: str, whole: str, more: str = "") -> SeisdreamError:
    return SeisdreamError(
        f"Cannot read '{kind}:{_in_short(rest)}' in the objective '{_in_short(whole)}'; write {_FORMS[kind]}{more}. "
        "Quotes stand around a whole name.",
        code="invalid",
        option="layer",
    )


def _in_short(text: str, n_most: int = 200) -> str:
    return text if len(text) <= n_most else f"{text[:n_most]}…"


_KINDS: dict[str, Callable[[str, str], Term]] = {
    "class": lambda rest, whole: ClassLogit(_unquoted(rest, whole, "class")),
    "probability": lambda rest, whole: Probability(_unquoted(rest, whole, "probability")),
    "penalty": _parse_penalty,
    "direction": _parse_direction,
    "concept": _parse_concept,
    "caricature": _parse_caricature,
    "inversion": lambda rest, whole: Inversion(_layer(rest, whole, "inversion")),
    "style": lambda rest, whole: Style(_layer(rest, whole, "style")),
    "diversity": lambda rest, whole: Diversity(_layer(rest, whole, "diversity")),
}
_FORMS = {
    "class": "class:NAME",
    "probability": "probability:NAME",
    "penalty": "penalty:NAME",
    "direction": "direction:LAYER@FILE",
    "concept": "concept:LAYER/NUMBER",
    "caricature": "caricature:LAYER",
    "inversion": "inversion:LAYER",
    "style": "style:LAYER",
    "diversity": "diversity:LAYER",
}
