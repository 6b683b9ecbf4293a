"""The page of the experiment on facies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seisdream.io.tables import markdown_table
from seisdream.research.experiments.pages import (
    fill_page,
    fill_template,
    format_interval,
    format_number,
    format_percent,
)

_MEASURES = {"gain": "gain", "specific_gain": "specific gain", "increased": "increased", "largest": "largest gain"}


def make_page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results alone; see `Experiment`."""
    size, by_steps, by_layer = results["size"], results["by_steps"], results["by_layer"]
    network, random = results["network"], f"{results['network']}@random"
    seed, first, last = results["earths"]
    few, many = next(iter(by_steps)), list(by_steps)[-1]
    gains = {layer: _mean_gain(row) for layer, row in by_layer.items()}
    best, worst = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
    return fill_page(
        "facies",
        results,
        network=network,
        random=random,
        answer_by_classifier="\n".join(_describe_classifier(results, name) for name in results["classifiers"]),
        answer_by_dreamer=_answer_table(results),
        best_layer=best,
        best_gain=format_percent(gains[best]),
        worst_layer=worst,
        worst_gain=format_percent(gains[worst]),
        few_steps=few,
        few_gain=format_percent(_mean_gain(by_steps[few])),
        many_steps=many,
        many_gain=format_percent(_mean_gain(by_steps[many])),
        notes="".join(f"\n\n{note}" for note in results["notes"]),
        line=results["line"],
        n_sections=size["n_sections"],
        side=size["side"],
        first=first,
        last=last,
        earths_seed=seed,
        n_stages=len(results["classifier_widths"]),
        widths=", ".join(map(str, results["classifier_widths"])),
        training_steps=size["training_steps"],
        attributes=", ".join(results["attributes"]),
        n_attribute_sections=size["n_attribute_sections"],
        classifier_scores="; ".join(
            f"{name}: mean IoU {score['mean_iou']:.2f}, pixel accuracy {score['pixel_accuracy']:.2f}"
            for name, score in results["classifiers"].items()
        ),
        presets="\n".join(_describe_preset(name, preset) for name, preset in results["presets"].items()),
        n_classes=len(results["classes"]),
        chance=f"{1 / len(results['classes']):.2f}",
        by_dreamer=_gains_table("network", _in_code(results["by_dreamer"])),
        classifiers=" and the ".join(results["classifiers"]),
        by_facies=_facies_table({name: rows for name, rows in results["by_facies"].items() if name != random}),
        by_steps=_gains_table("steps per octave", by_steps),
        by_layer=_gains_table("layer", _in_code(by_layer)),
        min_gain=format_percent(results["min_gain"]),
        undirected=_agreement_table(results["undirected"]),
        figure_sheet=pictures.format("sheet"),
        figure_gains=pictures.format("gains"),
    )


def _describe_classifier(results: Mapping[str, Any], classifier: str) -> str:
    """Return what a classifier finds in the dreams of the network and of the same with random weights."""
    name = results["network"]
    network, random = (results["by_dreamer"][one][classifier] for one in (name, f"{name}@random"))

    def is_greater(measure: str) -> bool:
        return network[f"{measure}_interval"][0] > random[f"{measure}_interval"][1]

    verdict = (
        "the intervals overlap"
        if not is_greater("gain")
        else "the dreams show what was learned"
        if is_greater("specific_gain")
        else "the gain is greater, but not clearly specific to the facies"
    )
    fields = {
        f"{one}_{measure}": format_percent(row[measure])
        for one, row in (("network", network), ("random", random))
        for measure in ("increased", "gain", "specific_gain")
    }
    return fill_template("facies-answer", classifier=classifier, verdict=verdict, **fields)


def _answer_table(results: Mapping[str, Any]) -> str:
    """Return a row for each network and preset: gains by classifier, and agreement without a target class."""
    classifiers, by_dreamer, undirected = list(results["classifiers"]), results["by_dreamer"], results["undirected"]
    rows = []
    for name in dict.fromkeys([*by_dreamer, *undirected]):
        gains = [format_percent(by_dreamer[name][one]["gain"]) if name in by_dreamer else "" for one in classifiers]
        layers = undirected.get(name, {}).values()
        means = [
            format_percent(float(np.mean([row[key] for row in layers]))) if layers else ""
            for key in ("agreement", "by_chance")
        ]
        rows.append([_code(name), *gains, *means])
    return markdown_table(["network", *(f"gain, {one}" for one in classifiers), "same facies", "by chance"], rows)


def _describe_preset(name: str, preset: Mapping[str, Any]) -> str:
    return f"- **{name}**: {', '.join(f'`{setting}` {value}' for setting, value in preset.items())}."


def _code(name: str) -> str:
    """Return the name of a network in code, with its preset, if named, behind it."""
    network, comma, preset = name.partition(",")
    return f"`{network}`{comma}{preset}"


def _in_code(rows: Mapping[str, Any]) -> dict[str, Any]:
    return {_code(name): row for name, row in rows.items()}


def _mean_gain(by_classifier: Mapping[str, Mapping[str, Any]]) -> float:
    return float(np.mean([row["gain"] for row in by_classifier.values()]))


def _gains_table(title: str, rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    classifiers = list(next(iter(rows.values())))
    return markdown_table(
        [title, *(f"{measure} ({name})" for name in classifiers for measure in _MEASURES.values())],
        [
            [label, *(format_interval(row[name], measure) for name in classifiers for measure in _MEASURES)]
            for label, row in rows.items()
        ],
    )


def _facies_table(by_dreamer: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]) -> str:
    """Return the gain of each facies by network, according to all classifiers in turn."""
    return markdown_table(
        ["facies", *map(_code, by_dreamer)],
        [
            [
                facies,
                *(
                    ", ".join(format_number(one["gain"]) for one in rows[facies].values())
                    for rows in by_dreamer.values()
                ),
            ]
            for facies in next(iter(by_dreamer.values()))
        ],
    )


def _agreement_table(undirected: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    return markdown_table(
        ["network", "layer", "agreement", "by chance", "facies gained"],
        [
            [
                _code(name),
                f"`{layer}`",
                format_interval(row, "agreement"),
                format_number(row["by_chance"]),
                ", ".join(f"{facies} ({n})" for facies, n in row["facies"].items()) or "–",
            ]
            for name, layers in undirected.items()
            for layer, row in layers.items()
        ],
    )
