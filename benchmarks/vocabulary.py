"""Measure which concepts of facies other networks have too, and whether these are facies.

    python benchmarks/vocabulary.py [--others geology facies-robust googlenet facies@random] [--googlenet WEIGHTS]

At the same positions of labelled generated earths that no network was trained on, the activations of facies at enc5
and of another network at its default layer are factorised together (`seisdream compare`). Printed for each network:

- how many of the 25 concepts are in both networks, in facies alone and in the other alone, with the median correlation
  of the strengths found from each network alone, and linear CKA of the two layers;
- for each facies the concept whose strength in facies finds it best (average precision at positions that were not
  factorised): which network has it, and the average precision of its strength found from facies alone and from the
  other network alone; then the best average precision of any concept found from the other network alone.
"""

import argparse

import numpy as np

import seisdream as sd
from seisdream.channels.cka import linear_cka
from seisdream.inference.section_source import open_sections
from seisdream.models.prepared import PreparedNetwork
from seisdream.representations.likeness import LabelledUnits, labelled_sections, mean_best
from seisdream.representations.shared import record_both, share_concepts

LAYER, N_CONCEPTS = "enc5", 25


def record(networks, layers, n_sections, n_positions):
    """Return the activations of both layers and the masks of classes, at the same positions of labelled earths."""
    prepared = [PreparedNetwork(network, "cpu") for network in networks]
    activations, masks = ([], []), []
    for number, (section, known) in enumerate(labelled_sections("generated", n_sections)):
        positions, recorded = record_both(
            prepared, [[layer] for layer in layers], open_sections(section), n_positions, seed=number
        )
        for found, one, layer in zip(activations, recorded, layers, strict=True):
            found.append(one[layer])
        masks.append({name: mask[positions[:, 1], positions[:, 2]] for name, mask in known.items()})
    joined = {name: np.concatenate([one[name] for one in masks]) for name in masks[0]}
    return [np.concatenate(one) for one in activations], joined


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", nargs="+", default=["geology", "facies-robust", "googlenet", "facies@random"])
    parser.add_argument("--googlenet", help="weights of GoogLeNet")
    parser.add_argument("--sections", type=int, default=40)
    parser.add_argument("--positions", type=int, default=250, help="in each section")
    options = parser.parse_args()
    facies = sd.load_network("facies")
    for name in options.others:
        other = sd.load_network(name, weights=options.googlenet if name == "googlenet" else None)
        layers = (LAYER, other.default_layer)
        (first, second), masks = record((facies, other), layers, options.sections, options.positions)
        concepts = share_concepts(first, second, N_CONCEPTS)
        held_out = LabelledUnits(first[1::2], {name: mask[1::2] for name, mask in masks.items()})
        precisions = [
            held_out.average_precision(one.strengths(values[1::2]))
            for one, values in ((concepts.first, first), (concepts.second, second))
        ]
        owners = concepts.owner
        print(
            f"\nfacies {layers[0]} and {name} {layers[1]}: {owners.count('both')} concepts in both, "
            f"{owners.count('first')} in facies alone, {owners.count('second')} in {name} alone; median agreement "
            f"{np.nanmedian(concepts.agreement):.2f}; CKA {linear_cka(first, second):.2f}; mean best average precision "
            f"{mean_best(precisions[0]):.2f} and {mean_best(precisions[1]):.2f}"
        )
        print(
            "| Facies | Share | Concept in | AP, facies | AP, other | best AP, other |\n"
            "| --- | ---: | --- | ---: | ---: | ---: |"
        )
        for column, (title, mask) in enumerate(held_out.masks.items()):
            if np.isnan(precisions[0][:, column]).all():
                continue
            best = int(np.nanargmax(precisions[0][:, column]))
            owner = {"both": "both", "first": "facies", "second": name}[owners[best]]
            print(
                f"| {title} | {mask.mean():.0%} | {owner} | {precisions[0][best, column]:.2f} | "
                f"{precisions[1][best, column]:.2f} | {np.nanmax(precisions[1][:, column]):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
