"""Which of the data's classes each of a network's classes stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seisdream.errors import SeisdreamError, near_matches
from seisdream.io.texts import parse_json, read_text


def read_class_map(path: str | os.PathLike[str]) -> dict[str, str | None]:
    """Read a JSON object from the network's classes to those of the data; null for none of them."""
    try:
        content = parse_json(read_text(path))
        if not isinstance(content, dict) or not all(isinstance(value, str | None) for value in content.values()):
            raise ValueError("it is not an object of names")
    except (OSError, ValueError) as error:
        raise SeisdreamError(
            f"{path} is not a map of classes ({error}); write a JSON object from the network's classes to those of the "
            'data, such as {"salt": "Zechstein", "channel fill": null}.',
            code="unreadable",
            option="class_map",
        ) from error
    return content


def class_matrix(
    network: Sequence[str], data: Sequence[str], class_map: Mapping[str, str | None] | None = None
) -> NDArray:
    """Return which of the data's classes each of the network's counts for, float32 ``(data class, network class)``.

    Parameters
    ----------
    network, data : sequence of str
        Names of classes, in the order of their codes.
    class_map : mapping, optional
        From the network's classes to those of the data, None for none of them; needed where names differ.

    Raises
    ------
    SeisdreamError
        If names differ and there is no map, or the map names other classes, leaves some out or maps all to None.
    """
    if class_map is None:
        if set(network) != set(data):
            raise SeisdreamError(
                f"The network predicts {', '.join(network)}, but the data have {', '.join(data)}. Map the network's "
                "classes to those of the data with `class_map`, or evaluate on other data.",
                code="incompatible",
                option="class_map",
            )
        class_map = dict(zip(network, network, strict=True))
    for names, known, owner in ((class_map, network, "network"), (class_map.values(), data, "data")):
        for name in names:
            if name is not None and name not in known:
                near = ", ".join(near_matches(name, known) or known)
                raise SeisdreamError(
                    f"`class_map` names '{name}', which is no class of the {owner}; did you mean {near}?",
                    code="unknown-name",
                    option="class_map",
                )
    missing = [name for name in network if name not in class_map]
    if missing:
        raise SeisdreamError(
            f"`class_map` leaves out {', '.join(missing)} of the network; map each to one of {', '.join(data)}, or to "
            "null.",
            code="incompatible",
            option="class_map",
        )
    matrix = np.zeros((len(data), len(network)), np.float32)
    for code, name in enumerate(network):
        if (target := class_map[name]) is not None:
            matrix[list(data).index(target), code] = 1.0
    if not matrix.any():
        raise SeisdreamError(
            "`class_map` maps every class of the network to null; map at least one to a class of the data.",
            code="incompatible",
            option="class_map",
        )
    return matrix
