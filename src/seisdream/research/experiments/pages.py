"""Pages of experiments: Markdown templates, filled with numbers from the results."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any


def fill_page(name: str, results: Mapping[str, Any], **fields: object) -> str:
    """Return a whole page: `fill_template` with the fields that every page has.

    They are the ``question``, the ``command`` that repeats the run, ``seed``, ``seconds``, ``networks`` and
    ``versions``.
    """
    networks = results.get("networks", {})
    versions = {"seisdream": results["seisdream"], **results["versions"]}
    common = {name: results[name] for name in ("question", "command", "seed", "seconds")}
    common["networks"] = ", ".join(f"`{name}` ({sha256[:12]})" for name, sha256 in networks.items())
    common["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    return fill_template(name, **common, **fields) + "\n"


def fill_template(name: str, **fields: object) -> str:
    """Return the template ``templates/NAME.md`` with each ``$field`` replaced by its value."""
    template = files("seisdream.research.experiments").joinpath("templates", f"{name}.md")
    return Template(template.read_text(encoding="utf-8").rstrip()).substitute(fields)


def format_number(value: float, style: str = ".2f") -> str:
    """Return a number with a true minus sign, and without a sign where it rounds to zero.

    Examples
    --------
    >>> format_number(-0.25), format_number(-0.001)
    ('−0.25', '0.00')
    """
    text = format(value, style)
    if float(text) == 0.0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def format_percent(value: float, style: str = ".0f") -> str:
    """Return a fraction in per cent, such as ``35 %``."""
    return f"{format_number(100.0 * value, style)} %"


def format_interval(row: Mapping[str, Any], measure: str, style: str = ".2f") -> str:
    """Return a measure of a row with its interval, such as ``0.97 (0.92 to 1.00)``."""
    low, high = row[f"{measure}_interval"]
    return f"{format_number(row[measure], style)} ({format_number(low, style)} to {format_number(high, style)})"


def format_range(mean: float, least: float, greatest: float) -> str:
    """Return a mean with its range, in the form of `format_interval`."""
    return f"{format_number(mean)} ({format_number(least)} to {format_number(greatest)})"
