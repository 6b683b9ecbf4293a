"""Objective syntax: an objective as text, as the command line and settings give it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from seisdream.dreaming.objectives.feature_matching import Caricature, Direction, Diversity, Inversion, Style
from seisdream.dreaming.objectives.terms import Channel, ClassLogit, Layer, Neuron, Objective, Probability, Sum, Term
from seisdream.errors import SeisdreamError, near_matches

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_WEIGHTED = re.compile(rf"(?P<sign>[-+]?)\s*(?:(?P<weight>{_NUMBER})\s*\*\s*)?(?P<target>.+)", re.DOTALL)
_OF_A_NETWORK = re.compile(r'(?P<network>"[^"]+"|(?:[^":]|:(?!:))+)::(?P<target>.+)', re.DOTALL)
_POWER = re.compile(rf"(?P<of>.+)\^(?P<power>{_NUMBER})", re.DOTALL)


def parse(text: str) -> Objective:
    """Parse an objective.

    Parameters
    ----------
    text : str
        ``layer`` (L2 norm), ``layer:12`` (mean of a channel), ``layer:12@neuron`` (its centre unit),
        ``layer:12@40,80`` (its unit over sample 40 of trace 80), ``class:salt``, ``probability:salt``,
        ``direction:layer@file.npy``, ``caricature:layer``, ``inversion:layer``, ``style:layer``, ``diversity:layer``
        (of several dreams), ``penalty:tv`` (of the section itself), any of them of another network as
        ``network::layer``, and sums and differences with weights: ``0.7*enc2 - 0.3*enc4:5``. Put spaces around a minus
        sign between terms, because names may contain hyphens, and quotes around a name that contains a sign:
        ``class:"slope + fan"``.

    Raises
    ------
    SeisdreamError
        If the text cannot be parsed (``invalid``), or names a penalty that does not exist (``unknown-name``).

    Examples
    --------
    >>> str(parse("0.7*enc2 - 0.3*enc4:5"))
    '0.7*enc2 - 0.3*enc4:5'
    """
    # Signs inside quotes belong to a name.
    words = [""]
    for quote, sign, other in re.findall(r'("[^"]*")|(\s*\+\s*|\s+-\s+)|(.)', text.strip(), re.DOTALL):
        if sign:
            words += [sign.strip(), ""]
        else:
            words[-1] += quote or other
    objective = _parse_term(words[0], text)
    for sign, word in zip(words[1::2], words[2::2], strict=True):
        term = _parse_term(word, text)
        objective = objective + term if sign == "+" else objective - term
    return objective


def is_parsable(objective: Objective) -> bool:
    """Return whether an objective's text defines it; not so for custom terms and vectors without a file."""
    try:
        return parse(str(objective)).terms() == objective.terms()
    except SeisdreamError:
        return False


def with_files(text: str, find: Callable[[str], str]) -> str:
    """Return the text of an objective with the paths of its files replaced."""
    return str(
        Sum(
            tuple(
                replace(term, file=_join(find(_path(term)), term)) if isinstance(term, Direction) else term
                for term in parse(text).terms()
            )
        )
    )


def files_of(terms: Iterable[Term]) -> tuple[str, ...]:
    """Return the paths of the files that terms name."""
    return tuple(_path(term) for term in terms if isinstance(term, Direction) and term.file)


def _path(term: Direction) -> str:
    return term.file.partition("#")[0] if ".npz#" in term.file else term.file


def _join(path: str, term: Direction) -> str:
    return path + term.file[len(_path(term)) :]


