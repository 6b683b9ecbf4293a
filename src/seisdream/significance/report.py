"""The result of controls: its conclusion in words, its table of blocks and its panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.models.network import Network
from seisdream.provenance import make_provenance, short_name
from seisdream.results.control_result import ControlResult
from seisdream.seismic.sections import GreyMapping
from seisdream.significance.network_response import NetworkResponse
from seisdream.significance.path_result import PathCheck
from seisdream.significance.settings import ControlSettings
from seisdream.significance.statistics import BlockGrid

if TYPE_CHECKING:
    from seisdream.plotting.controls import ControlsPanel

# Shares of the significant blocks that are significant for random weights too, which separate the conclusions.
_MOSTLY, _BARELY = 2 / 3, 1 / 3
# How much more dreams of a section correlate than those of surrogates, to be called more stable.
_MORE_STABLE = 0.1
_NULLS = {
    "phase": "phase-scrambled surrogates (same spectrum, dips and gain)",
    "noise": "noise with the section's spectrum and gain",
    "traces": "the section's own traces in random order",
}
_TITLES = {"activation": "Activation", "dream": "Change by the dream"}


def make_result(
    section: xr.DataArray,
    network: Network,
    settings: ControlSettings,
    maps: xr.Dataset,
    responses: dict[str, list[NetworkResponse]],
    stability: dict[str, float],
    blocks: BlockGrid,
    windows: BlockGrid,
    *,
    grey_mapping: GreyMapping,
    path: PathCheck | None,
    others: Mapping[str, Network],
    notes: Sequence[str],
) -> ControlResult:
    """Return the result of controls with its provenance, conclusion, table of blocks and panels.

    Parameters
    ----------
    section, network, settings
        What was tested, with which resolved settings.
    maps : Dataset
        ``(time, trace)``.
    responses : dict
        For each measure, the responses of the networks, that of the tested network first.
    stability : dict of float
        Mean correlations between dreams of several seeds.
    blocks, windows : BlockGrid
        Of the comparisons.
    grey_mapping : GreyMapping
        Of the section and all surrogates.
    path : PathCheck, optional
        Of the default dream.
    others : mapping of Network
        Other networks by name.
    notes : sequence of str
        What was resolved differently from the settings.
    """
    conclusion = conclude(settings, responses, stability, path)
    summary = {
        "conclusion": conclusion,
        "stability": stability,
        "measures": {
            measure: [_numbers(settings, tested, response) for response in (tested, *rest)]
            for measure, (tested, *rest) in responses.items()
        },
        "path": path.to_dict() if path else None,
    }
    record = make_provenance(
        kind="controls",
        settings=settings,
        section=section,
        network=network,
        others=others,
        grey_mapping=grey_mapping,
        result=summary,
        notes=notes,
    )
    significant = [tested.is_significant(settings.q) for tested, *_ in responses.values()]
    return ControlResult(
        maps,
        record,
        list(notes),
        section,
        input_files=list(others),
        settings=settings,
        responses=responses,
        stability=stability,
        conclusion=conclusion,
        blocks=list(_rows(section, settings, responses, blocks)),
        panels=_panels(settings, maps, responses, blocks, windows),
        is_significant=blocks.repeat(np.any(significant, axis=0)),
    )


def conclude(
    settings: ControlSettings,
    responses: Mapping[str, Sequence[NetworkResponse]],
    stability: Mapping[str, float],
    path: PathCheck | None = None,
) -> str:
    """Return one paragraph: what exceeds chance, whether it was learned, how stable it is, and what stays open."""
    sentences = []
    for measure, (tested, *others) in responses.items():
        sentences.append(_structure(settings, measure, tested))
        sentences += [_comparison(settings, tested, other) for other in others]
    sentences.append(_stability(settings, stability))
    if path is not None:
        sentences.append(
            f"The network responds to the default dream of {settings.layer} as to {path.n_real} real patches "
            f"{path.where}."
        )
    sentences.append(_resolution(settings))
    if any(tested.is_significant(settings.q).any() for tested, *_ in responses.values()):
        sentences.append("None of this shows that what a dream draws exists in the subsurface.")
    return " ".join(filter(None, sentences))


def _structure(settings: ControlSettings, measure: str, tested: NetworkResponse) -> str:
    """Return a sentence on whether there is structure that the network responds to."""
    significant = tested.is_significant(settings.q)
    n_significant, n_blocks = int(significant.sum()), int(np.isfinite(tested.blocks.q).sum())
    what = (
        f"the activation of {settings.layer} in {tested.network}" if measure == "activation" else "the dream's change"
    )
    p = f"p = {tested.blocks.section_p:.3f} for the strongest block"
    if not significant.any():
        return (
            f"In none of {n_blocks} blocks does {what} significantly exceed that of {_NULLS[settings.null]}, at a "
            f"false discovery rate of {settings.q:g} ({p}). That does not prove that there is no structure."
        )
    strongest = float(tested.blocks.effect[significant].max())
    sentence = (
        f"In {n_significant} of {n_blocks} blocks ({100 * n_significant / n_blocks:.0f} %) {what} exceeds that of "
        f"{_NULLS[settings.null]}, at a false discovery rate of {settings.q:g}, by up to {strongest:.1f} standard "
        f"deviations of chance ({p} of a whole section)."
    )
    if tested.blocks.section_p > settings.q:
        sentence += " This rests on all blocks taken together, and assumes that chance is the same everywhere."
    return sentence


def _comparison(settings: ControlSettings, tested: NetworkResponse, other: NetworkResponse) -> str:
    """Return a sentence on how many of the same blocks are significant for another network."""
    n_significant = int(tested.is_significant(settings.q).sum())
    shared = tested.compare(other, settings.q)
    if not n_significant:
        if not shared["significant"]:
            return ""
        return f"For {other.network}, {shared['significant']} blocks are significant."
    numbers = (
        f"For {other.network}, {shared['both']} of these {n_significant} are significant too (effects correlate at "
        f"{shared['rank_correlation']:.2f})"
    )
    if other.role != "random":
        return f"{numbers}."
    share = shared["both"] / n_significant
    if share >= _MOSTLY:
        return f"{numbers}: the responses there come mostly from the architecture, not from training."
    if share <= _BARELY:
        return f"{numbers}: the responses in the other significant blocks were learned."
    return f"{numbers}: the responses come in part from the architecture, in part from training."


def _stability(settings: ControlSettings, stability: Mapping[str, float]) -> str:
    if not stability:
        return ""
    where = f", {stability['significant']:.2f} in significant blocks" if "significant" in stability else ""
    sentence = (
        f"Dreams of {settings.seeds} seeds correlate at {stability['section']:.2f}{where}, and at "
        f"{stability['surrogates']:.2f} on surrogates"
    )
    if stability.get("significant", stability["section"]) < stability["surrogates"] + _MORE_STABLE:
        return f"{sentence}: they are no more stable than dreams on noise."
    return f"{sentence}: they are more stable than dreams on noise."


def _resolution(settings: ControlSettings) -> str:
    """Return a sentence where there are too few surrogates for a single block to be significant."""
    if settings.surrogates * settings.q >= 1:
        return ""
    return (
        f"The blocks are tested together: with {settings.surrogates} surrogates, a single block cannot reach a false "
        f"discovery rate of {settings.q:g}; that takes at least {int(-(-1 // settings.q))}."
    )


def _numbers(settings: ControlSettings, tested: NetworkResponse, response: NetworkResponse) -> dict[str, Any]:
    return {
        "network": response.network,
        "role": response.role,
        "n_blocks": int(np.isfinite(response.blocks.effect).sum()),
        **tested.compare(response, settings.q),
        "largest_effect": float(np.nanmax(response.blocks.effect)),
        "section_p": response.blocks.section_p,
        "mean": {
            "section": response.section_mean,
            settings.null: response.surrogate_mean,
            **response.other_means,
        },
    }


def _rows(
    section: xr.DataArray,
    settings: ControlSettings,
    responses: Mapping[str, Sequence[NetworkResponse]],
    blocks: BlockGrid,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each block, measure and network: its first and last samples, and the comparison."""
    dims = [str(dim) for dim in section.dims[:2]]
    vertical, lateral = (section[dim].values for dim in dims)
    for measure, of_measure in responses.items():
        for response in of_measure:
            comparison, significant = response.blocks, response.is_significant(settings.q)
            for row, column in np.argwhere(np.isfinite(comparison.effect)).tolist():
                (top, bottom), (left, right) = blocks.spans[0][row], blocks.spans[1][column]
                edges = (vertical[top], vertical[bottom - 1], lateral[left], lateral[right - 1])
                names = [f"{dim}_{end}" for dim in dims for end in ("first", "last")]
                yield {
                    **{name: f"{number:.12g}" for name, number in zip(names, edges, strict=True)},
                    "measure": measure,
                    "network": response.network,
                    "effect": f"{comparison.effect[row, column]:.6g}",
                    "p": f"{comparison.p[row, column]:.6g}",
                    "q": f"{comparison.q[row, column]:.6g}",
                    "familywise_p": f"{comparison.familywise[row, column]:.6g}",
                    "significant": int(significant[row, column]),
                }


