"""Time the whole dream of the 2015 post as a command: eight levels of a colour picture of 1024 × 575 pixels.

    python benchmarks/level8.py [--levels 8] [--naive-levels 8] [--precision auto]

The picture is F3 inline 362 in a diverging colour map, resized. Timed from the return key to the last file are

- `seisdream dream PICTURE --levels 8`: imports, the dream, the pictures of every level, the film and the figure;
- the plain transcription of the recipe in its own process: the same levels with the same zoom between them, one
  picture at the end. It takes minutes; `--naive-levels 1` runs only one level and multiplies its time by the number of
  levels, which the output states.

Printed are both, their ratio, and the ratio of the post's 20 minutes to seisdream's time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from contenders import SHARED, transcription

SIZE = (575, 1024)
LAYER = "inception_4c/output"
ZOOM = 0.05
POST_SECONDS = 20 * 60


def write_picture(path, section):
    """Write a section in colour, at the post's size."""
    import matplotlib
    import scipy.ndimage
    from PIL import Image

    from seisdream.io.inputs import open_section
    from seisdream.seismic.sections import GreyMapping

    opened = open_section(section)
    grey = GreyMapping.of(opened).to_grey(opened.values).clip(0, 255)
    grey = scipy.ndimage.zoom(grey, [new / old for new, old in zip(SIZE, grey.shape, strict=True)], order=1)
    Image.fromarray(matplotlib.colormaps["RdBu"](grey / 255, bytes=True)[..., :3]).save(path)


def dream_naively(options):
    """Dream by the transcription; print the seconds that the dream itself took as JSON."""
    import scipy.ndimage
    from PIL import Image
    from safetensors.torch import load_file

    picture = np.float32(Image.open(options.picture))
    weights = {name: tensor.requires_grad_(True) for name, tensor in load_file(options.weights).items()}
    dream = transcription().dream
    middle = [length * ZOOM / 2 for length in picture.shape[:2]]
    began = time.perf_counter()
    for level in range(options.naive_levels):
        if level:
            shrink = [1 - ZOOM, 1 - ZOOM, 1]
            picture = scipy.ndimage.affine_transform(picture, shrink, [*middle, 0], order=1, mode="nearest")
        picture, _, _ = dream(weights, picture, seed=level)
    seconds = time.perf_counter() - began
    Image.fromarray(picture.round().astype(np.uint8)).save(options.picture.with_name("naive.png"))
    print(json.dumps({"dreaming": seconds}))


def timed(command):
    """Run a command; return its wall time in seconds, from start to end, and what it printed last."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return seconds, (done.stdout.strip().splitlines() or [""])[-1]


def read_options():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, default=8, help="levels of the dream [8]")
    parser.add_argument("--naive-levels", type=int, help="levels that the transcription runs [all]")
    parser.add_argument("--precision", default="auto", help="seisdream's [auto]")
    parser.add_argument("--out", type=Path, help="keep picture and dreams in this folder [removed afterwards]")
    parser.add_argument("--section", default=str(SHARED / "data" / "f3_inline362.npz"))
    parser.add_argument("--weights", default=str(SHARED / "weights" / "bvlc_googlenet.safetensors"))
    parser.add_argument("--picture", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.naive_levels = options.naive_levels or options.levels
    if not 1 <= options.naive_levels <= options.levels:
        parser.error(f"--naive-levels {options.naive_levels} must be 1 to {options.levels}.")
    return options


def compare(options, folder):
    """Measure and print."""
    picture = folder / "picture.png"
    write_picture(picture, options.section)
    ours = [sys.executable, "-m", "seisdream", "dream", str(picture), "--network", "googlenet"]
    ours += ["--weights", options.weights, "--layer", LAYER, "--levels", str(options.levels)]
    ours += ["--precision", options.precision, "--out", str(folder / "dream"), "--force"]
    our_seconds, _ = timed(ours)
    naive = [sys.executable, __file__, "--picture", str(picture), "--weights", options.weights]
    naive += ["--levels", str(options.levels), "--naive-levels", str(options.naive_levels)]
    naive_seconds, line = timed(naive)
    note = ""
    if options.naive_levels < options.levels:
        dreaming = json.loads(line)["dreaming"]
        naive_seconds += dreaming * (options.levels / options.naive_levels - 1)
        note = f" (scaled: {options.naive_levels} of {options.levels} levels ran, dreaming for {dreaming:.1f} s)"
    print(f"{options.levels} levels of 4 octaves × 10 steps, {SIZE[1]} × {SIZE[0]} in colour, GoogLeNet {LAYER},")
    print(f"{options.precision}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}")
    print(f"seisdream dream --levels {options.levels}: {our_seconds:.1f} s from return to the last file")
    print(f"plain transcription: {naive_seconds:.1f} s, {naive_seconds / our_seconds:.2f} times as long{note}")
    if options.levels == 8:
        print(f"the post: {POST_SECONDS // 60} minutes, {POST_SECONDS / our_seconds:.1f} times as long")


def main():
    """Measure and print, or dream naively."""
    options = read_options()
    if options.picture:
        dream_naively(options)
    elif options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        compare(options, options.out)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(options, Path(folder))


if __name__ == "__main__":
    main()
