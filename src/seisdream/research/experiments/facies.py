"""Question 1: what if we train the network on seismic facies? Dreams of networks, told by judges that did not dream."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisdream.channels.channel_attribution import gradient_times_activation
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.dream import dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import score_told
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.io.inputs import open_section
from seisdream.io.tables import markdown_table
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import (
    REAL_LINE,
    Count,
    Experiment,
    Outcome,
    Progress,
    in_words,
    name_of_line,
)
from seisdream.research.experiments.trained_networks import train_network
from seisdream.research.independent_classifiers import ATTRIBUTES, AttributeJudge, Classifier, NetworkJudge, shares_of
from seisdream.research.plotting.facies import draw_judged, draw_sheet
from seisdream.research.psychophysics.signal_detection import bootstrap
from seisdream.seismic.sections import GreyMapping, make_section
from seisdream.synthetic import FACIES
from seisdream.training.settings import TrainingSettings

CLASSES = tuple(facies.name for facies in FACIES)
NETWORK_JUDGE, ATTRIBUTE_JUDGE = "another network", "attributes"
JUDGE_WIDTHS, JUDGE_SEED = (16, 32, 64, 96), 1
"""The judging network: of two stages fewer than those that ship, from other weights, and on earths of its own."""

LAYERS = ("enc2", "enc3", "enc4", "enc5", "enc6")
PHOTO_LAYERS = ("conv2/3x3", "inception_3b/output", "inception_4c/output", "inception_5a/output")
PHOTOS = "googlenet"
STEPS = (1, 3, 10, 30)
"""Steps in each octave at which class dreams are judged."""

_MOVED = 0.02  # A share of the section that a facies gains; less, we say, is none.
_JUDGE_EARTHS_SEED = 5
_EARTHS_A_SEED = 1000
_DT_MS = 4.0
_N_BOOTSTRAP = 400


@dataclass(frozen=True)
class Size:
    """How many sections are dreamed on, samples along a side, what judges learn on, and how much of a line is shown."""

    n_sections: int
    side: int
    judge_steps: int
    judge_earths: int
    n_attribute_sections: int
    most_shown: int = 2000


QUICK, FULL = Size(1, 128, 60, 48, 16, 192), Size(4, 192, 1200, 600, 96)


def run(
    *,
    network: str,
    seed: int,
    is_quick: bool,
    progress: Progress,
    line: str | None = None,
    photos: str | None = None,
) -> Outcome:
    """Dream with several networks and let others judge; see `Experiment`."""
    size = QUICK if is_quick else FULL
    dreamers, notes = open_dreamers(network, photos)
    facies = dreamers[network]
    shown = _shown(line, size)
    sections = _sections(size, seed)
    layers = {name: _layers_of(one) for name, one in dreamers.items()}
    random = f"{network}@random"
    n_layers = sum(map(len, layers.values()))
    n_dreams = len(sections) * (len(CLASSES) * (len(STEPS) + 2 + len(layers[network])) + n_layers) + n_layers
    total = size.judge_steps + n_dreams
    count = Count(progress, total)
    judges, judge_scores = train_judges(size, seed, count)
    before = {name: np.array([shares_of(judge, section) for section in sections]) for name, judge in judges.items()}

    def judged(dreams: Iterator[xr.DataArray]) -> dict[str, NDArray]:
        """Return what each judge makes of dreams, ``(dream, class)``."""
        told: dict[str, list[NDArray]] = {name: [] for name in judges}
        for dreamed in dreams:
            for name, judge in judges.items():
                told[name].append(shares_of(judge, dreamed))
            count.one()
        return {name: np.array(shares) for name, shares in told.items()}

    def gains(settings: dict[str, Any], dreamer: Network, objectives: Sequence[str]) -> dict[str, NDArray]:
        """Return what each class gains, by judge: ``(section, objective, class)``."""
        after = judged(
            dream(section, dreamer, objective, **settings).dataset["dream"]
            for section in sections
            for objective in objectives
        )
        return {
            name: shares.reshape(len(sections), len(objectives), -1) - before[name][:, None]
            for name, shares in after.items()
        }

    asked = {"seed": seed, "allow_small": True}
    wanted = [f"class:{name}" for name in CLASSES]
    by_class = {name: gains(asked, dreamers[name], wanted) for name in (network, random)}
    by_steps = {n: gains({**asked, "steps": n}, facies, wanted) for n in STEPS}
    serving = _serving(facies, sections, layers[network])
    by_depth = {layer: gains(asked, facies, channels) for layer, channels in serving.items()}
    by_layer = {name: gains(asked, one, layers[name]) for name, one in dreamers.items()}
    sheet = {
        name: {layer: dream(shown[1], one, layer, **asked).dataset["dream"] for layer in count.over(names)}
        for name, names in layers.items()
        for one in (dreamers[name],)
    }
    results: dict[str, Any] = {
        "size": asdict(size),
        "networks": {name: one.sha256 for name, one in dreamers.items()},
        "notes": notes,
        "classes": list(CLASSES),
        "judges": judge_scores,
        "attributes": list(ATTRIBUTES),
        "shown": shown[0],
        "steps": DreamSettings().steps,
        "moved": _MOVED,
        "asked": {name: _directed(by_judge, seed) for name, by_judge in by_class.items()},
        "by_facies": _by_facies(by_class[network]),
        "by_steps": {str(n): _directed(by_judge, seed) for n, by_judge in by_steps.items()},
        "by_depth": {layer: _directed(by_judge, seed) for layer, by_judge in by_depth.items()},
        "channels": {layer: list(channels) for layer, channels in serving.items()},
        "undirected": {
            name: {layer: _agreed(by_judge, place, seed) for place, layer in enumerate(layers[name])}
            for name, by_judge in by_layer.items()
        },
        "earths": [HELD_OUT_SEED, seed * _EARTHS_A_SEED, seed * _EARTHS_A_SEED + size.n_sections - 1],
    }
    figures = {
        "sheet": draw_sheet(shown, sheet),
        "judged": draw_judged(results["by_steps"], results["by_depth"], results["undirected"]),
    }
    return Outcome(results, figures, {"gains": _table(by_class)})


def open_dreamers(network: str, photos: str | None) -> tuple[dict[str, Network], list[str]]:
    """Return the networks that dream, by name, and what was left out and why.

    Parameters
    ----------
    network : str
        One that tells the facies of `CLASSES`.
    photos : path, optional
        GoogLeNet's weights; by default they are fetched.
    """
    facies = load_network(network)
    if tuple(facies.classes or ()) != CLASSES:
        raise SeisdreamError(
            f"{network} does not tell the ten facies, so it cannot be asked for more of each; take facies, or a "
            "network that `seisdream train --preset facies` wrote (--network)."
        )
    dreamers, notes = {network: facies, f"{network}@random": load_network(f"{network}@random")}, []
    if network != "f3-intervals":
        dreamers["f3-intervals"] = load_network("f3-intervals")
    try:
        dreamers[PHOTOS] = load_network(PHOTOS, weights=photos, progress=False)
    except SeisdreamError as error:
        if photos is not None:
            raise
        notes.append(f"GoogLeNet was left out, because its weights were not at hand (--photos FILE): {error}")
    return dreamers, notes


def train_judges(size: Size, seed: int, count: Count) -> tuple[dict[str, Classifier], dict[str, Any]]:
    """Return the judges, and how well each tells the facies of earths that it did not learn from."""
    with tempfile.TemporaryDirectory() as folder:
        learned = GeneratedEarths(_JUDGE_EARTHS_SEED, size.judge_earths, size=128, folder=f"{folder}/earths")
        settings = TrainingSettings(
            widths=JUDGE_WIDTHS, steps=size.judge_steps, seed=JUDGE_SEED + seed, class_balance=0.4,
            validate_every=size.judge_steps, workers=0, device="cpu",
        )  # fmt: skip
        network = train_network(
            settings, learned, folder, title="a judge", default_layer="enc4", colours=learned.colours, on_step=count.one
        )
    earths = GeneratedEarths(_JUDGE_EARTHS_SEED, size=size.side, augmentation=None)
    examples = [_opened(earths, number) for number in range(size.n_attribute_sections)]
    judges: dict[str, Classifier] = {
        NETWORK_JUDGE: NetworkJudge(network),
        ATTRIBUTE_JUDGE: AttributeJudge(CLASSES, examples, seed=seed),
    }
    held_out = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None)
    others = [_opened(held_out, seed * _EARTHS_A_SEED + 500 + number) for number in range(4 * size.n_sections)]
    return judges, {name: _score(judge, others) for name, judge in judges.items()}


def _score(judge: Classifier, examples: Sequence[tuple[xr.DataArray, NDArray]]) -> dict[str, float]:
    scores = score_told(judge.probabilities, examples, CLASSES)
    return {"mean_iou": scores.mean_iou, "pixel_accuracy": scores.pixel_accuracy, "n_sections": len(examples)}


def _opened(earths: GeneratedEarths, number: int) -> tuple[xr.DataArray, NDArray]:
    item = earths[number]
    return make_section(item.image[0], dt_ms=_DT_MS), item.classes


def _sections(size: Size, seed: int) -> list[xr.DataArray]:
    earths = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None)
    return [_opened(earths, seed * _EARTHS_A_SEED + number)[0] for number in range(size.n_sections)]


def _layers_of(network: Network) -> tuple[str, ...]:
    return tuple(name for name in (*LAYERS, *PHOTO_LAYERS) if name in network.layers)


def _serving(network: Network, sections: Sequence[xr.DataArray], layers: Sequence[str]) -> dict[str, list[str]]:
    """Return for each layer the channel that serves each class most over the sections, as objectives."""
    prepared = network.prepared("cpu", "float32")
    found = [
        gradient_times_activation(prepared, layers, one, GreyMapping.of(one), range(len(CLASSES))) for one in sections
    ]
    effects = {layer: np.sum([one[layer] for one in found], axis=0) for layer in layers}
    return {layer: [f"{layer}:{channel}" for channel in effects[layer].argmax(0)] for layer in layers}


def _shown(line: str | None, size: Size) -> tuple[str, xr.DataArray]:
    """Return the section of the sheet and what it is: a real line, or where that is not at hand the built-in one."""
    try:
        section = open_section(line or REAL_LINE)
        first = max(0, (section.shape[1] - size.most_shown) // 2)
        return name_of_line(line), section[-size.most_shown :, first : first + size.most_shown]
    except SeisdreamError:
        if line is not None:
            raise
        return "the built-in section (F3 was not at hand)", open_section("sample:built-in")


def _directed(by_judge: Mapping[str, NDArray], seed: int) -> dict[str, dict[str, Any]]:
    """Return what dreams that ask for a class give of it: gains are ``(section, class asked, class)``."""
    measures: dict[str, Callable[[NDArray], NDArray]] = {
        "gain": _own,
        "beyond": _beyond,
        "more": lambda gains: _own(gains) > 0.0,
        "most": lambda gains: gains.argmax(-1) == np.arange(gains.shape[1]),
    }
    return {
        name: {
            key: value
            for measure, take in measures.items()
            for key, value in _with_interval(measure, take(gains), seed).items()
        }
        for name, gains in by_judge.items()
    }


def _own(gains: NDArray) -> NDArray:
    """Return what the class that was asked for gains, ``(section, class)``."""
    return np.einsum("sii->si", gains)


def _beyond(gains: NDArray) -> NDArray:
    """Return what the class that was asked for gains beyond its mean gain when others are, ``(section, class)``."""
    own = _own(gains)
    return own - (gains.sum(1) - own) / (gains.shape[1] - 1)


def _by_facies(by_judge: Mapping[str, NDArray]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        facies: {
            name: {"gain": float(_own(gains)[:, code].mean()), "more": float((_own(gains)[:, code] > 0.0).mean())}
            for name, gains in by_judge.items()
        }
        for code, facies in enumerate(CLASSES)
    }


def _agreed(by_judge: Mapping[str, NDArray], place: int, seed: int) -> dict[str, Any]:
    """Return how dreams that ask for no class become more of one: both judges say so, of the same."""
    first, second = (gains[:, place] for gains in by_judge.values())
    named = [gains.argmax(-1) for gains in (first, second)]
    agree = (named[0] == named[1]) & (first.max(-1) > _MOVED) & (second.max(-1) > _MOVED)
    of = [np.bincount(one, minlength=len(CLASSES)) / len(one) for one in named]
    towards = np.bincount(named[0][agree], minlength=len(CLASSES))
    return {
        **_with_interval("agreed", agree[:, None], seed),
        "by_chance": float(of[0] @ of[1]),
        "towards": {CLASSES[code]: int(towards[code]) for code in np.flatnonzero(towards)},
    }


def _with_interval(name: str, values: NDArray, seed: int) -> dict[str, Any]:
    """Return the mean of values ``(section, ...)``, and its interval over sections."""
    of_sections = values.reshape(len(values), -1).mean(1)
    low, high = bootstrap(np.mean, of_sections, seed=seed, n=_N_BOOTSTRAP)
    return {name: float(of_sections.mean()), f"{name}_interval": [low, high]}


def _table(by_class: Mapping[str, Mapping[str, NDArray]]) -> list[dict[str, Any]]:
    return [
        {"network": name, "judge": judge, "section": section, "asked": facies, "gain": float(own[section, code])}
        for name, by_judge in by_class.items()
        for judge, gains in by_judge.items()
        for own in (_own(gains),)
        for section in range(len(own))
        for code, facies in enumerate(CLASSES)
    ]


def page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results and nothing else; see `Experiment`."""
    size, names = results["size"], list(results["networks"])
    network, random = names[:2]
    judges = list(results["judges"])
    knowing = "; ".join(
        f"{name}, mean IoU {score['mean_iou']:.2f} and pixel accuracy {score['pixel_accuracy']:.2f}"
        for name, score in results["judges"].items()
    )
    measures = {"gain": "gain", "beyond": "beyond others", "more": "more of it", "most": "of it the most"}
    head = [f"{title}, by {judge}" for judge in judges for title in measures.values()]

    def cells(row: Mapping[str, Any]) -> list[str]:
        return [in_words(row[judge], measure) for judge in judges for measure in measures]

    asked = markdown_table(["network", *head], [[f"`{name}`", *cells(row)] for name, row in results["asked"].items()])
    by_steps = markdown_table(["steps an octave", *head], [[n, *cells(row)] for n, row in results["by_steps"].items()])
    by_depth = markdown_table(["layer", *head], [[f"`{n}`", *cells(row)] for n, row in results["by_depth"].items()])
    by_facies = markdown_table(
        ["facies", *(f"{title}, by {judge}" for judge in judges for title in ("gain", "more of it"))],
        [
            [
                facies,
                *(f"{row[judge][measure]:.2f}".replace("-", "−") for judge in judges for measure in ("gain", "more")),
            ]
            for facies, row in results["by_facies"].items()
        ],
    )
    undirected = markdown_table(
        ["network", "layer", "both judges agree", "by chance", "towards"],
        [
            [f"`{name}`", f"`{layer}`", in_words(row, "agreed"), f"{row['by_chance']:.2f}",
             ", ".join(f"{facies} ({n})" for facies, n in row["towards"].items()) or "nothing"]
            for name, layers in results["undirected"].items()
            for layer, row in layers.items()
        ],
    )  # fmt: skip
    notes = "".join(f"\n\n{note}" for note in results["notes"])
    seed, first, last = results["earths"]
    return f"""# What facies dream

The question: *{results["question"]}*

{_answer(results)}

`{results["command"]}` makes these numbers again (seed {results["seed"]}, {results["seconds"]} s in this run), with the
figures and a table.{notes}

## The sheet

The same section, dreamed by each network layer by layer, as the post's author dreamed with GoogLeNet. Shown is
{results["shown"]}.

![The same section dreamed by each network, from shallow layers to deep ones]({pictures.format("sheet")})

## Who judges

{size["n_sections"]} generated sections of {size["side"]} × {size["side"]} samples that no training draws from are
dreamed on (numbers {first} to {last} of the stream of seed {seed}). How much there is of each facies before and after
is said by two judges that did not dream. **Another network**: fewer and narrower stages
({", ".join(map(str, JUDGE_WIDTHS))} channels), other first weights, trained for {size["judge_steps"]} steps on earths
of its own. **Attributes**: {"; ".join(results["attributes"])}, read by boosted trees that learned from
{size["n_attribute_sections"]} sections; nothing in it is a convolution that was learned, and it has no gradient. On
other earths they know the facies so far: {knowing}.

## Asked for a facies

A dream on a class's logit asks for more of it everywhere ({results["steps"]} steps an octave). **Gain** is the share
of the section that a judge gives to the facies after the dream, less the share before. **Beyond others** is the gain
less what the same facies gains in the mean when the others are asked for on the same section, so that what any dream
brings along does not count. **More of it** is the share of dreams in which the gain is greater than 0, **of it the
most** that in which no other of the {len(CLASSES)} facies gains more; by chance {1 / len(CLASSES):.2f}. The control
`{random}` has never learned anything.

{asked}

Facies by facies, for `{network}`:

{by_facies}

## With more steps

{by_steps}

## With depth

In each layer the channel that serves a class most (gradient times activation, over these sections) is asked for.

{by_depth}

## Asked for nothing

Dreams that make more of whatever a layer sees, as those of the post. Counted are dreams after which both judges name
the same facies as the one that gained most, and each more than {100 * results["moved"]:.0f} % of the section; chance
is how often they would name the same if each named facies as often as it does, but of other sections.

{undirected}

![Gains with steps and with depth, and agreement layer by layer]({pictures.format("judged")})

## What would change the answer

Other judges: a person above all. The judging network learned from earths of the same generator, and shares its idea
of a facies; attributes see only what their windows hold, and know it less well. Larger sections: a deep layer sees
more than {size["side"]} samples. Real sections, whose facies nobody knows for each sample.

## What was not tested

Whether a geologist names the dream as that facies; dreams within the survey's spectrum or from rock
(`--parameterization`), which could please less by patterns that no recording has; other seeds of training of
`{network}`.

## Data, credit and licence

All judged sections are generated by seisdream (Apache-2.0). F3: TNO and dGB Earth Sciences, CC BY-SA, and so the sheet
where it shows F3. Networks: {", ".join(f"`{name}` ({sha256[:12]})" for name, sha256 in results["networks"].items())}.
Versions: {", ".join(f"{name} {version}" for name, version in results["versions"].items())}. Methods: Mordvintsev, Olah
and Tyka (2015); Ke and others (2017); Shrikumar and others (2017); Efron and Tibshirani (1993).
"""