def _panels(
    settings: ControlSettings,
    maps: xr.Dataset,
    responses: Mapping[str, Sequence[NetworkResponse]],
    blocks: BlockGrid,
    windows: BlockGrid,
) -> list[ControlsPanel]:
    """Return for each measure the effect of the tested network and of one with random weights; then the stability."""
    from seisdream.plotting.controls import ControlsPanel

    panels = []
    first = maps[next(iter(maps))]
    is_present = np.isfinite(first.values)
    for measure, (tested, *others) in responses.items():
        for response in (tested, *[other for other in others if other.role == "random"][:1]):
            effect = windows.to_samples(np.nan_to_num(response.windows.effect), _shape(is_present))
            map_ = first.copy(data=np.where(is_present, effect, np.nan))
            map_ = map_.assign_attrs(units="standard deviations of chance")
            title = f"{_TITLES[measure]}, {short_name(response.network)}"
            panels.append(ControlsPanel(title, map_, blocks.repeat(response.is_significant(settings.q))))
    if "stability" in maps:
        title = f"Stability of the dream over {settings.seeds} seeds"
        panels.append(ControlsPanel(title, maps["stability"], largest=1.0))
    return panels


def _shape(array: NDArray) -> tuple[int, int]:
    return array.shape[0], array.shape[1]
