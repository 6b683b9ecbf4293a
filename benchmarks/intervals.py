"""Score f3-intervals on held-out lines: clipped pictures and true amplitude.

    python benchmarks/intervals.py DIR
    seisdream train --preset f3-intervals --data DIR --out RUN
    python benchmarks/intervals.py DIR RUN/network.safetensors
    seisdream train --preset f3-intervals --data DIR --held-out 0.6 --out FAR
    python benchmarks/intervals.py DIR FAR/network.safetensors --distance 200
    python benchmarks/intervals.py NEAR --until 531
    seisdream train --preset f3-intervals --data NEAR --held-out 0 --out CROSSED
    python benchmarks/intervals.py NEAR CROSSED/network.safetensors --until 531 --distance 200

The first line makes the folder of labelled lines, and prints how similar the two kinds of data are where lines cross:
the correlation of a picture's column with the inline's trace, and how often their signs agree. The run holds out the
last block of the labelled F3 crosslines, and the part of inline 362 that crosses it; the shipped weights were trained
on all lines afterwards, so they cannot be scored here. Printed for the crosslines (8-bit pictures, most samples
clipped) and for the part of the inline (true amplitude): pixel accuracy and mean IoU of the network sample by sample,
of its map as `seisdream predict` makes it (five evaluations, intervals in order), of depth alone, and of the nearest
training crossline, copied. `--distance` scores only what lies at least so many crosslines beyond the last one that was
not held out. With `--until` the folder gets only the crosslines up to a number, and the whole of inline 362, whose
labels then cross the distant crosslines; those are scored, from a second folder NEAR-all, and no inline.
"""

import argparse
import os
import shutil
from pathlib import Path

import numpy as np
import torch

import seisdream
from seisdream.data.benchmarks import BENCHMARKS
from seisdream.data.registry import open_dataset
from seisdream.data.splits import split_lines
from seisdream.evaluation.confusion import ConfusionCounter
from seisdream.evaluation.dummy_classifiers import fit_depth_only
from seisdream.evaluation.evaluate import NETWORK, evaluate
from seisdream.evaluation.test_sets import from_split
from seisdream.inference.predict import predict
from seisdream.models.checkpoints import read_metadata

DATA = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared")) / "data"
FILES = ("f3_crosslines_intervals.npz", "f3_inline362.npz")
# Columns of the pictures run over inlines 100 to 561, and rows over 462 samples: all of the inline's but its first.
INLINE, FIRST, LAST, N_TIMES = 362, 100, 561, 462


