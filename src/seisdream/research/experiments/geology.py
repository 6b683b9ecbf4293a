"""Question 2: better yet, geology? A network that knows only rock and one that knows seismic, shown both by degrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from seisdream.channels.cka import cka_of_moments, joint_moments
from seisdream.data.synthetic_stream import GeneratedEarths
from seisdream.dreaming.dream import dream
from seisdream.errors import SeisdreamError
from seisdream.evaluation.confusion import Counter
from seisdream.evaluation.test_sets import HELD_OUT_SEED
from seisdream.inference.predict import predict
from seisdream.inference.tensors import to_image_tensor
from seisdream.io.inputs import open_section
from seisdream.io.tables import markdown_table
from seisdream.models.network import Network
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import REAL_LINE, Experiment, Outcome, Progress, in_words, name_of_line
from seisdream.research.experiments.bootstrap import mean_iou_of, resampled, with_interval
from seisdream.research.experiments.photographs import about_photographs, compare_photographs, open_photo_network
from seisdream.research.experiments.stimulus_views import (
    BLIND,
    INVERTED,
    NOISE_FREE,
    PLACES,
    PLAIN,
    RECORDED,
    ROCK,
    SHARP,
    UNSMOOTHED,
    WAVELETS,
    WAYS,
    invert_blindly,
    order_of_shown,
    show,
)
from seisdream.research.plotting.geology import draw_alike, draw_over_sights, draw_shown_and_told
from seisdream.seismic.sections import GreyMapping, fill_absent, make_section
from seisdream.synthetic import FACIES

GEOLOGY = "geology"
LAYERS = ("enc3", "enc4", "enc5", "enc6")
"""Layers whose representations are compared."""

MEASURES = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy", "calibration_error": "ECE"}
_CLASSES = tuple(facies.name for facies in FACIES)
_COLOURS = tuple(facies.colour for facies in FACIES)
_DREAM_LAYER, _DREAM_STEPS = "enc4", 8
_STOPS_AT = 0.5  # Of what a network has on rock; below it, we say that it has stopped seeing.
_EARTHS_A_SEED = 1000
_DT_MS = 4.0
_FIGURES = ("curve", "representations", "maps", "f3", "photographs")


@dataclass(frozen=True)
class Size:
    """How many earths are shown, on how many of them dreams are compared, and samples along a side."""

    n_earths: int
    n_dreamed: int
    side: int = 256


QUICK, FULL = Size(6, 1), Size(24, 3)


def run(
    *, network: str, seed: int, is_quick: bool, progress: Progress, line: str | None = None, photos: str | None = None
) -> Outcome:
    """Show both networks the same earths in all ways; see `Experiment`."""
    size = QUICK if is_quick else FULL
    networks = load_both(network)
    of_photos = open_photo_network(photos) if photos else None
    earths = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None)
    numbers = range(seed * _EARTHS_A_SEED, seed * _EARTHS_A_SEED + size.n_earths)
    unsmoothed = GeneratedEarths(HELD_OUT_SEED, size=size.side, augmentation=None, settings=UNSMOOTHED)
    made = [earths.earth(number) for number in numbers]
    sections = [list(show(earth, unsmoothed.earth(number))) for earth, number in zip(made, numbers, strict=True)]
    order = order_of_shown()
    total = len(order) * size.n_earths + 3 * 3 * size.n_dreamed
    weights = resampled(size.n_earths, seed)
    rows, by_chance, maps, confusions = _look_at_all(networks, made, sections, weights, lambda n: progress(n, total))
    dreams = _compare_dreams(networks, sections[: size.n_dreamed], lambda n: progress(total - 9 * size.n_dreamed + n,
                                                                                     total))  # fmt: skip
    counts = np.bincount(np.concatenate([earth["facies"].values.ravel() for earth in made]), minlength=len(_CLASSES))
    floor = _floor(counts)
    f3, f3_figure = _look_at_f3(networks, line)
    names = list(networks)
    results = {
        "size": asdict(size),
        "networks": {name: loaded.sha256 for name, loaded in networks.items()},
        "earths": [int(numbers[0]), int(numbers[-1])],
        "earths_seed": HELD_OUT_SEED,
        "places": list(PLACES),
        "wavelets": list(WAVELETS),
        "ways": WAYS,
        "layers": list(LAYERS),
        "floor": floor,
        "shown": rows,
        "by_chance": by_chance,
        "recovered": _recovered(confusions, weights),
        "dreams": dreams,
        "f3": f3,
    }
    lines = [
        (f"{name}, {way}", [_found(rows, place, way, name) for place in PLACES], number, way != PLAIN)
        for number, name in enumerate(names)
        for way in (PLAIN, INVERTED)
    ]
    figures = {
        "curve": draw_over_sights(PLACES, lines, MEASURES, floors=floor),
        "representations": draw_alike(PLACES, _alike_lines(rows, names)),
        "maps": draw_shown_and_told(maps, _CLASSES, _COLOURS),
    }
    if of_photos is not None:
        found, figures["photographs"] = compare_photographs(of_photos, networks, made, sections, seed)
        results["photographs"] = found
    if f3_figure is not None:
        figures["f3"] = draw_shown_and_told(f3_figure, _CLASSES, _COLOURS)
    return Outcome(results, figures, {"scores": _table(rows, names)})


def load_both(network: str) -> dict[str, Network]:
    """Return `geology` and the network that it is compared with, by name.

    Raises
    ------
    SeisdreamError
        If the other one does not tell the same classes in layers of the same names.
    """
    if network == GEOLOGY:
        raise SeisdreamError(
            f"This experiment compares {GEOLOGY} with a network that knows seismic; got {GEOLOGY} itself. Name "
            "another, such as facies (--network)."
        )
    networks = {GEOLOGY: load_network(GEOLOGY), network: load_network(network)}
    loaded = networks[network]
    if tuple(loaded.classes or ()) != _CLASSES or not {*LAYERS, "logits"} <= set(loaded.layers):
        raise SeisdreamError(
            f"{network} cannot be compared with {GEOLOGY}: it needs the classes {', '.join(_CLASSES)} and the layers "
            f"{', '.join(LAYERS)} and logits. Name facies, or a network of the same kind that `seisdream train` made "
            "(--network)."
        )
    return networks


def _measured(confusion: NDArray, gaps: NDArray, weights: NDArray) -> dict[str, Any]:
    """Return all measures of confusion ``(earth, true, told)`` and calibration gaps ``(earth, bin)``."""
    summed = np.tensordot(weights, confusion, 1)
    n = summed.sum((-2, -1))
    return {
        **with_interval("mean_iou", mean_iou_of(summed)),
        **with_interval("pixel_accuracy", np.trace(summed, axis1=-2, axis2=-1) / n),
        **with_interval("calibration_error", np.abs(weights @ gaps).sum(-1) / n),
    }


def _look_at_all(networks: Mapping[str, Network], made, sections, weights: NDArray, done: Callable[[int], None]):
    """Return a row for all that is shown, likeness by chance, maps of one earth, and confusion by place, way, name."""
    prepared = {name: network.prepared() for name, network in networks.items()}
    names, n_done = list(networks), 0
    rows, maps, confusions, by_chance = [], [], {}, {}
    rock: dict[str, list[dict[str, NDArray]]] = {}
    pictured = int(np.argmax([len(np.unique(earth["facies"])) for earth in made]))
    for number, (place, way) in enumerate(order_of_shown()):
        counters = {name: [Counter(_CLASSES) for _ in made] for name in names}
        seen: dict[str, list[dict[str, NDArray]]] = {name: [] for name in names}
        told = {"truth": made[pictured]["facies"].values}
        for earth, (truth, shown) in enumerate(zip(made, sections, strict=True)):
            for name in names:
                logits, features = _look(prepared[name], shown[number].values)
                counters[name][earth].see(logits, torch.from_numpy(truth["facies"].values)[None])
                seen[name].append(features)
                if earth == pictured:
                    told[name] = logits[0].argmax(0).numpy()
            n_done += 1
            done(n_done)
        row: dict[str, Any] = {"place": place, "way": way, **_like_the_rock(sections, number, weights), "scores": {}}
        for name in names:
            confusion = np.array([counter.scores().confusion for counter in counters[name]])
            gaps = np.array([counter.calibration_gaps() for counter in counters[name]])
            row["scores"][name] = _measured(confusion, gaps, weights)
            confusions[place, way, name] = confusion
        rock = rock or seen
        row["alike"] = _alike(seen[names[0]], seen[names[1]])
        row["like_rock"] = {name: _alike(rock[name], seen[name]) for name in names}
        rows.append(row)
        if (place, way) == (RECORDED, PLAIN):
            # Each network sees another earth than the other does.
            by_chance = _alike(seen[names[0]], seen[names[1]][1:] + seen[names[1]][:1])
        if (place, way) in _PICTURED:
            maps.append((place if way == PLAIN else f"{place},\n{way}", sections[pictured][number].values, told))
    return rows, by_chance, maps, confusions


_PICTURED = ((ROCK, PLAIN), (PLACES[2], PLAIN), (PLACES[5], PLAIN), (PLACES[5], INVERTED), (RECORDED, PLAIN),
             (RECORDED, INVERTED))  # fmt: skip


def _look(prepared, values: NDArray) -> tuple[torch.Tensor, dict[str, NDArray]]:
    """Return logits ``(1, class, time, trace)`` and features ``(place, channel)`` of each layer."""
    section = make_section(values)
    picture = to_image_tensor(GreyMapping.of(section, 99.0).to_grey(section.values))
    with torch.no_grad():
        recorded = prepared.record(picture, (*LAYERS, "logits"))
    return recorded["logits"].float(), {name: recorded[name][0].flatten(1).T.float().numpy() for name in LAYERS}


def _alike(first, second) -> dict[str, dict[str, Any]]:
    """Return linear CKA by layer, and its interval over earths; features are lists over earths.

    An earth that is drawn twice would add no places but make the alignment greater, as fewer places do; so the interval
    is the jackknife's.
    """
    found = {}
    for layer in LAYERS:
        pairs = [(one[layer], other[layer]) for one, other in zip(first, second, strict=True)]
        moments = np.array([joint_moments(*pair) for pair in pairs])
        whole, n = moments.sum(0), len(pairs)
        values = cka_of_moments(np.concatenate([whole[None], whole - moments]), pairs[0][0].shape[1])
        spread = 1.96 * np.sqrt((n - 1) / n * np.sum((values[1:] - values[1:].mean()) ** 2))
        ends = np.clip([values[0] - spread, values[0] + spread], 0.0, 1.0)
        found[layer] = {"cka": float(values[0]), "cka_interval": ends.tolist()}
    return found


def _like_the_rock(sections, number: int, weights: NDArray) -> dict[str, Any]:
    """Return the mean correlation of what is shown with the rock, over earths."""
    each = [np.corrcoef(shown[0].values.ravel(), shown[number].values.ravel())[0, 1] for shown in sections]
    return with_interval("correlation", weights @ np.array(each) / len(each))


def _recovered(confusions, weights: NDArray) -> dict[str, dict[str, Any]]:
    """Return by place and way what share of geology's loss from rock to seismic an inversion brings back."""

    def mean_iou(place: str, way: str) -> NDArray:
        return mean_iou_of(np.tensordot(weights, confusions[place, way, GEOLOGY], 1))

    rock, found = mean_iou(ROCK, PLAIN), {}
    for place, way in order_of_shown():
        if way != PLAIN:
            seismic = mean_iou(place, PLAIN)
            share = (mean_iou(place, way) - seismic) / np.where(rock > seismic, rock - seismic, np.nan)
            found.setdefault(place, {})[way] = with_interval("share", share)
    return found


