"""State dicts as training code saves them: nested in checkpoints, with prefixes, with weights that were dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parameter import is_lazy

State = dict[str, torch.Tensor]

# Keys under which training code saves the weights, those that are used first.
_KEYS = ("state_dict", "model_state_dict", "model_state", "params_ema", "model", "net", "network", "module", "params",
         "weights", "ema_state_dict", "state_dict_ema", "model_ema", "ema")  # fmt: skip
_DEEPEST = 3
# Parts of names that torch adds where it wraps a module; the second list also has that of DataParallel.
_COMPILED = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")
_WRAPPINGS = (_COMPILED, (*_COMPILED, "module"))
# What weight and spectral normalisation call their parts, in the newer form of torch and in the older.
_OLDER_NAMES = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
    "parametrizations.weight.original": "weight_orig",
    "parametrizations.weight.0._u": "weight_u",
    "parametrizations.weight.0._v": "weight_v",
}
_COUNTER = "num_batches_tracked"


def state_dicts_in(content: Any) -> dict[str, State]:
    """Return the state dicts in a checkpoint by the keys that lead to them, those that are used first first.

    A dict of tensors by name is one; so is a dict of them, such as ``{"encoder": …, "decoder": …}``.
    """
    return {path: state for path, state in _find(content, "", 0) if state}


def _find(content: Any, path: str, depth: int) -> Iterator[tuple[str, State]]:
    if not isinstance(content, Mapping) or depth > _DEEPEST or not all(isinstance(key, str) for key in content):
        return
    yield path, {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    order = {key: number for number, key in enumerate(_KEYS)}
    nested = sorted(content, key=lambda key: order.get(key, len(order)))
    parts: list[State] = []
    for key in nested:
        found = list(_find(content[key], f"{path}.{key}" if path else key, depth + 1))
        yield from found
        if found and found[0][1]:
            parts.append({f"{key}.{name}": value for name, value in found[0][1].items()})
    if len(parts) > 1:
        yield f"{path}.*" if path else "*", {name: value for part in parts for name, value in part.items()}


@dataclass(frozen=True)
class Fit:
    """How the weights of a state dict belong to those of a module.

    Attributes
    ----------
    path : str
        Keys that lead to the state dict in its file.
    prefix : str
        What stands before every name in the file.
    names : dict
        The name in the file of each of the module's weights that is there.
    missing, misshaped, left_out : tuple of str
        Weights that the file lacks, that have another shape or kind of number (in words), and that only the file has.
    """

    path: str
    prefix: str
    names: dict[str, str]
    missing: tuple[str, ...]
    misshaped: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether the file has every weight of the module."""
        return not self.missing and not self.misshaped


def fit_weights(states: Mapping[str, State], wanted: Mapping[str, Any]) -> tuple[Fit, list[Fit]]:
    """Return how a module's weights are found in a checkpoint, and the other ways in which they could be.

    One prefix before every name may be taken off (``module.``, ``model.``, ``net.``), and one before every name of the
    module put on; the names that `torch.compile` and others wrap modules in are ignored anywhere.

    Parameters
    ----------
    states : mapping
        From `state_dicts_in`.
    wanted : mapping
        The module's own state dict.

    Returns
    -------
    Fit
        The first that is complete; if there is none, the one with the most weights.
    list of Fit
        Others that are complete.
    """
    fits = [fit for path, state in states.items() for fit in _fits(path, state, wanted)]
    complete = [fit for fit in fits if fit.is_complete]
    # A dict of state dicts counts where none of these is complete.
    complete = [fit for fit in complete if not fit.path.endswith("*")] or complete
    if complete:
        return complete[0], complete[1:]
    return max(fits, key=lambda fit: len(fit.names) - len(fit.misshaped)), []


def _fits(path: str, state: State, wanted: Mapping[str, Any]) -> Iterator[Fit]:
    tensors = {name: value for name, value in wanted.items() if isinstance(value, torch.Tensor)}
    seen: set[tuple[str, ...]] = set()
    for wrapping in _WRAPPINGS:
        given = {_unwrapped(name, wrapping): name for name in state}
        own = {_unwrapped(name, wrapping): name for name in tensors}
        for own_prefix in _common_prefixes(own):
            stems = {name.removeprefix(own_prefix): original for name, original in own.items()}
            counts = Counter(prefix for name in given for prefix, stem in _splits(name) if stem in stems)
            best = max(counts.values(), default=0)
            prefixes = [prefix for prefix, count in counts.items() if count == best] or [""]
            for prefix in sorted(prefixes, key=bool):
                names = {own: given[prefix + stem] for stem, own in stems.items() if prefix + stem in given}
                if tuple(names.values()) not in seen:
                    seen.add(tuple(names.values()))
                    yield _fit(path, prefix, names, state, tensors)


def _fit(path: str, prefix: str, names: dict[str, str], state: State, wanted: Mapping[str, torch.Tensor]) -> Fit:
    used = set(names.values())
    return Fit(
        path,
        prefix,
        names,
        tuple(name for name in wanted if name not in names and not name.endswith(_COUNTER)),
        tuple(filter(None, (_difference(own, state[name], wanted[own]) for own, name in names.items()))),
        tuple(name for name in state if name not in used and not name.endswith(_COUNTER)),
    )


def _difference(name: str, given: torch.Tensor, wanted: torch.Tensor) -> str:
    """Return how a weight of the file differs in kind from that of the module; "" where it does not."""
    if is_lazy(wanted):
        return ""
    if given.shape != wanted.shape:
        return f"{name} {tuple(given.shape)} instead of {tuple(wanted.shape)}"
    if given.is_complex() != wanted.is_complex():
        return f"{name} {given.dtype} instead of {wanted.dtype}".replace("torch.", "")
    return ""


def _unwrapped(name: str, wrapping: tuple[str, ...]) -> str:
    """Return a name without the parts that wrappers add, and in the older form of normalised weights."""
    name = ".".join(part for part in name.split(".") if part not in wrapping)
    ending = next((newer for newer in _OLDER_NAMES if name == newer or name.endswith(f".{newer}")), None)
    return name.removesuffix(ending) + _OLDER_NAMES[ending] if ending else name


def _common_prefixes(names: Mapping[str, str]) -> list[str]:
    """Return "" and every prefix of whole parts that all names share, shortest first."""
    first, *others = [name.split(".")[:-1] for name in names] or [[]]
    shared = len(first)
    for other in others:
        same = [one == two for one, two in zip(first, other, strict=False)]
        shared = min(shared, same.index(False) if False in same else len(same))
    return ["".join(f"{part}." for part in first[:n]) for n in range(shared + 1)]


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield each way to split a name into a prefix, with its dot, and the rest."""
    parts = name.split(".")
    for n in range(len(parts)):
        yield "".join(f"{part}." for part in parts[:n]), ".".join(parts[n:])
