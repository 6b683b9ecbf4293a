"""The page of the experiment on sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seisdream.io.tables import markdown_table
from seisdream.research.experiments.pages import (
    fill_page,
    fill_template,
    format_interval,
    format_number,
    format_percent,
)
from seisdream.research.psychophysics.artefacts import ARTEFACTS
from seisdream.research.psychophysics.study import ATTRIBUTES, IDEAL, NETWORK, OBSERVERS, ROBUST, UNTRAINED

FIGURES = ("psychometric", "efficiency", "roc", "artefacts", "gallery")


def make_page(results: dict[str, Any], pictures: str) -> str:
    """Return the page in Markdown, from results alone; see `Experiment`."""
    size, overall, by_kind = results["size"], results["overall"], results["by_kind"]
    levels, kinds = size["levels_db"], size["kinds"]
    observers = [name for name in OBSERVERS if name in overall]
    network = overall[NETWORK]
    efficiencies = {kind: row["efficiency"] for kind, row in by_kind[NETWORK].items()}
    best, worst = max(efficiencies, key=efficiencies.__getitem__), min(efficiencies, key=efficiencies.__getitem__)
    return fill_page(
        "sight",
        results,
        network=results["network"],
        network_d_prime=format_interval(network, "d_prime"),
        network_efficiency=format_percent(network["efficiency"], ".2g"),
        versus_attributes=_compare(results["network_advantage"][ATTRIBUTES]),
        attributes_d_prime=format_number(overall[ATTRIBUTES]["d_prime"]),
        versus_untrained=_compare(results["network_advantage"][UNTRAINED]),
        untrained_d_prime=format_number(overall[UNTRAINED]["d_prime"]),
        robust_network=results["robust_network"],
        robust_d_prime=format_interval(overall[ROBUST], "d_prime"),
        robust_exceeds=_list_clearly_worse(overall, ROBUST),
        robust_versus_network=_compare(results["network_advantage"][ROBUST], is_other_first=True),
        best_kind=best,
        best_efficiency=format_percent(efficiencies[best], ".2g"),
        worst_kind=worst,
        worst_efficiency=format_percent(efficiencies[worst], ".2g"),
        n_pairs=size["n_pairs"],
        n_test=size["n_test"],
        n_fit=size["n_fit"],
        n_fit_each_kind=size["n_fit"] * len(levels),
        n_levels=len(levels),
        kinds=", ".join(kinds),
        artefact_kinds=", ".join(ARTEFACTS),
        observers="\n".join(f"- **{name}**: {results['observers'][name]}." for name in observers),
        summary=_summary_table(results, observers),
        by_level=markdown_table(
            ["Observer", *(_decibels(level) for level in levels)],
            [[name, *(format_number(row["d_prime"]) for row in results["by_level"][name])] for name in observers],
        ),
        by_kind=markdown_table(
            ["Observer", *kinds],
            [
                [name, *(format_number(by_kind[name][kind]["d_prime"]) if kind in by_kind[name] else "–"
                         for kind in kinds)]
                for name in observers
            ],
        ),
        ideal_check="; ".join(
            f"{row['proportion_correct']:.3f} and {row['proportion_simulated']:.3f} at {_decibels(level)}"
            for level, row in zip(levels, results["by_level"][IDEAL], strict=True)
        ),
        false_alarms=markdown_table(
            ["Observer", *results["false_alarms"][NETWORK]],
            [
                [name, *(format_interval(row, "rate") for row in rows.values())]
                for name, rows in results["false_alarms"].items()
            ],
        ),
        misleading_artefacts=_list_misleading_artefacts(results["false_alarms"]),
        dreams_on_errors=_describe_dreams(results["dreams_on_errors"]),
        robust_dreams=_describe_dreams(results["robust_dreams_on_errors"]),
        **{f"figure_{name}": pictures.format(name) for name in FIGURES},
    )  # fmt: skip


def _compare(advantage: Mapping[str, Any], *, is_other_first: bool = False) -> str:
    """Return how the network compares with another observer, as far as the interval of the difference shows.

    With `is_other_first`, return how the other compares with the network.
    """
    low, high = advantage["proportion_correct_interval"]
    if is_other_first:
        low, high = -high, -low
    return "better than" if low > 0 else "worse than" if high < 0 else "neither clearly better nor worse than"


def _list_clearly_worse(overall: Mapping[str, Mapping[str, Any]], observer: str) -> str:
    """Return the observers whose intervals of d′ lie below that of another."""
    low = overall[observer]["d_prime_interval"][0]
    return ", ".join(
        name for name, row in overall.items() if name != IDEAL and row["d_prime_interval"][1] < low
    ) or "none"  # fmt: skip


def _summary_table(results: dict[str, Any], observers: list[str]) -> str:
    def cells(name: str) -> list[str]:
        row = results["overall"][name]
        return [
            name,
            format_interval(row, "proportion_correct"),
            "–" if name == IDEAL else format_interval(row, "d_prime"),
            format_number(row["d_prime_yes_no"]),
            "1" if name == IDEAL else format_interval(row, "efficiency", ".2g"),
            _describe_threshold(results["psychometric"][name], results["size"]["levels_db"]),
        ]

    header = ["Observer", "proportion correct", "d′ (2AFC)", "d′ (yes/no)", "efficiency", "threshold (dB)"]
    return markdown_table(header, [cells(name) for name in observers])


def _describe_threshold(fit: Mapping[str, Any], levels: list[float]) -> str:
    if fit["threshold"] > max(levels):
        return f"above {format_number(max(levels), '+.0f')}"
    if fit["threshold"] < min(levels):
        return f"below {format_number(min(levels), '+.0f')}"
    return format_interval(fit, "threshold", "+.1f")


def _list_misleading_artefacts(false_alarms: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the artefacts that give the network more false alarms than attributes, beyond the intervals."""
    return ", ".join(
        kind
        for kind in ARTEFACTS
        if kind in false_alarms[NETWORK]
        and false_alarms[NETWORK][kind]["rate_interval"][0] > false_alarms[ATTRIBUTES][kind]["rate_interval"][1]
    ) or "none"  # fmt: skip


def _describe_dreams(results: Mapping[str, Any]) -> str:
    if "difference" not in results:
        return fill_template("sight-no-dreams")
    low, high = results["difference_interval"]
    return fill_template(
        "sight-dreams",
        n=results["n"],
        layer=results["layer"],
        steps=results["steps"],
        false_alarms=format_interval(results, "false_alarms"),
        correct_rejections=format_interval(results, "correct_rejections"),
        difference=format_interval(results, "difference"),
        verdict="shows that dreams amplify false alarms" if low > 0
        else "shows that dreams suppress false alarms" if high < 0
        else "does not show that dreams favour one of them",
    )  # fmt: skip


def _decibels(level: float) -> str:
    return f"{format_number(level, '+.0f')} dB"