def _floor(counts: NDArray) -> dict[str, float]:
    """Return the scores of who names the commonest class everywhere."""
    confusion = np.zeros((len(counts), len(counts)))
    confusion[:, np.argmax(counts)] = counts
    return {"mean_iou": float(mean_iou_of(confusion)), "pixel_accuracy": float(counts.max() / counts.sum())}


def _compare_dreams(networks: Mapping[str, Network], sections, done: Callable[[int], None]) -> dict[str, Any]:
    """Return how the sizes of change of dreams correlate: of both networks, and of the other with itself at random."""
    other = next(name for name in networks if name != GEOLOGY)
    dreamers = {**networks, "random": load_network(f"{other}@random")}
    places, order, n_done = ((ROCK, PLAIN), (RECORDED, PLAIN), (RECORDED, INVERTED)), order_of_shown(), 0
    found = []
    for place, way in places:
        both, chance = [], []
        for shown in sections:
            section = make_section(shown[order.index((place, way))].values)
            changes = {}
            for name, network in dreamers.items():
                result = dream(section, network, _DREAM_LAYER, octaves=1, steps=_DREAM_STEPS, device="cpu",
                               precision="float32")  # fmt: skip
                changes[name] = np.abs(result.dataset["dream"].values - section.values).ravel()
                n_done += 1
                done(n_done)
            both.append(float(np.corrcoef(changes[GEOLOGY], changes[other])[0, 1]))
            chance.append(float(np.corrcoef(changes["random"], changes[other])[0, 1]))
        found.append({"place": place, "way": way, "correlations": both, "with_random": chance})
    return {"layer": _DREAM_LAYER, "steps": _DREAM_STEPS, "rows": found}


