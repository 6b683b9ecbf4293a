"""Results made by hand, so that their writers are tested without a network."""

import numpy as np
import pytest
import xarray as xr

import seisdream.accessor  # noqa: F401  (registers the accessor)
from segy_files import make_segy, numbered, ramp
from seisdream.io.segy import open_segy
from seisdream.provenance import hash_samples, make_provenance
from seisdream.results.dream_result import DreamResult
from seisdream.seismic.sections import make_section
from small_results import NETWORK, FewSettings


@pytest.fixture
def section():
    values = np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32)
    return make_section(values, dt_ms=4.0, credit="Someone", licence="CC0")


@pytest.fixture
def segy_section(tmp_path):
    """One inline of three of a SEG-Y volume."""
    path = make_segy(tmp_path / "volume.sgy", ramp(15, 32), words=numbered([10, 11, 12], [5, 6, 7, 8, 9]))
    return open_segy(path, inline=11)


@pytest.fixture
def make_record():
    """A function that makes the provenance of a section's result."""

    def make(kind, section, settings=None, **parts):
        settings = settings or FewSettings(steps=10 if kind == "controls" else None)
        return make_provenance(kind=kind, settings=settings, section=section, network=NETWORK, **parts)

    return make


@pytest.fixture
def make_dream(make_record):
    """A function that makes a dream of a section: all samples raised by one, and whatever else is given."""

    def make(section, *, variables=None, settings=None, **fields):
        dreamed = section + 1
        dreamed.attrs = {key: value for key, value in section.attrs.items() if key != "opened"}
        settings = settings or FewSettings()
        known = make_record("dream", section, settings, result={"samples_sha256": hash_samples(dreamed)})
        scores = [
            {"level": 1, "octave": 1, "step": step, "score": float(step), "milliseconds": 1.25} for step in (1, 2)
        ]
        parts = {"scores": scores, "level_images": [np.full((40, 60), 9, np.uint8)], "settings": settings, **fields}
        dataset = xr.Dataset({"dream": dreamed, "before": section, **(variables or {})})
        return DreamResult(dataset, known, ["a note"], source=section, **parts)

    return make
