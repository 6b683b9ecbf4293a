"""Model cards: what a trained network is, what it saw, how good it is, and where it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seisdream.evaluation.confusion import HEADLINES
from seisdream.io.atomic import writing_file
from seisdream.io.tables import markdown_table
from seisdream.models.checkpoints import ModelMetadata

# A class below this IoU is a failure that the card names.
_WEAK_IOU = 0.5
_EACH = "iou"


def write_card(
    story: ModelMetadata,
    path: str | os.PathLike[str],
    *,
    name: str,
    preset: str = "",
    failures: Sequence[str] = (),
    force: bool = False,
) -> None:
    """Write the model card of a trained network as Markdown, after Mitchell and others (2019).

    Parameters
    ----------
    story : Story
        What the network's file says of itself. Its ``metrics`` are, for each data set, the scores of one method, or
        of several by name, as `Evaluation.metrics` gives them.
    path : path
        The file to write.
    name : str
        What the network is called, such as ``facies`` or a file.
    preset : str, optional
        Of `seisdream train`, that makes it again.
    failures : sequence of str, optional
        Where it fails, beyond what the numbers say; a sentence each.
    force : bool, default False
        Replace a file that is there.
    """
    with writing_file(path, force=force) as aside:
        Path(aside).write_text(card_of(story, name=name, preset=preset, failures=failures), encoding="utf-8")


def card_of(story: ModelMetadata, *, name: str, preset: str = "", failures: Sequence[str] = ()) -> str:
    """Return the model card that `write_card` writes."""
    parts = [
        f"# {name}\n\n{_sentence(story.title) or 'A network trained by seisdream.'}",
        f"## What it is\n\n{_what_it_is(story, name)}",
        f"## What it saw\n\n{_sentence(story.data) or 'The data that it was trained on are not told.'}",
        f"## Classes\n\n{_classes(story)}",
        f"## Measured\n\n{_measured(story.metrics)}",
        f"## Known failures\n\n{_failures(story.metrics, failures)}",
        f"## Train it again\n\n{_again(story, preset)}",
        f"## Credit and licence\n\n{_credit(story)}",
    ]
    return "\n\n".join(parts) + "\n"


def _what_it_is(story: ModelMetadata, name: str) -> str:
    settings = {key: value for key, value in story.settings.items() if key != "n_classes"}
    rows = [
        ["Architecture", f"`{story.architecture}`"],
        *([f"`{key}`", f"`{json.dumps(value)}`"] for key, value in settings.items()),
        ["Input", "one channel, −1 (black) to 1 (white): amplitudes clipped at their 99th percentile, zero at 0"],
        *(
            [["Mean frequency of what it saw", "{} to {} cycles a sample".format(*story.frequencies)]]
            if story.frequencies
            else []
        ),
        ["Output", f"logits of {len(story.classes)} classes"],
        ["Layer to dream on", f"`{story.default_layer}`" if story.default_layer else "the network's own"],
    ]
    use = f"    seisdream dream LINE.sgy --network {name}"
    if story.architecture == "unet":
        use += f"\n    seisdream predict LINE.sgy --network {name}"
    return f"{markdown_table(['', ''], rows)}\n\n{use}"


def _classes(story: ModelMetadata) -> str:
    if not story.classes:
        return "None."
    # A file that was written without colours still has classes.
    colours = story.colours or ("",) * len(story.classes)
    pairs = zip(story.classes, colours, strict=True)
    rows = [[str(code), label, f"`{colour}`" if colour else "–"] for code, (label, colour) in enumerate(pairs)]
    return markdown_table(["Code", "Class", "Colour"], rows)


def _measured(metrics: Mapping[str, Any]) -> str:
    if not metrics:
        return "Nothing was measured."
    parts = []
    for data, methods in _by_method(metrics).items():
        known = [score for score in HEADLINES if any(score in scores for scores in methods.values())]
        others = {key for scores in methods.values() for key in scores} - set(HEADLINES) - {_EACH}
        columns = known + sorted(others)
        rows = [[method, *(_number(scores.get(score)) for score in columns)] for method, scores in methods.items()]
        parts.append(
            f"### {data}\n\n" + markdown_table(["Method", *(HEADLINES.get(one, one) for one in columns)], rows)
        )
        by_class = {method: scores[_EACH] for method, scores in methods.items() if scores.get(_EACH)}
        if by_class:
            labels = next(iter(by_class.values()))
            rows = [[label, *(_number(scores.get(label)) for scores in by_class.values())] for label in labels]
            parts.append("IoU of each class:\n\n" + markdown_table(["Class", *by_class], rows))
    parts.append(
        "Every method is scored on the same samples, none of which was learned from. Depth only tells the class that "
        "is most frequent at a sample's depth, the probes read classes off a network's layers by a plane, and ECE "
        "(expected calibration error) is the only score that is better when it is smaller."
    )
    return "\n\n".join(parts)


def _failures(metrics: Mapping[str, Any], failures: Sequence[str]) -> str:
    told = [_sentence(failure) for failure in failures]
    for data, methods in _by_method(metrics).items():
        (method, scores), *others = methods.items()
        weak = {label: iou for label, iou in (scores.get(_EACH) or {}).items() if iou is not None and iou < _WEAK_IOU}
        if weak:
            worst = ", ".join(f"{label} ({iou:.2f})" for label, iou in sorted(weak.items(), key=lambda one: one[1]))
            told.append(f"On {data}, less than half is told right, by IoU, of: {worst}.")
        mine = scores.get("mean_iou")
        beaten = [other for other, theirs in others if mine is not None and (theirs.get("mean_iou") or 0.0) >= mine]
        if beaten:
            told.append(f"On {data}, the {method} is no better by mean IoU than: {'; '.join(beaten)}.")
    told.append(
        "What it was not trained on it takes for something that it knows: the classes are all it has, and a high "
        "probability is no proof."
    )
    return "\n".join(f"- {one}" for one in told)


def _again(story: ModelMetadata, preset: str) -> str:
    recipe = "```json\n" + json.dumps(story.recipe, indent=1, ensure_ascii=False) + "\n```" if story.recipe else ""
    how = f"    seisdream train --preset {preset}" if preset else "With `seisdream train` and the numbers below."
    return "\n\n".join(
        part for part in (how if preset or recipe else "How it was trained is not told.", recipe) if part
    )


def _credit(story: ModelMetadata) -> str:
    credit = _sentence(story.credit) or "Nobody is named."
    return f"{credit}\n\nLicence: {_sentence(story.licence) or 'not stated; ask before you pass it on.'}"


def _by_method(metrics: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return metrics as data set, method, score, whether or not methods were told apart."""
    told = {}
    for data, scores in metrics.items():
        has_methods = scores and all(isinstance(value, Mapping) for value in scores.values())
        told[data] = dict(scores) if has_methods else {"network": scores}
    return told


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "–" if value is None else str(value)


def _sentence(words: str) -> str:
    words = words.strip()
    return words if not words or words[-1] in ".!?" else f"{words}."
