"""The page of the experiment on care."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seisdream.io.tables import markdown_table
from seisdream.research.experiments.few_shot import DEPTH_ONLY, EVENLY_SPACED, MOST_UNCERTAIN, SCRATCH
from seisdream.research.experiments.pages import fill_page, fill_template, format_number, format_range
from seisdream.research.experiments.shortcut_images import CLASSES, SIDE
from seisdream.research.shortcuts import COMBINED, DREAM


def make_page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results alone; see `Experiment`."""
    few_labels, shortcuts, survey = results["few_labels"], results["shortcuts"], results["survey"]
    network = next(iter(results["networks"]))
    mean_iou = {(row["n_labelled"], row["start"], row["selection"]): row["mean_iou"] for row in few_labels["rows"]}
    counts = sorted({n for n, _, _ in mean_iou})
    distant = few_labels["distant"]
    parallel, non_parallel = shortcuts["n_windows"][0]
    combined, alarms = shortcuts["detections"][COMBINED], shortcuts["false_alarms"][COMBINED]
    accuracies = {
        f"{name}_{measure}": f"{shortcuts[measure][name]['mean']:.2f}"
        for measure in ("own_accuracy", "unbiased_accuracy")
        for name in ("planted", "clean")
    }
    return fill_page(
        "care",
        results,
        network=network,
        counts=", ".join(map(str, counts)),
        pretrained_iou=", ".join(f"{mean_iou[n, network, EVENLY_SPACED]:.2f}" for n in counts),
        scratch_iou=", ".join(f"{mean_iou[n, SCRATCH, EVENLY_SPACED]:.2f}" for n in counts),
        depth_only_iou=", ".join(f"{few_labels['depth_only'][str(n)]['mean_iou']:.2f}" for n in counts),
        uncertain_gain=", ".join(
            f"{format_number(mean_iou[n, network, MOST_UNCERTAIN] - mean_iou[n, network, EVENLY_SPACED], '+.2f')} "
            f"({n} lines)"
            for n in counts
            if (n, network, MOST_UNCERTAIN) in mean_iou
        )
        or "nothing (one line only)",
        **accuracies,
        n_planted=combined["n"],
        n_identified=combined["hits"],
        n_clean=alarms["n"],
        n_false_alarms=alarms["hits"],
        n_by_tool=", ".join(f"{tool} {shortcuts['detections'][tool]['hits']}" for tool in results["tools"]),
        survey=survey["name"],
        axis=few_labels["axis"],
        first_distant=distant[0],
        last_distant=distant[-1],
        steps=few_labels["steps"],
        labels_table=_labels_table(few_labels, network),
        parallel_class=CLASSES[0],
        non_parallel_class=CLASSES[1],
        side=SIDE,
        n_parallel=parallel,
        n_non_parallel=non_parallel,
        accuracy_table=markdown_table(
            ["networks", "accuracy on their own test sets", "accuracy on unbiased images"],
            [
                [
                    title,
                    *(format_range(**shortcuts[measure][name]) for measure in ("own_accuracy", "unbiased_accuracy")),
                ]
                for name, title in (("planted", "with a shortcut"), ("clean", "without"))
            ],
        ),
        threshold=f"{results['threshold']:g}",
        shortcuts_table=_shortcuts_table(shortcuts, (*results["tools"], COMBINED)),
        robust=_describe_robust(results),
        credit=(survey["credit"] or survey["name"]) + (f" ({survey['licence']})" if survey["licence"] else ""),
        figure_labels=pictures.format("labels"),
        figure_shortcuts=pictures.format("shortcuts"),
    )


def _describe_robust(results: Mapping[str, Any]) -> str:
    """Return the section on adversarially trained classifiers; empty without them."""
    if "robust_shortcuts" not in results:
        return ""
    robust = results["robust_shortcuts"]
    text = fill_template(
        "care-robust",
        radius=format_number(results["radius"], "g"),
        n_planted=robust["detections"][COMBINED]["n"],
        own_accuracy=f"{robust['own_accuracy']['planted']['mean']:.2f}",
        unbiased_accuracy=f"{robust['unbiased_accuracy']['planted']['mean']:.2f}",
        n_by_dream=robust["detections"][DREAM]["hits"],
        n_by_dream_before=results["shortcuts"]["detections"][DREAM]["hits"],
        excess=format_number(robust["dream_excess"]["all"], ".1f"),
        excess_before=format_number(results["shortcuts"]["dream_excess"]["all"], ".1f"),
        shortcuts_table=_shortcuts_table(robust, (*results["tools"], COMBINED)),
    )
    return f"{text}\n\n"


def _labels_table(few_labels: Mapping[str, Any], network: str) -> str:
    rows = [
        [str(row["n_labelled"]), row["selection"], f"`{row['start']}`" if row["start"] == network else SCRATCH,
         f"{row['pixel_accuracy']:.3f}", f"{row['mean_iou']:.3f}", str(row["seconds"]),
         ", ".join(map(str, row["lines"]))]
        for row in few_labels["rows"]
    ]  # fmt: skip
    rows += [
        [n, EVENLY_SPACED, DEPTH_ONLY, f"{row['pixel_accuracy']:.3f}", f"{row['mean_iou']:.3f}", "–", "–"]
        for n, row in few_labels["depth_only"].items()
    ]
    header = ["labelled lines", "selection", "training", "pixel accuracy", "mean IoU", "seconds", "line numbers"]
    return markdown_table(header, rows)


def _shortcuts_table(shortcuts: Mapping[str, Any], tools: tuple[str, ...]) -> str:
    excess = {name: format_number(value, ".1f") for name, value in shortcuts["dream_excess"].items()}
    return markdown_table(
        ["planted shortcut", *tools, "evidence in a dream"],
        [
            *([name, *(row[tool] for tool in tools), excess[name]] for name, row in shortcuts["by_shortcut"].items()),
            ["any: identified", *(_format_rate(shortcuts["detections"][tool]) for tool in tools), excess["all"]],
            ["none: false alarms", *(_format_rate(shortcuts["false_alarms"][tool]) for tool in tools), "–"],
        ],
    )


def _format_rate(rate: Mapping[str, Any]) -> str:
    low, high = rate["interval"]
    return f"{rate['hits']} of {rate['n']} ({low:.2f} to {high:.2f})"
