"""Score distant lines after training on a few labelled ones, by the network that training starts from.

    python benchmarks/intervals.py F3
    python benchmarks/few_labels.py F3 facies facies-robust --seeds 3

The first line makes the folder of labelled F3 lines. The runs are those of `seisdream experiment care`: evenly spaced
crosslines are labelled, training takes 120 steps, and the last block of crosslines is scored sample by sample.
"""

import argparse

from seisdream.data.registry import open_dataset
from seisdream.research.experiments.care import FULL
from seisdream.research.experiments.few_shot import learn_from_few


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="of labelled lines")
    parser.add_argument("networks", nargs="+", help="to start from")
    parser.add_argument("--lines", type=int, default=1, help="that are labelled")
    parser.add_argument("--seeds", type=int, default=1, help="of training samples, from 0 up")
    options = parser.parse_args()
    survey = open_dataset(options.folder)
    print(f"{'start':20}{'labelled':>9}{'seed':>6}{'pixel accuracy':>16}{'mean IoU':>10}")
    for seed in range(options.seeds):
        few = learn_from_few(survey, [options.lines], options.networks, FULL.n_steps, seed, lambda: None)
        for row in few["rows"]:
            scores = f"{row['pixel_accuracy']:>16.3f}{row['mean_iou']:>10.3f}"
            print(f"{row['start']:20}{row['n_labelled']:>9}{seed:>6}{scores}", flush=True)


if __name__ == "__main__":
    main()