def _look_at_f3(networks: Mapping[str, Network], line: str | None):
    """Return how the networks' maps of a real line agree, and what to draw; or why not, and None."""
    try:
        section = open_section(line or REAL_LINE)
    except SeisdreamError as error:
        return {"missing": str(error).split(" Get the file")[0]}, None
    other = next(name for name in networks if name != GEOLOGY)
    values, absent = fill_absent(section)
    filled = section.copy(data=values)
    inverted = filled.copy(data=invert_blindly(filled).astype(np.float32))
    told = {
        (way, name): predict(shown, network, augmentations=0, device="cpu")["classes"].values
        for way, shown in ((PLAIN, filled), (BLIND, inverted))
        for name, network in networks.items()
    }
    present = ~absent
    reference = told[PLAIN, other][present]
    rows = []
    for (way, name), codes in told.items():
        if (way, name) != (PLAIN, other):
            agree = reference == codes[present]
            rows.append({"network": name, "way": way, "agreement": float(agree.mean()),
                         "kappa": float(cohen_kappa_score(reference, codes[present]))})  # fmt: skip
    drawn = [
        (title, np.where(present, shown.values, np.nan),
         {name: np.where(present, told[way, name], 255) for name in networks})
        for title, way, shown in ((name_of_line(line), PLAIN, filled), ("inverted blindly", BLIND, inverted))
    ]  # fmt: skip
    return {"line": name_of_line(line), "reference": other, "rows": rows}, drawn


