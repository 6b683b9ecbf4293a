"""The page of the experiment on geology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seisdream.io.tables import markdown_table
from seisdream.research.experiments.pages import (
    fill_page,
    fill_template,
    format_interval,
    format_number,
    format_percent,
    format_range,
)
from seisdream.research.experiments.photographs import describe_photographs
from seisdream.research.experiments.stimulus_views import (
    INVERTED,
    NOISE_FREE,
    RECORDED,
    ROCK,
    UNPROCESSED,
    UNSMOOTHED,
)

MEASURES = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy", "calibration_error": "ECE"}
_GEOLOGY = "geology"
_FIGURES = ("scores", "representations", "maps", "dreams", "f3", "photographs")
_COMPARED_LAYER = "enc5"  # In the answer.
_FAILURE = 0.5  # Fraction of the mean IoU on rock, below which the network counts as failing.


def find_row(rows: Sequence[Mapping[str, Any]], stage: str, processing: str) -> Mapping[str, Any]:
    """Return the row of a view."""
    return next(row for row in rows if (row["stage"], row["processing"]) == (stage, processing))


def make_page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results alone; see `Experiment`."""
    size, rows, dreams = results["size"], results["views"], results["dreams"]
    other, robust = list(results["networks"])[1:]
    first, last = results["earths"]
    figures = {f"figure_{name}": pictures.format(name) for name in _FIGURES}
    return fill_page(
        "geology",
        results,
        **_answer_fields(results, other, robust),
        geology=_GEOLOGY,
        other=other,
        robust=robust,
        n_earths=size["n_earths"],
        side=size["side"],
        first=first,
        last=last,
        earths_seed=results["earths_seed"],
        processing="\n".join(f"- **{name}**: {text}." for name, text in results["processing"].items()),
        scores=_scores_table(rows, list(results["networks"])),
        majority_iou=format_number(results["majority_class"]["mean_iou"], ".3f"),
        majority_accuracy=format_number(results["majority_class"]["pixel_accuracy"], ".3f"),
        recovered=_recovery_table(results),
        similarity=_similarity_table(results),
        dream_layer=dreams["layer"],
        preset=dreams["preset"],
        n_dreamed=size["n_dreamed"],
        dreams=markdown_table(
            ["stage", "processing", *(f"`{one}` and `{another}`" for one, another in dreams["pairs"])],
            [
                [row["stage"], row["processing"], *map(_format_correlations, row["correlations"])]
                for row in dreams["rows"]
            ],
        ),
        real_line=_describe_line(results["f3"], figures["figure_f3"]),
        photographs=describe_photographs(results.get("photographs"), figures["figure_photographs"]),
        **{f"figure_{name}": figures[f"figure_{name}"] for name in ("scores", "representations", "maps", "dreams")},
    )


def _answer_fields(results: Mapping[str, Any], other: str, robust: str) -> dict[str, str]:
    """Return the numbers and lists of the answer."""
    rows = results["views"]

    def score(stage: str, way: str = UNPROCESSED, network: str = _GEOLOGY) -> Mapping[str, Any]:
        return find_row(rows, stage, way)["scores"][network]

    def text(stage: str, way: str = UNPROCESSED, network: str = _GEOLOGY) -> str:
        return format_interval(score(stage, way, network), "mean_iou")

    by_wavelet = {stage: score(stage)["mean_iou"] for stage in results["wavelets"]}
    worst, best = min(by_wavelet, key=by_wavelet.__getitem__), max(by_wavelet, key=by_wavelet.__getitem__)
    # Wavelets are in the order of increasing period.
    is_improving = list(by_wavelet).index(worst) < list(by_wavelet).index(best)
    fails_at = [stage for stage in results["stages"] if score(stage)["mean_iou"] < _FAILURE * score(ROCK)["mean_iou"]]
    return {
        "rock_iou": text(ROCK),
        "recorded_iou": text(RECORDED),
        "other_rock_iou": text(ROCK, network=other),
        "other_recorded_iou": text(RECORDED, network=other),
        "robust_rock_iou": text(ROCK, network=robust),
        "robust_recorded_iou": text(RECORDED, network=robust),
        **_compare_with_geology(results, other, robust),
        "worst_wavelet": worst,
        "worst_wavelet_iou": text(worst),
        "best_wavelet": best,
        "best_wavelet_iou": text(best),
        "longer_periods": "do not by themselves reduce" if is_improving else "reduce",
        "fails_at": ", ".join(f"“{stage}”" for stage in fails_at) or "no stage",
        **_classify_recovery(results["recovered"]),
        "noise_free_iou": text(NOISE_FREE),
        "noise_free_inverted_iou": text(NOISE_FREE, INVERTED),
        "unsmoothed_iou": text(UNSMOOTHED),
        "unsmoothed_inverted_iou": text(UNSMOOTHED, INVERTED),
    }


