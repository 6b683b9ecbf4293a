"""The verdict of controls in words, no stronger than what was found."""

from __future__ import annotations

from seisdream.controls.permutation import ControlResult, Reaction

# Of the called regions that random weights call too. Ours.
MOSTLY, HARDLY = 2 / 3, 1 / 3
# Of the correlation between seeds, over what it is on surrogates.
_MORE_STABLE = 0.1
_NULLS = {
    "phase": "its phase-scrambled surrogates (same spectrum, dips and gain)",
    "noise": "noise of its spectrum and gain",
    "traces": "its own traces in random order",
}


def summarize(controlled: ControlResult) -> str:
    """Return one paragraph: what stands out, whether it was learned, how stable it is, and what that does not say."""
    sentences = []
    for measure, (asked, *others) in controlled.reactions.items():
        sentences.append(_structure(controlled, measure, asked))
        sentences += [_beside(controlled, measure, other) for other in others]
    sentences.append(_stability(controlled))
    sentences.append(_resolution(controlled))
    if any(asked.called(controlled.settings.q).any() for asked, *_ in controlled.reactions.values()):
        sentences.append("None of this says that what a dream paints is in the ground.")
    return " ".join(filter(None, sentences))


def _structure(controlled: ControlResult, measure: str, asked: Reaction) -> str:
    """Say whether there is structure that the network reacts to."""
    settings = controlled.settings
    called = asked.called(settings.q)
    n_regions = int((asked.regions.q >= 0).sum())
    what = f"{settings.layer} of {asked.network} fires" if measure == "activation" else "the dream changes the section"
    if not called.any():
        return (
            f"Nowhere in {n_regions} regions does it show that {what} more than in {_NULLS[settings.null]}, at a false "
            f"discovery rate of {settings.q:g} (p = {asked.regions.section_p:.3f} for the strongest region). "
            "That is no proof that there is nothing; it sets nothing here apart from noise."
        )
    strongest = float(asked.regions.effect[called].max())
    sentence = (
        f"In {int(called.sum())} of {n_regions} regions ({called.sum() / n_regions:.0%}) {what} more than in "
        f"{_NULLS[settings.null]}, at a false discovery rate of {settings.q:g}; by {strongest:.1f} standard deviations "
        f"of chance where most (p = {asked.regions.section_p:.3f} for the strongest region of a whole section)."
    )
    if asked.regions.section_p > settings.q:
        sentence += " That rests on regions taken together, and on chance being alike all over the section."
    return sentence


def _beside(controlled: ControlResult, measure: str, other: Reaction) -> str:
    """Say whether another network calls the same regions."""
    q = controlled.settings.q
    n_called = int(controlled.reactions[measure][0].called(q).sum())
    shared = controlled.shared(measure, other)
    if not n_called:
        if not shared["called"]:
            return ""
        return f"{other.network} calls {shared['called']} regions there."
    numbers = (
        f"{other.network} calls {shared['both']} of these {n_called} (effects correlate at "
        f"{shared['rank_correlation']:.2f})"
    )
    if other.role != "random":
        return f"{numbers}."
    share = shared["both"] / n_called
    if share >= MOSTLY:
        return f"{numbers}: that these stand out is for the most part the architecture's doing, not learned."
    if share <= HARDLY:
        return f"{numbers}: that the rest stand out takes what was learned."
    return f"{numbers}: that these stand out is in part the architecture's doing, in part learned."


def _stability(controlled: ControlResult) -> str:
    stability = controlled.stability
    if not stability:
        return ""
    where = f", {stability['called']:.2f} in called regions" if "called" in stability else ""
    sentence = (
        f"Dreams of {controlled.settings.seeds} seeds correlate at {stability['section']:.2f}{where}, on surrogates at "
        f"{stability['surrogates']:.2f}"
    )
    if stability.get("called", stability["section"]) < stability["surrogates"] + _MORE_STABLE:
        return f"{sentence}: it is no more the same from seed to seed than a dream on noise is."
    return f"{sentence}: it is more the same from seed to seed than a dream on noise is."


def _resolution(controlled: ControlResult) -> str:
    """Say where so few surrogates cannot call a single region."""
    settings = controlled.settings
    if settings.surrogates * settings.q >= 1:
        return ""
    return (
        f"With {settings.surrogates} surrogates no region can be called alone at {settings.q:g}; for that it takes "
        f"{int(-(-1 // settings.q))} or more (--surrogates)."
    )
