"""Build the pages of experiments from their results, so that no number in them is typed by hand.

python docs/build_experiments.py [FOLDER ...]

A folder, as `seisdream experiment` writes it, is copied first: its results become docs/experiments/NAME.json and its
figures docs/pictures/PAGE-*.png. Then docs/explanation/PAGE.md is written from the results of every experiment; PAGE is
NAME, or what the experiment calls its page. It ends with the shipped networks whose weights have changed since the run.
"""

import json
import sys
from pathlib import Path

from PIL import Image

from seisdream.models.checkpoints import SHIPPED
from seisdream.models.registry import load_network
from seisdream.research.experiments.base import PAGE_FILE, RESULTS_FILE, find_experiment

DOCS = Path(__file__).parent
LARGEST = 700_000  # Bytes of a picture.
RESULTS, PICTURES, PAGES = DOCS / "experiments", DOCS / "pictures", DOCS / "explanation"


def copy_run(folder):
    """Copy the results and the figures of a run."""
    text = (folder / RESULTS_FILE).read_text(encoding="utf-8")
    name = json.loads(text)["experiment"]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            file = PICTURES / f"{page_name_of(name)}-{path.name}"
            write_small(picture.convert("RGB"), file)


def write_small(picture, file):
    """Write a picture with as many colours as its largest size allows."""
    for n_colours in (256, 64, 32, 24, 16):
        picture.quantize(n_colours).save(file, optimize=True)
        if file.stat().st_size <= LARGEST:
            return


def page_name_of(name):
    """Return the name of an experiment's page."""
    return find_experiment(name).page_name or name


def page_of(name):
    """Return the page of an experiment, from its results and nothing else."""
    results = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    page = find_experiment(name).page(results, f"../pictures/{page_name_of(name)}-{{}}.png")
    changed = [
        f"`{network}`"
        for network, sha256 in results.get("networks", {}).items()
        if network in SHIPPED and load_network(network).sha256 != sha256
    ]
    if changed:
        page += f"\nThe weights of {' and '.join(changed)} have changed since this run.\n"
    return page


def main():
    for folder in map(Path, sys.argv[1:]):
        if not (folder / PAGE_FILE).is_file():
            sys.exit(f"{folder} is no folder of an experiment: it has no {PAGE_FILE}")
        copy_run(folder)
    for path in sorted(RESULTS.glob("*.json")):
        (PAGES / f"{page_name_of(path.stem)}.md").write_text(page_of(path.stem), encoding="utf-8")


if __name__ == "__main__":
    main()
