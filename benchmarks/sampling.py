"""Measure how a prediction depends on the sampling of a section, on F3 inline 362 (../shared/data).

    python benchmarks/sampling.py [--network facies]

The line is resampled twice as finely, in time and across traces. Printed: the share of samples at which the map of the
finer line agrees with the map of the line as it was recorded, evaluated at full resolution and at half its samples or
traces (`seisdream predict --scale`).
"""

import argparse
import os
from pathlib import Path

import numpy as np
from scipy.signal import resample

import seisdream

SHARED = Path(os.environ.get("SEISDREAM_SHARED", Path(__file__).parents[2] / "shared"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="facies")
    network = seisdream.load_network(parser.parse_args().network)
    recorded = np.load(SHARED / "data" / "f3_inline362.npz")["amplitude"].astype(np.float32)

    def classes(values, dt_ms, scale=(1.0, 1.0)):
        section = seisdream.make_section(values.astype(np.float32), dt_ms=dt_ms, muted="present")
        return seisdream.predict(section, network, augmentations=0, scale=scale).classes.values

    expected = classes(recorded, 4.0)
    for what, axis, dt_ms, scale in (("every 2 ms", 0, 2.0, (0.5, 1.0)), ("traces twice as close", 1, 4.0, (1.0, 0.5))):
        fine = resample(recorded, 2 * recorded.shape[axis], axis=axis)
        for shares in ((1.0, 1.0), scale):
            predicted = classes(fine, dt_ms, shares)
            predicted = predicted[::2] if axis == 0 else predicted[:, ::2]
            print(f"{what:24}--scale {shares[0]:g}x{shares[1]:g}  {np.mean(predicted == expected):.2f}", flush=True)


if __name__ == "__main__":
    main()