def fill(folder, until=None):
    """Put the labelled lines, or of the crosslines those up to a number, into a folder, with classes and credit."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(DATA / name, folder / name)
    if until is not None:
        crosslines = dict(np.load(DATA / FILES[0]))
        is_near = crosslines["crossline"] <= until
        np.savez(folder / FILES[0], **{name: values[is_near] for name, values in crosslines.items()})
    published = BENCHMARKS["f3-intervals"]
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in published.classes))
    (folder / "credit.txt").write_text(f"{published.credit}; {published.licence}\n")
    return folder


def score(lines, classes, predict_line):
    """Return pixel accuracy and mean IoU of predicted probabilities ``(class, time, trace)`` of lines."""
    counter = ConfusionCounter(classes)
    for line in lines:
        section, labels = line.open()
        probabilities = torch.from_numpy(predict_line(line, section))[None]
        counter.update(probabilities, torch.from_numpy(labels)[None], are_probabilities=True)
    scores = counter.scores()
    return scores.pixel_accuracy, scores.mean_iou


def copied(line, training, n_classes):
    """Return the labels of the nearest training line, as probabilities."""
    nearest = min(training, key=lambda other: abs(other.number - line.number))
    return np.moveaxis(np.eye(n_classes, dtype=np.float32)[nearest.open()[1]], -1, 0)


def mapped(section, network):
    """Return the map that `seisdream predict` makes, as probabilities."""
    classes = predict(section, network).classes.values
    return np.stack([(classes == code).astype(np.float32) for code in range(len(network.classes))])


def show(name, network, training, lines):
    """Print the scores on some lines."""
    n_classes = len(training.classes)
    held_out = from_split(training, training.with_lines(tuple(lines), name))
    scores = evaluate(network, held_out, baselines=False).scores[NETWORK]
    depth = fit_depth_only(held_out.training, n_classes)
    rows = {
        "network": (scores.pixel_accuracy, scores.mean_iou),
        "its map": score(lines, training.classes, lambda line, section: mapped(section, network)),
        "depth only": score(lines, training.classes, lambda line, section: depth.probabilities(section)),
    }
    along = [line for line in training.lines if line.axis == lines[0].axis and line.number is not None]
    if lines[0].axis == "crossline":
        rows["nearest line, copied"] = score(
            lines, training.classes, lambda line, section: copied(line, along, n_classes)
        )
    for method, (accuracy, iou) in rows.items():
        print(f"{name:44}{method:24}{accuracy:>16.3f}{iou:>10.3f}", flush=True)


def beyond(first, lines):
    """Return the crosslines from a number on, and the parts of inlines that cross them."""
    crosslines = [line for line in lines if line.axis == "crossline" and line.number >= first]
    inlines = [line for line in lines if line.axis == "inline" and line.traces[1] >= first]
    return crosslines + [line.crop(max(first, line.traces[0]), line.traces[1]) for line in inlines]


def show_similarity():
    """Print how similar pictures and amplitudes are where they cross."""
    pictures, inline = (np.load(DATA / name) for name in FILES)
    column = round((INLINE - FIRST) / (LAST - FIRST) * (pictures["image"].shape[2] - 1))
    n_rows = pictures["image"].shape[1]
    rows = 1.0 + (np.arange(n_rows) + 0.5) * N_TIMES / n_rows - 0.5
    rows_of_lines = []
    for picture, number in zip(pictures["image"], pictures["crossline"], strict=True):
        trace = inline["amplitude"][:, list(inline["crossline"]).index(number)].astype(float)
        pictured, true = picture[:, column] - 127.5, np.interp(rows, np.arange(len(trace)), trace)
        rows_of_lines.append((np.corrcoef(pictured, true)[0, 1], np.mean(np.sign(pictured) == np.sign(true))))
    clipped = np.mean((pictures["image"] == 0) | (pictures["image"] == 255))
    correlation, agreement = np.median(rows_of_lines, axis=0)
    print(f"clipped samples {clipped:.3f}; where lines cross: correlation {correlation:.3f}, signs {agreement:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of labelled lines; made if it is not there")
    parser.add_argument("network", nargs="?", help="file of a run that held the last block out")
    parser.add_argument("--distance", type=int, default=0, help="from the last training crossline, in line numbers")
    parser.add_argument("--until", type=int, help="train on the crosslines up to this number, and on the whole inline")
    options = parser.parse_args()
    show_similarity()
    data = open_dataset(str(fill(options.folder, options.until)))
    if options.network is None:
        return
    training, validation = (
        split_lines(data, **read_metadata(options.network).split)
        if options.until is None
        else (data, open_dataset(str(fill(options.folder.with_name(f"{options.folder.name}-all")))))
    )
    network = seisdream.load_network(options.network)
    first = max(line.number for line in training.lines if line.axis == "crossline") + options.distance
    print(f"{'held-out lines':44}{'method':24}{'pixel accuracy':>16}{'mean IoU':>10}")
    for axis, name in (("crossline", "crosslines (8-bit, clipped)"), ("inline", "inline 362 (true amplitude)")):
        if axis == "crossline" or options.until is None:
            show(name, network, training, beyond(first, [line for line in validation.lines if line.axis == axis]))


if __name__ == "__main__":
    main()
