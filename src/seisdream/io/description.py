"""What an input holds and what looks wrong, before it is used."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np
import xarray as xr

from seisdream.errors import SeisdreamError
from seisdream.io.inputs import check_input_options, find_segy, open_section
from seisdream.io.segy import Survey, read_survey, survey_statistics
from seisdream.seismic.sections import axis_unit, check_section, count_extreme, muted_samples

# How SEG-Y is read, also where no section of it is selected.
_READING = inspect.signature(read_survey).parameters


def describe_input(source: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what an input holds, as ``seisdream info --json`` prints it.

    Parameters
    ----------
    source : str
        As for `open_section`.
    options : dict
        How it is opened.

    Returns
    -------
    dict
        Values that JSON knows; ``problems`` is a list of ``what`` looks wrong, how to ``fix`` it, and whether it
        ``is_fatal``. SEG-Y has a ``text_header``.

    Raises
    ------
    SeisdreamError
        If the input cannot be read, or an option does not apply to it.
    """
    check_input_options(source, options)
    path = find_segy(source)
    return _describe_segy(path, options) if path is not None else _describe_section(source, options)


def _describe_segy(path: str, options: dict[str, Any]) -> dict[str, Any]:
    survey = read_survey(path, **{name: value for name, value in options.items() if name in _READING})
    statistics = survey_statistics(survey)
    problems = [{"what": one.what, "fix": one.fix, "is_fatal": one.is_fatal} for one in survey.problems]
    n_bad = statistics["n_nan"] + statistics["n_inf"]
    if n_bad:
        problems.append(
            {
                "what": f"{n_bad} of {statistics['n_samples']} samples are NaN or infinite.",
                "fix": "Replace them in the file, or leave them out with `nan='absent'`.",
                "is_fatal": options.get("nan") != "absent",
            }
        )
    is_doubted = any(one.option == "sample_format" for one in survey.problems)
    if statistics["n_dead"] and not is_doubted:
        problems.append(
            {
                "what": f"{statistics['n_dead']} of {statistics['n_traces']} traces are dead (only zeros).",
                "fix": "They are left out; use them as amplitudes with `muted='present'`.",
                "is_fatal": False,
            }
        )
    problems += _remarks_on_amplitudes(statistics)
    return {
        "text_header": list(survey.text_header),
        "format": "Seismic Unix" if survey.layout.is_seismic_unix else "SEG-Y",
        "kind": survey.kind,
        "sample_format": f"{survey.sample_format} ({survey.sample_format_name}), {_order(survey)}",
        "text_encoding": survey.encoding if survey.text_header else None,
        "traces": survey.n_traces,
        "samples": survey.n_samples,
        **_dimensions(survey),
        **_amplitudes(statistics),
        "problems": problems,
    }


def _order(survey: Survey) -> str:
    own = survey.layout.sample_endian
    return f"{survey.endian} endian" + (f", samples {own} endian" if own not in (None, survey.endian) else "")


def _dimensions(survey: Survey) -> dict[str, Any]:
    where: dict[str, Any] = {}
    for name, numbers, byte in (
        ("inline", survey.inlines, survey.inline_byte),
        ("crossline", survey.crosslines, survey.crossline_byte),
    ):
        if numbers is not None:
            where[name if len(numbers) == 1 else f"{name}s"] = f"{_range(numbers)} (byte {byte})"
    if survey.dt_ms is not None:
        where[survey.vertical] = (
            f"{survey.times_ms[0]:g} to {survey.times_ms[-1]:g} {survey.units} every {survey.dt_ms:g} {survey.units}"
        )
    where["geometry"] = survey.confidence
    if survey.n_missing:
        where["missing_traces"] = survey.n_missing
    return where


