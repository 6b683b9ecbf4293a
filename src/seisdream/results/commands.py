"""The command and the Python code that repeat a result, made from its provenance."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import seisdream
from seisdream.io.options import InputOptions
from seisdream.models.options import NetworkOptions
from seisdream.settings import Settings

_COMMANDS = {
    "dream": "dream",
    "prediction": "predict",
    "attribution": "attribute",
    "controls": "controls",
    "concepts": "concepts",
}
# Public names of the classes of settings.
_SETTINGS = {
    "dream": "DreamSettings",
    "prediction": "PredictionSettings",
    "attribution": "AttributionSettings",
    "controls": "ControlSettings",
    "concepts": "ConceptSettings",
}
_OWN_OPTIONS = ("classes", "class_layer", "class_activation", "dims")


def command_of(provenance: Mapping[str, Any]) -> str:
    """Return the command that repeats a result.

    Parameters
    ----------
    provenance : mapping
        As `seisdream.provenance.make_provenance` returns it.

    Returns
    -------
    str
        One line for a shell, with every setting that differs from its default.

    Examples
    --------
    >>> import seisdream as sd
    >>> result = sd.dream(sd.open_section("noise:24x24"), "gabor", octaves=1, steps=1)
    >>> command_of(result.provenance)[:47]
    'seisdream dream noise:24x24 --network gabor --l'
    """
    kind = provenance["kind"]
    known, network = provenance["input"], provenance["network"] or {}
    source, name = str(known["source"]), str(network.get("name"))
    words = ["seisdream", _COMMANDS[kind], *([name, "--data", source] if kind == "concepts" else [source])]
    words += _words(InputOptions, known["options"])
    words += [] if kind == "concepts" else ["--network", name]
    options = {"weights": network.get("weights")} | dict(network.get("options", {}))
    words += _words(NetworkOptions, {_network_field(name): value for name, value in options.items()})
    words += [f"--concepts={options['concepts']}"] if options.get("concepts") else []
    words += _target_words(kind, provenance["result"])
    words += _words(_settings_class(kind), provenance["settings"])
    return shlex.join(words)


def python_of(provenance: Mapping[str, Any]) -> str:
    """Return the lines of Python that repeat a result and save it; parameters are those of `command_of`."""
    kind = provenance["kind"]
    lines = ["import seisdream as sd", ""]
    settings = _given(_settings_class(kind), provenance["settings"])
    if kind == "dream":
        lines += [_call("settings = sd.DreamSettings", keywords=settings)]
        lines += ["result = sd.Dream.from_settings(settings).run().result()", 'result.save("dream")']
        return "\n".join(lines) + "\n"
    known = provenance["input"]
    lines.append(_call("section = sd.open_section", [known["source"]], known["options"]))
    network = provenance["network"]
    options = dict(network["options"])
    concepts = options.pop("concepts", None)
    options.pop("concepts_sha256", None)
    own = {name: options.pop(name) for name in _OWN_OPTIONS if name in options}
    if network["weights"] is not None:
        own["weights"] = network["weights"]
    if options:
        own["preprocessing"] = _Code(_call("sd.Preprocessing", keywords=options))
    lines.append(_call("network = sd.load_network", [network["name"]], own))
    positional: list[Any] = [_Code("section"), _Code("network")]
    if kind == "attribution":
        found = provenance["result"]
        positional.append(found["target"])
        if found.get("at") is not None:
            settings = {"at": tuple(found["at"])} | settings
        elif found.get("target_mask"):
            lines.insert(1, "from seisdream.io.masks import open_mask")
            settings = {"target_mask": _Code(f"open_mask({found['target_mask']!r}, section)")} | settings
    if concepts is not None:
        settings = {"concepts": concepts} | settings
    if kind == "concepts":
        positional.reverse()
    function = _COMMANDS[kind]
    lines.append(_call(f"result = sd.{function}", positional, settings))
    lines.append(f'result{"" if kind in ("controls", "concepts") else ".seisdream"}.save("{kind}")')
    return "\n".join(lines) + "\n"


class _Code(str):
    """Python code, which is written as it is."""


def _call(function: str, positional: Iterable[Any] = (), keywords: Mapping[str, Any] | None = None) -> str:
    words = [str(one) if isinstance(one, _Code) else repr(one) for one in positional]
    for name, value in (keywords or {}).items():
        words.append(f"{name}={value if isinstance(value, _Code) else repr(value)}")
    line = f"{function}({', '.join(words)})"
    if len(line) <= 88:
        return line
    return f"{function}(\n" + "".join(f"    {word},\n" for word in words) + ")"


def _target_words(kind: str, result: Mapping[str, Any]) -> list[str]:
    """Return the options that say what an attribution explains."""
    if kind != "attribution":
        return []
    words = [f"--layer={result['target']}"]
    if result.get("at") is not None:
        words.append("--at=" + ",".join(f"{float(one)!r}" for one in result["at"]))
    elif result.get("target_mask"):
        words.append(f"--target-mask={result['target_mask']}")
    return words


def _settings_class(kind: str) -> type[Settings]:
    return getattr(seisdream, _SETTINGS[kind])


def _given(settings: type[Settings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from their defaults, as the types of their fields."""
    converted = {one.name: one.convert(values.get(one.name)) for one in settings.declared() if one.name in values}
    return {
        one.name: converted[one.name]
        for one in settings.declared()
        if one.name in converted and converted[one.name] != one.default
    }


def _words(settings: type[Settings], values: Mapping[str, Any]) -> list[str]:
    given = _given(settings, {name: value for name, value in values.items() if value is not None})
    words = []
    for one in settings.declared():
        if one.name in given and not one.declared.is_hidden:
            words += one.to_words(given[one.name])
    return words


def _network_field(option: str) -> str:
    """Return the name that an option of a network has on the command line."""
    names = [one.name for one in NetworkOptions.declared()]
    return option if option in names else f"input_{option}"