def _found(rows: Sequence[Mapping[str, Any]], place: str, way: str, name: str) -> Mapping[str, Any] | None:
    """Return what a network scored, or None where the rock would have to be inverted."""
    return None if (place, way) == (ROCK, INVERTED) else _row(rows, place, way)["scores"][name]


def _alike_lines(rows, names: Sequence[str]) -> dict[str, dict[str, list]]:
    plain = {row["place"]: row for row in rows if row["way"] == PLAIN}
    between = {layer: [plain[place]["alike"][layer] for place in PLACES] for layer in LAYERS}
    like_rock = {
        f"{name}: with itself on rock": {
            layer: [plain[place]["like_rock"][name][layer] for place in PLACES] for layer in LAYERS
        }
        for name in names
    }
    return {f"{names[0]} with {names[1]}": between, **like_rock}


def _table(rows, names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "place": row["place"],
            "way": row["way"],
            "network": name,
            **{key: row["scores"][name][key] for key in MEASURES},
        }
        for row in rows
        for name in names
    ]


def page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results and nothing else; see `Experiment`."""
    names, size = list(results["networks"]), results["size"]
    other = names[1]
    figure = {name: pictures.format(name) for name in _FIGURES}
    rows = results["shown"]
    scores = markdown_table(
        ["shown", "as", *(f"`{name}` {title}" for name in names for title in MEASURES.values())],
        [
            [row["place"], row["way"], *(in_words(row["scores"][name], key) for name in names for key in MEASURES)]
            for row in rows
        ],
    )
    recovered = markdown_table(
        ["shown", "inversion", "correlation with the rock, before", "after", "brought back"],
        [
            [
                place,
                way,
                in_words(_row(rows, place, PLAIN), "correlation"),
                in_words(_row(rows, place, way), "correlation"),
                in_words(share, "share"),
            ]
            for place, ways in results["recovered"].items()
            for way, share in ways.items()
        ],
    )
    alike = markdown_table(
        ["shown", "as", *results["layers"]],
        [
            *(
                [row["place"], row["way"], *(in_words(row["alike"][layer], "cka") for layer in results["layers"])]
                for row in rows
            ),
            [
                "different earths",
                "by chance",
                *(in_words(results["by_chance"][layer], "cka") for layer in results["layers"]),
            ],
        ],
    )
    dreams = markdown_table(
        ["dreamed on", "as", f"`{GEOLOGY}` and `{other}`", f"`{other}` and its random twin"],
        [
            [row["place"], row["way"], _mean_of(row["correlations"]), _mean_of(row["with_random"])]
            for row in results["dreams"]["rows"]
        ],
    )
    ways = "\n".join(f"- **{way}**: {told}." for way, told in results["ways"].items())
    first, last = results["earths"]
    return f"""# Rock or seismic