def _answer(results: dict[str, Any]) -> str:
    """Return the answer in words, as the numbers and their intervals allow it."""
    network, random = list(results["networks"])[:2]
    told = []
    for judge in results["judges"]:
        own, control = (
            {key: f"{100 * results['asked'][name][judge][key]:.0f} %" for key in ("more", "gain", "beyond")}
            for name in (network, random)
        )
        is_more, is_own = (
            results["asked"][network][judge][f"{key}_interval"][0]
            > results["asked"][random][judge][f"{key}_interval"][1]
            for key in ("gain", "beyond")
        )
        told.append(
            f"To {judge}, {own['more']} of the dreams of `{network}` that ask for a facies become more of it, by "
            f"{own['gain']} of the section in the mean, {own['beyond']} beyond what it gains when others are asked "
            f"for; of a network that never learned {control['more']}, by {control['gain']} and {control['beyond']}: "
            + (
                "what was learned is what is dreamed."
                if is_more and is_own
                else "more than chance, but that it is this facies and no other is not shown."
                if is_more
                else "the intervals do not tell the two apart."
            )
        )
    best = max(results["by_depth"], key=lambda layer: _gain_of(results["by_depth"][layer]))
    worst = min(results["by_depth"], key=lambda layer: _gain_of(results["by_depth"][layer]))
    few, many = next(iter(results["by_steps"])), list(results["by_steps"])[-1]
    told.append(
        f"Both judges together, channels of `{best}` gain most of the facies that they serve and those of `{worst}` "
        f"least ({100 * _gain_of(results['by_depth'][best]):.0f} and "
        f"{100 * _gain_of(results['by_depth'][worst]):.0f} %); from "
        f"{few} to {many} steps an octave the gain goes from {100 * _gain_of(results['by_steps'][few]):.0f} to "
        f"{100 * _gain_of(results['by_steps'][many]):.0f} %."
    )
    shares = {
        name: [np.mean([row[key] for row in layers.values()]) for key in ("agreed", "by_chance")]
        for name, layers in results["undirected"].items()
    }
    told.append(
        "Of dreams that ask for nothing, both judges see the same facies grow in "
        + ", ".join(
            f"{100 * share:.0f} % (`{name}`; by chance {100 * chance:.0f} %)"
            for name, (share, chance) in shares.items()
        )
        + "."
    )
    return " ".join(told).replace(" -", " −")


def _gain_of(by_judge: Mapping[str, Mapping[str, Any]]) -> float:
    return float(np.mean([row["gain"] for row in by_judge.values()]))


EXPERIMENT = Experiment(
    "What if we train the network on seismic facies?",
    run,
    page,
    unit="dream or step",
    page_name="facies-dreams",
    takes=("line", "photos"),
)
