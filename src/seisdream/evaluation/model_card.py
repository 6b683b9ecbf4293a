"""Model cards: what a trained network is, what it was trained on, how well it performs, and where it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seisdream.evaluation.scores import HEADLINES
from seisdream.io.atomic import writing_file
from seisdream.io.tables import markdown_table
from seisdream.models.checkpoints import ModelMetadata

# Classes below this IoU are listed as failures.
_WEAK_IOU = 0.5
_BY_CLASS = "iou"


def write_card(
    metadata: ModelMetadata,
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
    metadata : ModelMetadata
        The network's metadata. Its ``metrics`` hold, for each dataset, the scores of one method, or of several methods
        by name as `Evaluation.metrics` returns them.
    path : path
        The file to write.
    name : str
        Name or file of the network.
    preset : str, optional
        Preset of `seisdream train` that trains it again.
    failures : sequence of str, optional
        Known failures that scores do not show, one sentence each.
    force : bool, default False
        Replace an existing file.
    """
    with writing_file(path, force=force) as partial:
        Path(partial).write_text(make_card(metadata, name=name, preset=preset, failures=failures), "utf-8", "replace")


def make_card(metadata: ModelMetadata, *, name: str, preset: str = "", failures: Sequence[str] = ()) -> str:
    """Return the model card that `write_card` writes."""
    parts = [
        f"# {name}\n\n{_sentence(_capitalised(metadata.title)) or 'A network trained by seisdream.'}",
        f"## Architecture\n\n{_architecture(metadata, name)}",
        f"## Training data\n\n{_sentence(metadata.data) or 'Not stated.'}",
        f"## Classes\n\n{_classes(metadata)}",
        f"## Evaluation\n\n{_evaluation(metadata.metrics)}",
        f"## Known failures\n\n{_failures(metadata.metrics, failures)}",
        f"## Train it again\n\n{_train_again(metadata, preset)}",
        f"## Credit and licence\n\n{_credit(metadata)}",
    ]
    return "\n\n".join(parts) + "\n"


def _architecture(metadata: ModelMetadata, name: str) -> str:
    settings = {key: value for key, value in metadata.settings.items() if key != "n_classes"}
    rows = [
        ["Architecture", f"`{metadata.architecture}`"],
        *([f"`{key}`", f"`{json.dumps(value)}`"] for key, value in settings.items()),
        ["Input", "one channel from −1 (black) to 1 (white): amplitudes divided by their 99th percentile and clipped"],
        *(
            [f"Mean {quantity} of the training data", f"{known[0]} to {known[1]} cycles per {unit}"]
            for quantity, known, unit in (
                ("frequency", metadata.frequencies, "sample"),
                ("wavenumber", metadata.wavenumbers, "trace"),
            )
            if known
        ),
        ["Output", f"logits of {len(metadata.classes)} classes"],
        ["Layer to dream on", f"`{metadata.default_layer}`" if metadata.default_layer else "chosen by seisdream"],
    ]
    source = "VOLUME.sgy" if metadata.settings.get("n_dims") == 3 else "LINE.sgy"
    commands = f"    seisdream dream {source} --network {name}"
    if metadata.architecture == "unet":
        commands += f"\n    seisdream predict {source} --network {name}"
    return f"{markdown_table(['', ''], rows)}\n\n{commands}"


def _classes(metadata: ModelMetadata) -> str:
    if not metadata.classes:
        return "None."
    # Files may be written without colours.
    colours = metadata.colours or ("",) * len(metadata.classes)
    pairs = zip(metadata.classes, colours, strict=True)
    rows = [[str(code), label, f"`{colour}`" if colour else "–"] for code, (label, colour) in enumerate(pairs)]
    return markdown_table(["Code", "Class", "Colour"], rows)


def _evaluation(metrics: Mapping[str, Any]) -> str:
    if not metrics:
        return "Not evaluated."
    parts = []
    for data, methods in _by_method(metrics).items():
        known = [score for score in HEADLINES if any(score in scores for scores in methods.values())]
        others = {key for scores in methods.values() for key in scores} - set(HEADLINES) - {_BY_CLASS}
        columns = known + sorted(others)
        rows = [[method, *(_number(scores.get(score)) for score in columns)] for method, scores in methods.items()]
        parts.append(
            f"### {data}\n\n" + markdown_table(["Method", *(HEADLINES.get(one, one) for one in columns)], rows)
        )
        by_class = {method: scores[_BY_CLASS] for method, scores in methods.items() if scores.get(_BY_CLASS)}
        if by_class:
            labels = next(iter(by_class.values()))
            rows = [[label, *(_number(scores.get(label)) for scores in by_class.values())] for label in labels]
            parts.append("IoU of each class:\n\n" + markdown_table(["Class", *by_class], rows))
    parts.append(
        "All methods are scored on the same samples. Depth only predicts the most frequent class at each depth; "
        "linear probes predict classes from a network's layers by logistic regression. ECE, the expected calibration "
        "error, is better when it is smaller; all other scores are better when they are larger."
    )
    return "\n\n".join(parts)


def _failures(metrics: Mapping[str, Any], failures: Sequence[str]) -> str:
    sentences = [_sentence(failure) for failure in failures]
    for data, methods in _by_method(metrics).items():
        (method, scores), *others = methods.items()
        weak = {
            label: iou for label, iou in (scores.get(_BY_CLASS) or {}).items() if iou is not None and iou < _WEAK_IOU
        }
        if weak:
            worst = ", ".join(f"{label} ({iou:.2f})" for label, iou in sorted(weak.items(), key=lambda one: one[1]))
            sentences.append(f"On {data}, IoU is below {_WEAK_IOU} for {worst}.")
        own = scores.get("mean_iou")
        better = [other for other, theirs in others if own is not None and (theirs.get("mean_iou") or 0.0) >= own]
        if better:
            sentences.append(f"On {data}, the mean IoU of the {method} does not exceed that of: {'; '.join(better)}.")
    sentences.append(
        "It assigns one of its classes to everything, including what it was not trained on; a high probability is no "
        "proof."
    )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _train_again(metadata: ModelMetadata, preset: str) -> str:
    recipe = (
        "```json\n" + json.dumps(metadata.recipe, indent=1, ensure_ascii=False) + "\n```" if metadata.recipe else ""
    )
    how = f"    seisdream train --preset {preset}" if preset else "With `seisdream train` and the settings below."
    return "\n\n".join(part for part in (how if preset or recipe else "Not stated.", recipe) if part)


def _credit(metadata: ModelMetadata) -> str:
    credit = _sentence(metadata.credit) or "Not stated."
    return f"{credit}\n\nLicence: {_sentence(metadata.licence) or 'not stated; ask before you redistribute it.'}"


def _by_method(metrics: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return metrics by dataset, method and score, whether or not they name methods."""
    by_method = {}
    for data, scores in metrics.items():
        has_methods = scores and all(isinstance(value, Mapping) for value in scores.values())
        by_method[data] = dict(scores) if has_methods else {"network": scores}
    return by_method


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "–" if value is None else str(value)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."