def _describe_section(input: str, options: dict[str, Any]) -> dict[str, Any]:
    problems = []
    try:
        section = open_section(input, **options)
    except SeisdreamError as error:
        if error.option != "undefined" or "undefined" in options:
            raise
        problems.append({"what": str(error), "fix": "", "is_fatal": True})
        section = open_section(input, **options, undefined="auto")
    notes = json.loads(section.attrs.get("notes", "[]"))
    problems += [{"what": note, "fix": "", "is_fatal": False} for note in notes]
    try:
        check_section(section)
    except SeisdreamError as error:
        problems.append({"what": str(error), "fix": "", "is_fatal": True})
    values, value_range = section.values, section.attrs.get("value_range")
    finite = values[np.isfinite(values)].astype(np.float64)
    statistics = {
        "min": finite.min(initial=np.inf),
        "max": finite.max(initial=-np.inf),
        "mean": finite.mean() if finite.size else np.nan,
        "rms": np.sqrt(np.mean(finite**2)) if finite.size else np.nan,
        "p99": np.percentile(np.abs(finite), 99) if finite.size else np.nan,
        "n_extreme": count_extreme(finite),
        "n_dead": int((~values.any(axis=0)).sum()) if values.ndim == 2 else 0,
        "n_nan": int(np.isnan(values).sum()),
        "n_inf": int(np.isinf(values).sum()),
        "n_muted": int(muted_samples(section).sum()),
        "n_traces": section.shape[1],
        "n_samples": values.size,
    }
    if value_range is None:
        problems += _remarks_on_amplitudes(statistics)
    return {
        "format": section.attrs.get("format", "array"),
        "source": section.attrs.get("source"),
        "selection": section.attrs.get("selection") or None,
        "shape": " × ".join(f"{size} {dim}" for dim, size in section.sizes.items()),
        **{
            str(dim): _range(section[dim].values, axis_unit(section, str(dim)))
            for dim in section.dims
            if dim in section.coords and section[dim].dtype.kind in "iuf"
        },
        "units": section.attrs.get("units"),
        "value_range": "{:g} to {:g}".format(*value_range) if value_range is not None else None,
        **_amplitudes(statistics),
        "credit": section.attrs.get("credit"),
        "licence": section.attrs.get("licence"),
        "problems": problems,
    }


def notes_on_amplitudes(section: xr.DataArray) -> list[str]:
    """Return what looks wrong in the amplitudes of a section, and how to fix it; nothing of pictures."""
    if "value_range" in section.attrs:
        return []
    finite = section.values[np.isfinite(section.values)]
    statistics = {
        "min": finite.min(initial=np.inf),
        "max": finite.max(initial=-np.inf),
        "n_extreme": count_extreme(finite),
    }
    return [f"{one['what']} {one['fix']}" for one in _remarks_on_amplitudes(statistics)]


def _remarks_on_amplitudes(statistics: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what looks wrong in amplitudes: clipping, and a single sign."""
    remarks = []
    if statistics["n_extreme"]:
        remarks.append(
            {
                "what": f"{statistics['n_extreme']} samples have exactly the smallest or the largest amplitude: the "
                "data are clipped.",
                "fix": "Export them again without clipping; networks take the flat tops for reflections.",
                "is_fatal": False,
            }
        )
    if statistics["min"] >= 0 < statistics["max"] or statistics["max"] <= 0 > statistics["min"]:
        remarks.append(
            {
                "what": "All samples have one sign: this is an attribute, such as an envelope, or a velocity, not "
                "recorded amplitudes.",
                "fix": "Use the amplitudes that it was made from; networks for seismic expect both signs around zero.",
                "is_fatal": False,
            }
        )
    return remarks


def _amplitudes(statistics: dict[str, Any]) -> dict[str, str | None]:
    undefined = f"{statistics['n_undefined']} samples" if statistics.get("n_undefined") else None
    return {
        "amplitudes": (
            f"{statistics['min']:.6g} to {statistics['max']:.6g}, mean {statistics['mean']:.3g}, "
            f"RMS {statistics['rms']:.4g}, 99 % within ±{statistics['p99']:.4g}"
        ),
        "measured_on": f"{statistics['n_traces']} traces",
        "undefined": undefined,
        "muted": f"{100.0 * statistics['n_muted'] / statistics['n_samples']:.3g} % (zeros from the edges inwards)",
        "dead_and_not_finite": (
            f"{statistics['n_dead']} dead traces, {statistics['n_nan']} NaN and {statistics['n_inf']} infinite samples"
        ),
    }


def _range(numbers: Any, unit: str = "") -> str:
    unit = f" {unit}" if unit else ""
    if len(numbers) == 1:
        return f"{numbers[0]:.12g}{unit}"
    return f"{numbers[0]:.12g} to {numbers[-1]:.12g}{unit} ({len(numbers)}, step {numbers[1] - numbers[0]:g}{unit})"