def _parse_term(word: str, whole: str) -> Objective:
    match = _WEIGHTED.fullmatch(word.strip())
    if not match or "*" in re.sub(r'"[^"]*"', "", match["target"]):
        raise SeisdreamError(
            f"Cannot read '{word}' in the objective '{whole}'; write LAYER, LAYER:CHANNEL, LAYER:CHANNEL@neuron, "
            "class:NAME, penalty:NAME or another KIND:LAYER, with weights and sums such as '0.7*enc2 - 0.3*enc4:5'.",
            code="invalid",
            option="layer",
        )
    if match["weight"] and float(match["weight"]) == 0:
        raise SeisdreamError(
            f"'{word}' in the objective '{whole}' has a weight of 0; leave it out.", code="invalid", option="layer"
        )
    weight = float(match["weight"] or 1.0) * (-1.0 if match["sign"] == "-" else 1.0)
    target, network = match["target"].strip(), ""
    if of_a_network := _OF_A_NETWORK.fullmatch(target):
        target, network = of_a_network["target"].strip(), of_a_network["network"].strip().strip('"')
    term = _parse_target(target, whole)
    if network and not term.layer and not isinstance(term, ClassLogit):
        raise SeisdreamError(
            f"'{target}' in the objective '{whole}' is a penalty of the section and belongs to no network; leave out "
            f"'{network}::'.",
            code="invalid",
            option="layer",
        )
    return replace(term, network=network) * weight


def _parse_target(target: str, whole: str) -> Term:
    kind, colon, rest = target.partition(":")
    if colon and kind in _KINDS:
        rest = rest.strip()
        if not rest.strip('"'):
            raise SeisdreamError(
                f"'{kind}:' in the objective '{whole}' has no name; write {_FORMS[kind]}.",
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
    position = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", unit)
    if (
        (at and unit != "neuron" and not position)
        or (at and not colon)
        or (colon and not channel.isdecimal())
        or not layer
    ):
        kinds = near_matches(layer, _KINDS) if colon and not channel.isdecimal() else []
        hint = f" Did you mean {', '.join(_FORMS[kind] for kind in kinds)}?" if kinds else ""
        raise SeisdreamError(
            f"Cannot read '{target}' in the objective '{whole}'; a channel is a number (LAYER:12), a unit is "
            f"LAYER:12@neuron or LAYER:12@ROW,COLUMN.{hint}",
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
            f"There is no penalty '{name}' (in the objective '{whole}'); did you mean {', '.join(near)}?",
            code="unknown-name",
            option="layer",
        )
    return PENALTIES[name]()


def _parse_direction(rest: str, whole: str) -> Term:
    layer, at, file = rest.partition("@")
    power, quote = 0.0, re.fullmatch(rf'"([^"]+)"(?:\^({_NUMBER}))?', file.strip())
    if quote:
        file, power = quote[1], float(quote[2] or 0.0)
    elif match := _POWER.fullmatch(file):
        file, power = match["of"], float(match["power"])
    if not at or not layer.strip() or not file.strip() or '"' in file:
        raise SeisdreamError(
            f"Cannot read 'direction:{rest}' in the objective '{whole}'; write {_FORMS['direction']}, optionally with "
            "a power of the cosine: direction:enc5@salt.npy^2.",
            code="invalid",
            option="layer",
        )
    return Direction(layer.strip(), file.strip(), power)


def _parse_caricature(rest: str, whole: str) -> Term:
    match = _POWER.fullmatch(rest)
    return Caricature(match["of"].strip(), float(match["power"])) if match else Caricature(rest)


_KINDS: dict[str, Callable[[str, str], Term]] = {
    "class": lambda rest, whole: ClassLogit(rest.strip('"')),
    "probability": lambda rest, whole: Probability(rest.strip('"')),
    "penalty": _parse_penalty,
    "direction": _parse_direction,
    "caricature": _parse_caricature,
    "inversion": lambda rest, whole: Inversion(rest),
    "style": lambda rest, whole: Style(rest),
    "diversity": lambda rest, whole: Diversity(rest),
}
_FORMS = {
    "class": "class:NAME",
    "probability": "probability:NAME",
    "penalty": "penalty:NAME",
    "direction": "direction:LAYER@FILE",
    "caricature": "caricature:LAYER",
    "inversion": "inversion:LAYER",
    "style": "style:LAYER",
    "diversity": "diversity:LAYER",
}
