"""Presets: values of the settings that a dream leaves open."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "seismic": {"parameterization": "fourier", "steps": 20, "step_size": 1.0},
    # Mordvintsev, Olah and Tyka, Inceptionism (2015).
    "2015": {"parameterization": "pixel", "steps": 10, "step_size": 1.5},
}
"""The values of each preset; those of ``seismic`` were chosen by ``benchmarks/recipe_sweep.py``."""
IN_BLOCKS: dict[str, Any] = {"parameterization": "pixel", "octaves": 1}
"""Values for cubes that are dreamed in blocks, which leave no seams; measured by ``benchmarks/volume_dreams.py``."""


def auto_text(name: str) -> str:
    """Return in words what a setting is where it is left open."""
    return f"{PRESETS['seismic'][name]}; {PRESETS['2015'][name]} with the preset 2015"
