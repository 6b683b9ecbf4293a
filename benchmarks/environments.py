"""Virtual environments for other packages, which also find the packages of this project's environment."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def matching_torchvision():
    """Return the requirement for the torchvision that belongs to this PyTorch: 0.(m + 15) to 2.m."""
    return f"torchvision==0.{int(importlib.metadata.version('torch').split('.')[1]) + 15}.*"


def install(packages, environment):
    """Install packages without their dependencies and return the environment's Python.

    Parameters
    ----------
    packages : sequence of str
        Requirements, as pip reads them.
    environment : Path
        The folder; made if it is not there.

    Raises
    ------
    RuntimeError
        With pip's last word, if it cannot.
    """
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(environment)
        ours = sysconfig.get_path("purelib")
        # What is not installed there is found here, editable installations included.
        (_site_of(environment) / "project.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise RuntimeError(f"pip: {lines[-1] if lines else done.stderr[-200:]}")
    return str(python)


def version_of(package, environment):
    """Return the version of a package as an environment has it, or an empty string."""
    # What is found here was not installed there again.
    sites = [str(_site_of(environment)), sysconfig.get_path("purelib")]
    found = next(importlib.metadata.distributions(name=package, path=sites), None)
    return found.version if found else ""


def _site_of(environment):
    """Return where the packages of an environment are."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))
