"""Errors of a user's network, in its own words and with the place in its own file."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import torch

from seisdream.errors import SeisdreamError

_N_LINES = 3
_OF_CUBES = re.compile(r"[Ee]xpected .*\b5D|conv3d|expected 5(, got 4| dims)")
_CHANNELS = re.compile(r"expected input\[([\d, ]+)\] to have (\d+) channels")
_INSTALLED = (str(Path(torch.__file__).parent), str(Path(__file__).parent.parent))


def describe_error(error: BaseException) -> str:
    """Return the kind and first lines of an error, and where in the user's file it was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # TorchScript ends with the error, after where it was raised.
    lines = lines[-1:] if lines and "TorchScript interpreter" in lines[0] else lines[:_N_LINES]
    message = f"{type(error).__name__}: {' '.join(lines).rstrip('.')}" if lines else type(error).__name__
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*_INSTALLED, "<frozen"))
    ]
    if not frames:
        return message
    frame = frames[-1]
    code = f": `{frame.line}`" if frame.line else ""
    return f"{message} ({Path(frame.filename).name}, line {frame.lineno}, in {frame.name}{code})"


def forward_failure(error: BaseException, network: str, shape: tuple[int, ...]) -> SeisdreamError:
    """Return the error of a forward pass on an input of a shape, with a hint only where the error shows its cause."""
    hint, option = _hint(error, shape)
    size = " × ".join(map(str, shape[2:]))
    return SeisdreamError(
        f"The forward pass of {network} fails on an input of {shape[1]} channel{'s' * (shape[1] > 1)} and {size} "
        f"samples: {describe_error(error)}.{hint}",
        code="network-failed",
        option=option,
    )


def may_depend_on_size(error: BaseException) -> bool:
    """Return whether a network that raised an error may run on an input of another size."""
    is_about_code = isinstance(error, TypeError | KeyError | AttributeError | NameError | NotImplementedError)
    return not is_about_code and _CHANNELS.search(str(error)) is None


def is_raised_by_network(error: BaseException) -> bool:
    """Return whether a statement of the network's own code raised an error, which may check the size of its input."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and (frames[-1].line or "").startswith(("raise", "assert"))


def _hint(error: BaseException, shape: tuple[int, ...]) -> tuple[str, str]:
    message = str(error)
    channels = _CHANNELS.search(message)
    if channels and tuple(map(int, channels[1].split(","))) == shape:
        return (
            f" The network takes {channels[2]} input channels: 1 and 3 are `input_order` grey and rgb, neighbouring "
            "lines are `input_lines`.",
            "input_order",
        )
    if isinstance(error, TypeError) and "required positional argument" in message:
        return (
            " A network here takes one input, the image; wrap it in a module that supplies the others.",
            "network",
        )
    if len(shape) == 4 and _OF_CUBES.search(message):
        return " If it takes cubes, use `dims=3`.", "dims"
    if "conv1d" in message:
        return (
            " It takes single traces; wrap it in a module that takes a section and passes its traces as a batch.",
            "network",
        )
    return "", "network"