The question: *{results["question"]}*

{_answer(results)}

`{results["command"]}` makes these numbers again (seed {results["seed"]}, {results["seconds"]} s in this run), with the
figures and a table.

## What is shown

{size["n_earths"]} generated earths of {size["side"]} × {size["side"]} samples, of which every sample's facies is known:
numbers {first} to {last} of the stream of seed {results["earths_seed"]}, which no training draws from. The **rock** is
what `{GEOLOGY}` was trained on. **Reflectivity** and its convolution with Ricker wavelets of ever longer period are
free of noise, gain and loss. **Recorded** seismic, with noise and without, has a wavelet and phase of its own for each
earth, loss, lateral smoothing and gain, as what `facies` was trained on; **sharp** is the same without noise and
without the smoothing, which stands for the Fresnel zone of a migrated image. Each is shown

{ways}

Both networks look once at each, and are not trained again. Inversion is damped least squares for the logarithm of
impedance, band-limited (`seisdream.dreaming.parameterizations.impedance.invert`).

## What they see

![Scores of both networks over what is shown]({figure["curve"]})

{scores}

In brackets are 95 % bootstrap intervals over earths, which are drawn together for all numbers. ECE is the expected
calibration error: how far confidence is from accuracy. Naming the commonest class everywhere has a mean IoU of
{results["floor"]["mean_iou"]:.3f} and a pixel accuracy of {results["floor"]["pixel_accuracy"]:.3f}.

![An earth as it is shown, its facies, and what both networks say]({figure["maps"]})

## What an inversion brings back

Of the mean IoU that `{GEOLOGY}` loses from rock to seismic, the share that it has again on the inverted section; below
0, inversion makes it worse. Where little is lost the share is of little, and its interval wide. Beside it is how the
section correlates with the rock.

{recovered}

## How alike they see

Linear centred kernel alignment of what a layer says of the same places: 1 is the same up to rotation and scale.

![Linear CKA between the networks, and of each with itself on rock]({figure["representations"]})

{alike}

These are `{GEOLOGY}` with `{other}`, with 95 % jackknife intervals over earths. The last row is what chance gives:
recorded seismic, each network looking at another earth than the other. With few earths it is far from 0 in deep layers.

## How alike they dream

Dreams on `{results["dreams"]["layer"]}` ({results["dreams"]["steps"]} steps, one octave) on {size["n_dreamed"]} of the
earths: correlation of the sizes of their changes, sample by sample, in the mean (least to greatest).

{dreams}

## On real seismic

{_about_f3(results["f3"], figure["f3"])}

## Photographs as geology

{about_photographs(results.get("photographs"), figure["photographs"])}

## What would change the answer

Training: `{GEOLOGY}` met no wavelet, gain or noise of recording, and would learn them. Another inversion: one with a
background model, lateral constraints or a wavelet from more wells; this one's damping is fixed, and it takes gain for
rock. Wavelets other than Ricker's: the higher their peak, the more they lose of the long periods that hold most of the
variance of impedance. Finer sampling than {_DT_MS:g} ms, at which the wavelets of highest frequency are barely sampled.

## What was not tested

Real rock (well logs, outcrops); elastic effects and offset; earths in three dimensions; other seeds of training of
either network; which part of recording (loss, gain, phase) costs how much besides the smoothing.

## Data, credit and licence

