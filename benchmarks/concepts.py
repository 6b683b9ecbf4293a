"""Concepts compared with single channels, random weights and halves of the data, on generated earths.

Prints, for each network: mean best average precision over the facies and faults of concepts, of single channels and of
the concepts of random weights; how well halves of the data agree; and what each facies is found by. With a file, also
the time that its concepts take.

    python benchmarks/concepts.py facies facies-robust
    python benchmarks/concepts.py facies --file f3_inline362.npz
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import seisdream as sd
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


if __name__ == "__main__":
    main()
