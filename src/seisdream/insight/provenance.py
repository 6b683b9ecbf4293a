"""What results say of where they come from: the files, the network, the line, the machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr

from seisdream.dream.outputs import version_of
from seisdream.nets.network import Network


def input_files(source: object, network: Network) -> list[str]:
    """Return the files that a result was made from, which must survive it."""
    files = (source, network.weights, network.name)
    return [str(name) for name in files if name and Path(str(name)).is_file()]


def short_name(network: str) -> str:
    """Return a network's name, of a file without the folders that it lies in."""
    return Path(network).name if network.endswith(".safetensors") else network


def line_name(section: xr.DataArray) -> str:
    """Return which file and which line of it a section is, for titles."""
    return ", ".join(Path(str(section.attrs[name])).name for name in ("source", "selection") if section.attrs.get(name))


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Return the versions of Python and of some packages, and the kind of processor."""
    return {
        "versions": {"python": platform.python_version(), **{name: version_of(name) for name in packages}},
        "platform": platform.machine(),
    }
