"""`seisdream train`: make a network of one's own, or the shipped ones again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from seisdream.cli.command import command
from seisdream.cli.legacy import (
    SEGY_NAMES,
    SEGY_OPTIONS,
    DeferredProgressBar,
    check_exists,
    expand_home,
    show_notes,
    take_input_options,
    with_options,
)


@command(examples={})
@click.option("--preset", metavar="NAME", help="A run of ours: facies and f3-intervals (shipped), geology.")
@click.option(
    "--data",
    metavar="SOURCE",
    help="Your labels: a folder of sections with masks, a SEG-Y with labels beside it, an .npz, a folder of photos in "
    "one folder a class, or benchmark:NAME.",
)
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder of the run. [default: NAME.train]")
@click.option("--start", metavar="NETWORK", help="Start from the weights of this network; photographs from googlenet "
              "too. [default: random weights]")  # fmt: skip
@click.option("--weights", type=click.Path(), metavar="FILE", help="Of googlenet, to start from; fetched once without.")
@click.option("--lines", multiple=True, metavar="INPUT", help="Preset facies: a real line without labels, or a "
              "folder of lines, instead of sample:f3 and sample:npra; again for more.")  # fmt: skip
@click.option("--earths", type=click.IntRange(1), metavar="N",
              help="Presets: how many generated earths. [default: 10000]")  # fmt: skip
@click.option("--shuffled", is_flag=True, help="Give each item the labels of another: the control NAME@shuffled.")
@click.option("--steps", type=click.IntRange(1), metavar="N",
              help="Steps of training. [default: 4000, or the preset's]")  # fmt: skip
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Items in a step. [default: 8, or the preset's]")
@click.option("--learning-rate", type=float, metavar="X", help="The greatest. [default: 0.002, or the preset's]")
@click.option("--mirror", type=click.FloatRange(0), metavar="X",
              help="Weight of saying the same of mirror images. [default: 0, or the preset's]")  # fmt: skip
@click.option("--widths", metavar="N,N,…", help="Channels of each stage. [default: 16,32,64,128,160,224]")
@click.option("--validate-every", type=click.IntRange(1), metavar="N", help="Steps between looks at the held-out "
              "data; there the run is kept. [default: 250, or a quarter of fewer than 1000 steps]")  # fmt: skip
@click.option("--size", type=click.IntRange(16), default=224, show_default=True, metavar="N",
              help="Samples of an item down and across.")  # fmt: skip
@click.option("--held-out", type=float, metavar="X",
              help="Share of the lines to validate on; 0 learns from all.  [default: 0.2]")  # fmt: skip
@click.option("--guard", type=click.IntRange(0), metavar="N",
              help="Line numbers left out beside them. [default: 20, or a tenth]")  # fmt: skip
@click.option(
    "--split",
    type=click.Choice(["blocks", "random"]),
    help="How lines or photographs are held out: blocks of neighbours, or each by itself, which says little where "
    "neighbours are alike. [default: blocks of lines; photographs each by its name]",
)
@click.option("--polarity-flip", type=click.FloatRange(0, 1), default=0.0, show_default=True, metavar="X",
              help="Chance of a change of sign.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N",
              help="Of the first weights and, with --data, of the choice of items.")  # fmt: skip
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, metavar="N",
              help="Processes that prepare items.")  # fmt: skip
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 where the hardware has it.",
)
@click.option("--baselines/--no-baselines", default=True, show_default=True,
              help="Score, for the card, what the network has to beat too.")  # fmt: skip
@with_options(*SEGY_OPTIONS)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--force", is_flag=True, help="Begin anew where a run was, instead of resuming it.")
@click.option("--quiet", is_flag=True, help="No progress bar and no list of files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead, for scripts.")
def train(
    preset: str | None,
    data: str | None,
    out: str | None,
    start: str | None,
    weights: str | None,
    lines: tuple[str, ...],
    earths: int | None,
    shuffled: bool,
    widths: str | None,
    size: int,
    held_out: float | None,
    guard: int | None,
    split: str | None,
    polarity_flip: float,
    workers: int,
    baselines: bool,
    device: str,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Train a network on labelled seismic, on photographs, or again as a shipped one was trained.

    A run that was interrupted, or killed, goes on where it was when the same command is given again. Under torchrun,
    several processes (and GPUs) share each step.
    """
    if not preset and not data:
        raise click.UsageError("Say what to learn: --preset NAME, or --data SOURCE.")
    _check_options_apply(preset)
    source, headers = expand_home(data) if data else None, take_input_options(values, SEGY_NAMES)
    name = (preset or Path((source or "").rpartition(":")[2]).resolve().stem) + ("-shuffled" if shuffled else "")
    folder = Path(expand_home(out) if out else f"{name}.train")
    stages, share = _widths(widths), 0.2 if held_out is None else held_out

    from dataclasses import replace

    from seisdream.data.augment import GENTLE
    from seisdream.training import presets, runs
    from seisdream.training.distributed import joined, wait_for_all
    from seisdream.training.loop import Training, TrainingSettings
    from seisdream.training.pretrained import TUNING, load_pretrained

    changes = {name: values[option] for option, name in
               (("steps", "n_steps"), ("batch", "batch"), ("learning_rate", "learning_rate"), ("mirror", "mirror"))
               if values[option] is not None}  # fmt: skip
    changes |= {"n_workers": workers} | {option: values[option] for option in ("seed", "precision")}
    steps = values["steps"]
    if often := values["validate_every"] or (steps and steps < 1000 and max(1, steps // 4)):
        changes["validate_every"] = often
    start = start or (presets.PRESETS[preset].start if preset in presets.PRESETS else None) or None
    begins, classes = {}, ()
    if weights and start != "googlenet":
        raise click.UsageError("--weights belongs to --start googlenet; other networks bring theirs. Leave it out.")
    if stages:
        if start:
            raise click.UsageError(f"The network {start}, from which it starts, has widths; leave out --widths.")
        changes["settings"] = {"widths": stages}
    if start:
        architecture, begins, classes = load_pretrained(
            start, weights=expand_home(weights) if weights else None, tells_photos=True
        )
        changes = (TUNING if architecture.get("architecture") == "googlenet" else {}) | changes | architecture
    with joined() as is_first:
        learned_from = {
            "preset": preset, "data": source, "lines": list(lines), "earths": earths, "shuffled": shuffled,
            "start": start, "weights": weights, "size": size, "held_out": share, "guard": guard,
            "split": split or "blocks", "polarity_flip": polarity_flip, **headers,
        }  # fmt: skip
        if preset:
            asked = {"data": source, "lines": [expand_home(line) for line in lines], "n_earths": earths,
                     "held_out": held_out}  # fmt: skip
            presets.check_preset(preset, **asked)
            for line in asked["lines"]:
                check_exists(line)
            # Earths are kept in the folder, so it is entered before them, and after all that can be refused without.
            runs.enter_folder(folder, learned_from, force=force, writes=is_first)
            wait_for_all()
            run = presets.preset_run(preset, folder / "earths", **asked, changes=changes, is_shuffled=shuffled)
        else:
            assert source is not None
            run = runs.labelled_run(
                source, replace(TrainingSettings(), **changes), size=size, held_out=share, guard=guard,
                is_random=None if split is None else split == "random",
                augmentation=replace(GENTLE, polarity=polarity_flip) if polarity_flip else GENTLE,
                is_shuffled=shuffled, **headers,
            )  # fmt: skip
            if not (split or run.split):
                learned_from["split"] = "names"  # Photographs have no lines, and by default no blocks.
            runs.enter_folder(folder, learned_from, force=force, writes=is_first)
            wait_for_all()
        show_notes(run.notes, quiet=quiet or not is_first)
        if start and classes != tuple(run.data.classes):
            # As many classes are not the same classes.
            begins = {name: value for name, value in begins.items() if not name.startswith("logits.")}
        training = Training(
            run.recipe, run.data, run.validation, run.n_validation, folder,
            start=begins or None, device=device,
        )  # fmt: skip
        is_shown = is_first and not (quiet or as_json)
        scores = _walk(training, is_shown=is_shown)
    if not is_first:
        return
    with DeferredProgressBar(is_shown=is_shown) as bar:  # By one process alone, when the others have left.
        files = runs.write_run(
            run, training, scores, folder, with_baselines=baselines, device=device, progress=bar.follows("section")
        )
    if as_json:
        summary = {"out": os.fspath(folder), "files": [str(path) for path in files], "scores": scores.as_dict()}
        click.echo(json.dumps(summary, ensure_ascii=False))
    elif not quiet:
        click.echo(f"Mean IoU {scores.mean_iou:.3f}, pixel accuracy {scores.pixel_accuracy:.3f} on {run.scored_on}:")
        for path in files:
            click.echo(f"  {path}")


_ONLY_WITH_DATA = ("size", "guard", "split", "polarity_flip", *SEGY_NAMES)
_ONLY_WITH_PRESETS = ("lines", "earths")


def _check_options_apply(preset: str | None) -> None:
    """Raise where an option is given that the run would not look at."""
    context = click.get_current_context()
    for name in _ONLY_WITH_DATA if preset else _ONLY_WITH_PRESETS:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            whom = f"A preset has its own {option}" if preset else f"{option} belongs to presets"
            raise click.UsageError(f"{whom}; leave it out.")


def _widths(text: str | None) -> list[int] | None:
    if text is None:
        return None
    words = text.split(",")
    if len(words) < 2 or not all(word.strip().isdecimal() and int(word) for word in words):
        raise click.BadParameter(f"'{text}' is not two whole numbers or more between commas", param_hint="--widths")
    return [int(word) for word in words]


def _walk(training: Any, *, is_shown: bool) -> Any:
    """Walk through a run with a bar of loss, mean IoU and time left; return the last scores."""
    from tqdm import tqdm

    n_steps, scores = training.recipe.n_steps, None
    with tqdm(total=n_steps, initial=training.step, unit="step", disable=not is_shown, dynamic_ncols=True) as bar:
        for state in training.states():
            scores = state.scores or scores
            told = f", mean IoU {scores.mean_iou:.3f}" if scores else ""
            bar.set_postfix_str(f"loss {state.loss:.3f}{told}", refresh=False)
            bar.update()
    # A run that had ended already is only looked at once more.
    return scores or training.validate()