def _compare_with_geology(results: Mapping[str, Any], other: str, robust: str) -> dict[str, str]:
    """Return how similar to `geology` the other networks are on recorded seismic, in a layer and in dreams."""
    similarity = find_row(results["views"], RECORDED, UNPROCESSED)["cka_with_first"]
    correlations = find_row(results["dreams"]["rows"], RECORDED, UNPROCESSED)["correlations"]
    intervals = {name: of_layer[_COMPARED_LAYER]["cka_interval"] for name, of_layer in similarity.items()}
    by_name = dict(zip((other, robust), correlations, strict=False))

    def is_closer(low: float, high: float) -> str:
        return "closer" if low > high else "no closer"

    return {
        "compared_layer": _COMPARED_LAYER,
        "layer_is_closer": is_closer(intervals[robust][0], intervals[other][1]),
        "dreams_are_closer": is_closer(min(by_name[robust]), max(by_name[other])),
    } | {
        f"{key}_{measure}": text
        for key, name in (("other", other), ("robust", robust))
        for measure, text in (
            ("cka", format_interval(similarity[name][_COMPARED_LAYER], "cka")),
            ("correlation", _format_correlations(by_name[name])),
        )
    }


def _classify_recovery(recovered: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the views whose inversion helps, harms or does neither beyond its interval, as lists."""
    lists: dict[str, list[str]] = {"helps": [], "harms": [], "unclear": []}
    for stage, by_processing in recovered.items():
        for way, row in by_processing.items():
            low, high = row["fraction_interval"]
            effect = "helps" if low > 0 else "harms" if high < 0 else "unclear"
            view = stage if way == INVERTED else f"{stage} ({way})"
            lists[effect].append(f"{view} {format_percent(row['fraction'])}")
    return {effect: "; ".join(views) or "none" for effect, views in lists.items()}


def _scores_table(rows: Sequence[Mapping[str, Any]], names: list[str]) -> str:
    return markdown_table(
        ["stage", "processing", *(f"`{name}`" for name in names)],
        [
            [
                row["stage"],
                row["processing"],
                *(format_interval(row["scores"][name], "mean_iou") for name in names),
            ]
            for row in rows
        ],
    )


def _similarity_table(results: Mapping[str, Any]) -> str:
    """Return the similarity of each other network to `geology`, by layer, for unprocessed stages."""
    layers, by_chance = results["layers"], results["cka_by_chance"]
    unprocessed = [row for row in results["views"] if row["processing"] == UNPROCESSED]
    return markdown_table(
        ["network", "stage", *layers],
        [
            [f"`{name}`", stage, *(format_interval(similarity[layer], "cka") for layer in layers)]
            for name in by_chance
            for stage, similarity in (
                *((row["stage"], row["cka_with_first"][name]) for row in unprocessed),
                ("different earths", by_chance[name]),
            )
        ],
    )


def _format_correlations(values: Sequence[float]) -> str:
    return format_range(float(np.mean(values)), min(values), max(values))


def _recovery_table(results: Mapping[str, Any]) -> str:
    rows = results["views"]
    return markdown_table(
        ["stage", "processing", "correlation with rock, before", "after", "fraction recovered"],
        [
            [
                stage,
                way,
                format_interval(find_row(rows, stage, UNPROCESSED), "correlation"),
                format_interval(find_row(rows, stage, way), "correlation"),
                format_interval(row, "fraction"),
            ]
            for stage, by_processing in results["recovered"].items()
            for way, row in by_processing.items()
        ],
    )


def _describe_line(f3: Mapping[str, Any], picture: str) -> str:
    if "missing" in f3:
        return fill_template("geology-no-line", reason=f3["missing"])
    table = markdown_table(
        ["network", "processing", "same class", "Cohen's κ"],
        [
            [f"`{row['network']}`", row["processing"], f"{row['agreement']:.2f}", f"{row['kappa']:.2f}"]
            for row in f3["rows"]
        ],
    )
    return fill_template("geology-line", line=f3["line"], reference=f3["reference"], table=table, picture=picture)
