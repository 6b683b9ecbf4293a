"""The sides of an input that a network takes: any, multiples of a number, or one size only; found by trial."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from seisdream.models.failures import is_raised_by_network, may_depend_on_size
from seisdream.models.frozen_copy import layer_modules, plain_execution
from seisdream.models.module_state import ModuleState

Size = tuple[int, ...]

# Sides on which networks are trained, smallest first; a network of one fixed size most often takes one of them.
_SQUARES = (64, 96, 112, 128, 28, 32, 33, 40, 48, 50, 56, 60, 65, 72, 80, 99, 100, 101, 120, 127, 129, 144, 150, 160,
            180, 188, 192, 200, 224, 227, 240, 250, 255, 256, 257, 272, 288, 299, 300, 320, 336, 350, 380, 384, 392,
            400, 416, 448, 456, 480, 500, 504, 512, 518, 560, 572, 576, 600, 640)  # fmt: skip
_CUBES = (16, 32, 48, 64, 24, 28, 40, 56, 96, 112, 128)
# Neither even nor equal: a network that takes these takes any sides.
_ODD = {2: (67, 93), 3: (17, 21, 27)}
# Every number up to 64 that is common divides one of these.
_STEPS = {2: (64, 48, 56, 60, 40, 36, 44, 52, 42, 54, 50, 63, 49, 128), 3: (16, 24, 28, 20, 32, 36, 48, 64)}
_MAX_FROM_ERRORS = 16
# The largest sides that a network names, and that follow from the shapes in its errors.
_LARGEST, _LARGEST_DERIVED = 2048, 1024
# Sizes that fail with the same error, apart from its numbers and to the letter, before no further sizes are tried.
_MAX_ALIKE, _MAX_SAME = 24, 4
# The shapes in torch's errors: the numbers of elements that there are and that there should be.
_PRODUCT = re.compile(r"cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)")
_VIEW = re.compile(r"shape '\[([\d, ]+)\]' is invalid for input of size (\d+)")
_OPERANDS = re.compile(r"tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d)")


@dataclass(frozen=True)
class Sides:
    """The sides of an input that a network takes, axis by axis.

    Attributes
    ----------
    multiple : tuple of int
        Sides differ by multiples of these; 1: any side from the smallest on.
    minimum : tuple of int
        The smallest sides.
    fixed : tuple of int or None
        The only size, of a network that takes no other.
    """

    multiple: Size
    minimum: Size
    fixed: Size | None = None

    def padded(self, size: Sequence[int]) -> Size:
        """Return the smallest size that the network takes and that holds an input of a size, or the fixed size."""
        if self.fixed is not None:
            return self.fixed
        return tuple(
            least + -(-max(0, side - least) // multiple) * multiple
            for side, least, multiple in zip(size, self.minimum, self.multiple, strict=True)
        )

    def takes(self, size: Sequence[int]) -> bool:
        """Return whether the network takes an input of a size as it is."""
        return self.padded(size) == tuple(size)

    def note(self, size: Sequence[int], network: str) -> str | None:
        """Return how an input of a size is made to fit a network, in a sentence; None if it fits as it is."""
        if self.takes(size):
            return None
        if self.fixed is not None:
            return (
                f"{network} takes {_in_words(self.fixed)} samples only: the input of {_in_words(size)} is computed in "
                "overlapping windows of that size, blended smoothly."
            )
        return (
            f"{network} takes {self._rule()}: the input of {_in_words(size)} is extended to "
            f"{_in_words(self.padded(size))} by mirroring at its end, and the result is cut back."
        )

    def _rule(self) -> str:
        rules = []
        if set(self.multiple) != {1}:
            shown = self.multiple if len(set(self.multiple)) > 1 else self.multiple[:1]
            is_from_zero = all(
                least % multiple == 0 for least, multiple in zip(self.minimum, self.multiple, strict=True)
            )
            rules.append(f"{'multiples' if is_from_zero else 'steps'} of {_in_words(shown)} samples")
        rules.append(f"{_in_words(self.minimum)} samples or more")
        return ", ".join(rules)


class _Failure(NamedTuple):
    """Why a network did not run: its message, whether its code raised it, and whether another size may help."""

    message: str
    is_raised: bool
    may_depend_on_size: bool


class _Run(NamedTuple):
    """How far a network came on one size: how often each module finished, and why it did not run to its end."""

    n_calls: Mapping[str, int]
    failure: _Failure | None = None


class SideTrials:
    """Trial runs of a network on noise, from which the sides that it takes follow. Each size is run once.

    Parameters
    ----------
    module : nn.Module
        Frozen and in evaluation mode.
    n_channels : int
        Channels of its input.
    n_dims : {2, 3}, default 2
        Axes of a section or of a cube.
    """

    def __init__(self, module: nn.Module, n_channels: int, n_dims: int = 2) -> None:
        self._module, self._n_channels, self._n_dims = module, n_channels, n_dims
        self._state = ModuleState(module)
        self._runs: dict[Size, _Run] = {}

    def takes_some_size(self) -> bool:
        """Return whether the network runs to its end on any of the sizes that are tried."""
        return self._first_size(partial(self._reaches, None)) is not None

    def find(self, n_calls: Mapping[str, int] | None = None) -> Sides | None:
        """Return the sides that the network takes, or None if it runs on none of the sizes that are tried.

        Parameters
        ----------
        n_calls : mapping, optional
            How often each of some layers is called: the network has to run up to these. By default, to its end.
        """
        runs = partial(self._reaches, n_calls)
        ones = (1,) * self._n_dims
        if runs(odd := _ODD[self._n_dims]):
            return Sides(ones, self._smallest(runs, odd, ones))
        base = self._first_size(runs)
        if base is None:
            return None
        if runs(tuple(side + 5 + 32 * axis for axis, side in enumerate(base))):
            return Sides(ones, self._smallest(runs, base, ones))
        multiple = self._multiple(runs, base)
        if multiple is None:
            return Sides(ones, base, fixed=base)
        return Sides(multiple, self._smallest(runs, base, multiple))

    def takes_larger(self, size: Sequence[int], n_calls: Mapping[str, int] | None = None) -> bool:
        """Return whether a size is above one whose success shows that the network takes any: most take one run."""
        odd = _ODD[self._n_dims]
        return all(side >= least for side, least in zip(size, odd, strict=True)) and self._reaches(n_calls, odd)

    def _reaches(self, n_calls: Mapping[str, int] | None, size: Size) -> bool:
        run = self._run(size)
        if n_calls is None:
            return run.failure is None
        return all(run.n_calls.get(name, 0) >= count for name, count in n_calls.items())

    def _first_size(self, runs) -> Size | None:
        """Return the first size on which the network runs: declared, common, or following from its own errors."""
        declared = _declared_sizes(self._module, self._n_dims)
        squares = [(side,) * self._n_dims for side in (_SQUARES if self._n_dims == 2 else _CUBES)]
        further: list[Size] = []
        tried: set[Size] = set()
        from_errors: set[Size] = set()
        alike: Counter[str] = Counter()
        usual = iter([*declared, *squares])
        while size := further.pop(0) if further else next(usual, None):
            if size in tried:
                continue
            tried.add(size)
            if runs(size):
                if len(set(size)) > 1 and size not in declared and runs(size[::-1]):
                    continue  # only the product of the sides counts, so their shape is not known
                return self._shrunk(runs, size) if size in from_errors else size
            failure = self._runs[size].failure
            if failure is None:
                continue
            new = [one for one in _sizes_from(failure.message, size) if one not in tried | from_errors]
            new = new[: _MAX_FROM_ERRORS - len(from_errors)]
            from_errors.update(new)
            further += new
            if not failure.may_depend_on_size:
                return None
            if not failure.is_raised:  # a network that checks its sizes says the same of all that it refuses
                alike.update({failure.message, re.sub(r"\d+", "#", failure.message)})
                if alike[failure.message] >= _MAX_SAME or max(alike.values()) >= _MAX_ALIKE:
                    return None
        return None

    def _shrunk(self, runs, size: Size) -> Size:
        """Return the smallest size that has as many patches as one that works, whose last samples may be cut off."""
        for axis in range(len(size)):
            fails, works = size[axis] // 2, size[axis]
            if runs(_with_side(size, axis, fails)):
                continue
            while works - fails > 1:
                middle = (fails + works) // 2
                if runs(_with_side(size, axis, middle)):
                    works = middle
                else:
                    fails = middle
            size = _with_side(size, axis, works)
        return size

    def _multiple(self, runs, base: Size) -> Size | None:
        """Return the numbers by which sides may grow from a size, or None if they may not."""
        for step in _STEPS[self._n_dims]:
            if not runs(tuple(side + step for side in base)):
                continue
            multiple = []
            for axis in range(len(base)):
                if not runs(_with_side(base, axis, base[axis] + step)):
                    return None  # squares only
                least = step
                for prime in (2, 3, 5, 7, 11, 13):
                    while least % prime == 0 and runs(_with_side(base, axis, base[axis] + least // prime)):
                        least //= prime
                multiple.append(least)
            return tuple(multiple)
        return None

    def _smallest(self, runs, base: Size, multiple: Size) -> Size:
        """Return the smallest size on which the network runs, in steps of the multiple below a size."""
        smallest = tuple(side - (side - 1) // step * step for side, step in zip(base, multiple, strict=True))

        def grown(n_steps: int) -> Size:
            sides = zip(smallest, multiple, base, strict=True)
            return tuple(min(side + n_steps * step, most) for side, step, most in sides)

        fails, works = -1, max(most - side for side, most in zip(smallest, base, strict=True))
        while grown(works - 1) == base:
            works -= 1
        while works - fails > 1:
            # The smallest sizes first, as they cost least and most networks take them.
            middle = 0 if fails < 0 else (fails + works) // 2
            if runs(grown(middle)):
                works = middle
            else:
                fails = middle
        return grown(works)

    def _run(self, size: Size) -> _Run:
        if size in self._runs:
            return self._runs[size]
        n_calls: Counter[str] = Counter()

        def hook_of(name: str):
            return lambda _module, _inputs, _output: n_calls.update((name,))

        parameter = next(self._module.parameters(), torch.zeros(()))
        generator = torch.Generator().manual_seed(0)
        image = torch.rand((1, self._n_channels, *size), generator=generator).to(parameter.device)
        handles = [part.register_forward_hook(hook_of(name)) for name, part in layer_modules(self._module)]
        failure = None
        try:
            with self._state.kept(), torch.no_grad(), plain_execution():
                self._module(image)
        except Exception as error:  # a user's module can raise anything
            failure = _Failure(str(error), is_raised_by_network(error), may_depend_on_size(error))
        finally:
            for handle in handles:
                handle.remove()
        self._runs[size] = _Run(n_calls, failure)
        return self._runs[size]


def first_convolution(module: nn.Module) -> str:
    """Return the kind of the first convolution in a module, such as ``Conv3d``; empty where there is none."""
    kinds = (getattr(part, "original_name", type(part).__name__) for part in module.modules())
    return next((kind for kind in kinds if re.match(r"(Lazy)?Conv(Transpose)?[123]d", kind)), "")


def find_n_dims(module: nn.Module, n_channels: int) -> int:
    """Return 3 for a network for cubes, 2 for one for sections, by trial.

    Parameters
    ----------
    module : nn.Module
        Frozen and in evaluation mode.
    n_channels : int
        Channels of its input.
    """
    first = first_convolution(module)
    is_for_cubes = SideTrials(module, n_channels, 3).takes_some_size()
    # A convolution of cubes takes four axes, too, as a cube without a batch.
    return 3 if is_for_cubes and (first or not SideTrials(module, n_channels).takes_some_size()) else 2


def _with_side(size: Size, axis: int, side: int) -> Size:
    return (*size[:axis], side, *size[axis + 1 :])


def _declared_sizes(module: nn.Module, n_dims: int) -> list[Size]:
    """Return the sizes that attributes of a network name, such as `img_size` of a transformer's patches."""
    sizes = []
    for part in module.modules():
        for owner in (part, getattr(part, "config", None)):
            for name in ("img_size", "image_size", "input_size"):
                value = getattr(owner, name, None)
                sides = (value,) * n_dims if isinstance(value, int) else value
                if isinstance(sides, Sequence) and len(sides) >= n_dims and all(isinstance(one, int) for one in sides):
                    sizes.append(tuple(sides[-n_dims:]))
    return [size for size in dict.fromkeys(sizes) if all(8 <= side <= _LARGEST for side in size)]


