"""A run that is shared by several processes: `torchrun shared_run.py FILE`."""

import sys

import torch

from seisdream.training.distributed import process_group, wait_for_all
from seisdream.training.loop import Training
from seisdream.training.settings import TrainingSettings
from small_datasets import Stripes

SETTINGS = TrainingSettings(
    widths=(4, 6, 6),
    normalisation="none",
    tasks={"dip": 0.3, "attributes": 0.2},
    steps=6,
    batch_size=4,
    validate_every=3,
    precision="float32",
    device="cpu",
    workers=0,
    label_smoothing=0.05,
    flip_consistency=0.3,
)


def train(folder):
    training = Training(SETTINGS, Stripes(unknown=0.6), Stripes(1, unknown=0.3), 3, folder)
    states = list(training.states())
    return {
        "weights": {name: value.clone() for name, value in training.network.state_dict().items()},
        "history": training.history,
        "losses": [state.loss for state in states],
        "confusion": torch.from_numpy(states[-1].scores.confusion),
        "calibration_error": states[-1].scores.calibration_error,
        "n_ranks": training.n_ranks,
    }


def main():
    torch.set_num_threads(1)
    with process_group() as is_first:
        result = train(f"{sys.argv[1]}.run")
        wait_for_all()
        torch.save(result, f"{sys.argv[1]}.{'first' if is_first else 'other'}")


if __name__ == "__main__":
    main()
