"""Networks that a function in the user's own code returns: ``package.module:factory`` or ``FILE.py:factory``."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seisdream.errors import SeisdreamError

_MOST_LISTED = 8


def with_seed(make: Callable[[], Any], seed: int = 0) -> Any:
    """Call a function with a random seed, and leave the global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def call_factory(module_name: str, factory_name: str, seed: int) -> nn.Module:
    """Import a module and return the network that a function in it makes; code of the user runs.

    Parameters
    ----------
    module_name : str
        On Python's path or in the current folder, or a file ``FILE.py`` anywhere, which finds the modules next to it.
    factory_name : str
        A function without arguments, or a network.
    seed : int
        Random seed of the weights.

    Raises
    ------
    SeisdreamError
        If there is no such function (``unknown-name``), it fails (``network-failed``), or it returns something else
        (``wrong-type``).
    """
    name = f"{module_name}:{factory_name}"
    folder = os.getcwd()
    if module_name.endswith(".py"):
        file = Path(module_name).expanduser()
        if not file.is_file():
            raise SeisdreamError(
                f"There is no file {module_name}; give a network of your own as FILE.py:FUNCTION.",
                code="not-found",
                option="network",
            )
        folder, module_name = str(file.resolve().parent), file.stem
        loaded = getattr(sys.modules.get(module_name), "__file__", None)
        if loaded is not None and Path(loaded).resolve() != file.resolve():
            raise SeisdreamError(
                f"{file} has the name of a module that is loaded already ({loaded}); rename the file.",
                code="incompatible",
                option="network",
            )
    try:
        with _on_path(folder):
            factory = getattr(with_seed(lambda: importlib.import_module(module_name)), factory_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise SeisdreamError(
                f"{name} cannot be imported: it needs {error.name}, which is not installed.",
                code="network-failed",
                option="network",
            ) from error
        raise SeisdreamError(
            f"There is no Python module '{module_name}' on the path or in the current folder; a network of your own is "
            "PACKAGE.MODULE:FACTORY (`seisdream networks`).",
            code="unknown-name",
            option="network",
        ) from error
    except (AttributeError, ValueError) as error:
        raise SeisdreamError(
            f"The module '{module_name}' has no function '{factory_name}'; {_functions_of(module_name)}.",
            code="unknown-name",
            option="network",
        ) from error
    except Exception as error:
        raise SeisdreamError(
            f"Importing '{module_name}' failed: {type(error).__name__}: {error}",
            code="network-failed",
            option="network",
        ) from error
    try:
        module = factory if isinstance(factory, nn.Module) else with_seed(factory, seed)
    except Exception as error:
        raise SeisdreamError(
            f"{name}() failed: {type(error).__name__}: {error}. It must take no arguments and return a "
            "torch.nn.Module.",
            code="network-failed",
            option="network",
        ) from error
    if not isinstance(module, nn.Module):
        raise SeisdreamError(
            f"{name}() returned {type(module).__name__}; it must return a torch.nn.Module.",
            code="wrong-type",
            option="network",
        )
    return module


def _functions_of(module_name: str) -> str:
    """Return the functions that a module defines, as the end of a sentence."""
    module = sys.modules.get(module_name)
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module_name and not name.startswith("_")
    ] if module is not None else []  # fmt: skip
    listed = ", ".join(own[:_MOST_LISTED]) + (" and others" if len(own) > _MOST_LISTED else "")
    return f"it defines {listed}" if own else "write a function without arguments that returns the network"


@contextlib.contextmanager
def _on_path(folder: str) -> Iterator[None]:
    # The path of a console script lacks the current folder, which `python -m` has.
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