def _sizes_from(message: str, size: Size) -> list[Size]:
    """Return sizes that follow from the error that a network raised on a size, the most likely first."""
    ratios, axis = [], None
    if found := _PRODUCT.search(message):
        ratios = [int(found[2]) / int(found[1])]
    elif found := _VIEW.search(message):
        ratios = [math.prod(int(number) for number in found[1].split(",")) / int(found[2])]
    elif found := _OPERANDS.search(message):
        a, b, axis = int(found[1]), int(found[2]), int(found[3]) - 2
        # A token of the class may be among them, and either may be what the input gave.
        ratios = [b / a, *([(b - 1) / (a - 1)] if min(a, b) > 1 else []), a / b]
    sizes = [*(_scaled(size, ratio) for ratio in ratios)]
    if axis is not None and 0 <= axis < len(size):
        along = [_with_side(size, axis, math.ceil(size[axis] * ratio)) for ratio in (ratios[0], ratios[-1])]
        sizes = [*along, *sizes]
    largest = _LARGEST_DERIVED
    if not ratios:
        sizes, largest = _named_sizes(message, size), _LARGEST
    return [one for one in dict.fromkeys(sizes) if all(8 <= side <= largest for side in one)]


def _scaled(size: Size, ratio: float) -> Size:
    """Return a size with so many times as many samples."""
    return tuple(math.ceil(side * ratio ** (1 / len(size))) for side in size)


def _named_sizes(message: str, size: Size) -> list[Size]:
    """Return sizes of the numbers in a network's own message."""
    numbers = [int(word) for word in re.findall(r"(?<!\d)\d{1,4}(?!\d)", message)]
    wanted = [number for number in dict.fromkeys(numbers) if 8 <= number <= _LARGEST and number not in size]
    pairs = [pair for pair in itertools.pairwise(numbers) if set(pair) <= set(wanted)] if len(size) == 2 else []
    sizes = [*pairs, *((number,) * len(size) for number in wanted)]
    for number in wanted:
        sizes += [_with_side(size, axis, number) for axis in range(len(size))]
    return sizes


def _in_words(size: Sequence[int]) -> str:
    return " × ".join(map(str, size))
