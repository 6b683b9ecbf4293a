"""`seisdream train`: train a network on labelled data, or one of the package's networks again."""

from __future__ import annotations

from typing import Any

from seisdream.cli.command import command, option
from seisdream.cli.options import SEGY_FIELDS, expand_home, options_of, output_options, take
from seisdream.cli.report import ProgressBar, report, show_notes, summary_of
from seisdream.io.options import InputOptions
from seisdream.training.settings import TrainingSettings

_EXAMPLES = {
    "Train on sections with masks": "seisdream train --data LABELLED_FOLDER --out mine.train",
    "Start from the weights of facies": "seisdream train --data LABELLED_FOLDER --start facies",
    "Train facies again, with fewer earths and steps": "seisdream train --preset facies --earths 500 --steps 1000",
}


@command(examples=_EXAMPLES)
@option(
    "--data",
    metavar="SOURCE",
    title="Input",
    help="Labelled data: a folder of sections with masks, a SEG-Y with labels in its folder, a Zarr volume with class "
    "codes, an .npz, photographs in one folder per class, or benchmark:NAME.",
)
@options_of(TrainingSettings)
@options_of(InputOptions, only=SEGY_FIELDS)
@output_options("run", "NAME.train", resumes=True)
def train(data: str | None, out: str | None, force: bool, quiet: bool, as_json: bool, **values: Any) -> None:
    """Train a network on labelled seismic or photographs.

    With --preset, train one of the package's networks again. An interrupted run is resumed when the same command is
    given again. Under torchrun, several processes (and GPUs) share each step.
    """
    input_options = take(InputOptions, values, only=SEGY_FIELDS)
    given = take(TrainingSettings, values)
    if input_options:
        given["input_options"] = input_options
    for name in ("start", "weights"):
        if name in given:
            given[name] = expand_home(given[name])
    if "unlabelled" in given:
        given["unlabelled"] = tuple(map(expand_home, given["unlabelled"]))

    from seisdream.training.distributed import process_group
    from seisdream.training.train import TrainingRun

    source, folder = data and expand_home(data), out and expand_home(out)
    with process_group() as is_first, ProgressBar(is_shown=is_first and not (quiet or as_json)) as bar:
        run = TrainingRun(source, folder=folder, force=force, **given)
        show_notes(run.plan.notes, quiet=quiet or not is_first)
        bar.start(run.settings.steps, "step", done=run.training.step)
        for state in run.states():
            iou = f", mean IoU {run.scores.mean_iou:.3f}" if run.scores else ""
            bar.advance(values=f"loss {state.loss:.3f}{iou}")
    if not is_first:
        return
    with ProgressBar(is_shown=not (quiet or as_json)) as bar:  # By one process, when the others have ended.
        files = run.write_results(progress=bar.callback("section"))
    assert run.scores is not None
    summary = summary_of(
        "training",
        {"scores": run.scores.as_dict(), "scored_on": run.plan.scored_on},
        out=str(run.folder),
        files=files,
        notes=run.plan.notes,
        settings=run.settings.to_dict(),
    )
    headline = f"Mean IoU {run.scores.mean_iou:.3f}, pixel accuracy {run.scores.pixel_accuracy:.3f}"
    report(summary, [f"{headline} on {run.plan.scored_on}:"], quiet=quiet, as_json=as_json)