All earths are generated by seisdream (Apache-2.0). F3: TNO and dGB Earth Sciences, CC BY-SA. Networks:
{", ".join(f"`{name}` ({sha256[:12]})" for name, sha256 in results["networks"].items())}. Versions:
{", ".join(f"{name} {version}" for name, version in results["versions"].items())}. Measures: Kornblith and others
(2019), Naeini and others (2015), Efron and Tibshirani (1993), Cohen (1960). Wavelets: Ricker (1953); the tie to a well
after White (1980); the statistical wavelet after Robinson (1957).
"""


def _answer(results: dict[str, Any]) -> str:
    """Return the answer in words, as the numbers and their intervals allow it."""
    rows, other = results["shown"], list(results["networks"])[1]

    def score(place: str, way: str = PLAIN, name: str = GEOLOGY) -> dict[str, Any]:
        return _row(rows, place, way)["scores"][name]

    rock, recorded = score(ROCK), score(RECORDED)
    told = [
        f"`{GEOLOGY}`, which knows only rock, has a mean IoU of {in_words(rock, 'mean_iou')} on rock and "
        f"{in_words(recorded, 'mean_iou')} on recorded seismic, where `{other}` has "
        f"{in_words(score(RECORDED, name=other), 'mean_iou')}."
    ]
    by_wavelet = {place: score(place)["mean_iou"] for place in results["wavelets"]}
    worst, best = min(by_wavelet, key=by_wavelet.__getitem__), max(by_wavelet, key=by_wavelet.__getitem__)
    is_rising = list(by_wavelet).index(worst) < list(by_wavelet).index(best)
    blind_at = [place for place in results["places"] if score(place)["mean_iou"] < _STOPS_AT * rock["mean_iou"]]
    told.append(
        f"Without noise and gain it sees least under {worst}, {in_words(score(worst), 'mean_iou')}, and most under "
        f"{best}, {in_words(score(best), 'mean_iou')}: "
        + ("a longer period alone does not blind it." if is_rising else "a longer period blinds it.")
    )
    told.append(
        f"Less than half of what it has on rock is left on: {', '.join(blind_at)}."
        if blind_at
        else "Nowhere is less than half left of what it has on rock."
    )
    verdicts: dict[str, list[str]] = {"helps": [], "hurts": [], "leaves open": []}
    for place, ways in results["recovered"].items():
        for way, share in ways.items():
            low, high = share["share_interval"]
            verdict = "helps" if low > 0 else "hurts" if high < 0 else "leaves open"
            name = place if way == INVERTED else f"{place} ({way})"
            verdicts[verdict].append(f"{name} {100 * share['share']:.0f} %".replace("-", "−"))
    told.append(
        "Of what it loses, an inversion brings back, beyond what the intervals leave open: "
        f"{'; '.join(verdicts['helps']) or 'nothing'}. It makes worse: {'; '.join(verdicts['hurts']) or 'nothing'}. "
        f"Open: {'; '.join(verdicts['leaves open']) or 'nothing'}."
    )
    told.append(
        f"Recordings without noise leave it {in_words(score(NOISE_FREE), 'mean_iou')}, inverted "
        f"{in_words(score(NOISE_FREE, INVERTED), 'mean_iou')}; without the lateral smoothing of a migrated image too, "
        f"{in_words(score(SHARP), 'mean_iou')} and {in_words(score(SHARP, INVERTED), 'mean_iou')}."
    )
    return " ".join(told)


def _about_f3(f3: dict[str, Any], picture: str) -> str:
    if "missing" in f3:
        return f"Left out: F3 inline 362 was not at hand. {f3['missing']}"
    table = markdown_table(
        ["network", "shown", "same class", "Cohen's κ"],
        [[f"`{row['network']}`", row["way"], f"{row['agreement']:.2f}", f"{row['kappa']:.2f}"] for row in f3["rows"]],
    )
    return f"""Of {f3["line"]} nobody knows the facies; what can be told is how far maps agree with that of
`{f3["reference"]}` on amplitudes. κ is 0 for chance and 1 for the same map.

{table}

![{f3["line"]}, and what both networks say of it as it is and inverted]({picture})"""


def _row(rows: Sequence[Mapping[str, Any]], place: str, way: str) -> Mapping[str, Any]:
    return next(row for row in rows if (row["place"], row["way"]) == (place, way))


def _mean_of(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})".replace("-", "−")


EXPERIMENT = Experiment(
    "Better yet, geology?",
    run,
    page,
    unit="look",
    page_name="rock-or-seismic",
    takes=("line", "photos"),
)
