"""Concepts compared with single channels, random weights and halves of the data, on generated earths.

Prints, for each network: mean best average precision over the facies and faults of concepts, of single channels and of
the concepts of random weights; how well halves of the data agree; and what each facies is found by. With a file
instead, the time that its concepts take, and how well their dreams tell them apart: the mean correlation between the
dreams of two concepts, without its sign, and how strong each concept is in the middle of its own dream and of those of
others, where 1 is what 99 % of the line are below.

    python benchmarks/concepts.py facies facies-robust
    python benchmarks/concepts.py facies --file f3_inline362.npz
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

import seisdream as sd
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.concepts import open_concepts
from seisdream.representations.likeness import labelled_sections


def main() -> None:
    """Measure the networks that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--layer", default="enc5")
    parser.add_argument("--sections", type=int, default=140)
    parser.add_argument("--concepts", type=int, default=25)
    parser.add_argument("--file", help="a section, to time the concepts of it")
    options = parser.parse_args()
    for name in options.networks:
        if options.file:
            time_file(name, options)
        else:
            measure(name, options)


def measure(name: str, options: argparse.Namespace) -> None:
    """Print the measures of a network on generated earths."""
    sections = [section for section, _ in labelled_sections("generated", options.sections)]
    started = time.process_time()
    found = sd.concepts(
        name, sections, layer=options.layer, concepts=options.concepts, labels="generated",
        labelled_sections=options.sections, dreams=False,
    )  # fmt: skip
    result = found.provenance["result"]
    likeness, random = result["likeness"], result["random"]
    print(f"{name} {options.layer}: {len(found.names)} concepts of {result['n_units']} units of {len(sections)} earths")
    print(f"  explained {result['explained']:.2f}, random weights {random['explained']:.2f}")
    print(f"  halves agree {result['agreement_of_halves']:.3f}, random weights {random['agreement_of_halves']:.3f}")
    print(
        f"  mean best average precision: concepts {likeness['concepts']:.3f}, single channels "
        f"{likeness['channels']:.3f}, random weights {random['likeness']['concepts']:.3f}"
    )
    precision = found.dataset["likeness"]
    for label, values in zip(precision["label"].values, precision.values.T, strict=True):
        print(f"  {label:16s} {np.nanmax(values):.2f} by concept {np.nanargmax(values)}")
    print(f"  {time.process_time() - started:.0f} s of CPU time")


def time_file(name: str, options: argparse.Namespace) -> None:
    """Print how long the concepts of a file take."""
    section = sd.open_section(options.file)
    started, cpu = time.perf_counter(), time.process_time()
    found = sd.concepts(name, section, layer=options.layer, concepts=options.concepts)
    print(
        f"{name} {options.layer}, {options.file}: {len(found.names)} concepts with dreams and control in "
        f"{time.perf_counter() - started:.1f} s ({time.process_time() - cpu:.1f} s of CPU time)"
    )
    dreams = found.dataset["dreams"].values.astype(np.float32)
    images = torch.from_numpy(dreams)[:, None]
    with torch.no_grad():
        strengths = PreparedNetwork(open_concepts(found, name)).record(images, (options.layer,))[options.layer].numpy()
    middle = strengths[(..., *(slice((n - 1) // 2, n // 2 + 1) for n in strengths.shape[2:]))].mean((2, 3))
    middle /= np.quantile(found.dataset["map"].values, 0.99, axis=(1, 2))
    is_own = np.eye(len(dreams), dtype=bool)
    correlation = np.abs(np.corrcoef(dreams.reshape(len(dreams), -1)))[~is_own].mean()
    print(
        f"  dreams: correlation {correlation:.2f}; strength of a concept in its own {middle[is_own].mean():.2f}, in "
        f"others {middle[~is_own].mean():.2f}; strongest in {(middle.argmax(1) == np.arange(len(middle))).sum()} of "
        f"{len(middle)} dreams of their own"
    )


if __name__ == "__main__":
    main()
