r"""Optimize the rock of an earth for salt according to one network, and test whether another predicts salt there too.

    seisdream train --preset facies --widths 12,24,48,96,128 --seed 1 --batch-size 4 --flip-consistency 0 --steps 4000 \
        --out second
    python benchmarks/transfer.py second/network.safetensors [--seeds 20] [--picture FILE.png]

Each seed is another flat earth: layers of random reflectivity, the same in all traces, convolved with a 30 Hz Ricker
wavelet, with a little noise. The dream optimizes the rock (`impedance`) for `class:salt` of `facies` in a box in the
middle. Printed: each network's mean probability of salt in the box, before and after, and the number of earths in
which each predicts salt at more than half of the box's samples. The second network has other initial weights and
another architecture, and took no part in the dream.
"""

import argparse

import numpy as np
import xarray as xr

import seisdream
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.predict import predict
from seisdream.plotting.panels import write_figure
from seisdream.plotting.rocks import draw_rock
from seisdream.synthetic.wavelets import ricker

SIDE, DT_MS = 192, 4.0
BOX = (slice(64, 160), slice(56, 136))


def flat_earth(seed):
    """Return a section of layers that lie flat from side to side."""
    rng = np.random.default_rng(seed)
    reflectivity = np.zeros(SIDE)
    tops = rng.choice(SIDE, SIDE // 4, replace=False)
    reflectivity[tops] = rng.normal(0.0, 0.08, len(tops))
    trace = np.convolve(reflectivity, ricker(np.arange(-25, 26) * DT_MS, 30.0), mode="same")
    values = trace[:, None] + 0.003 * rng.standard_normal((SIDE, SIDE))
    return seisdream.make_section(values.astype(np.float32), dt_ms=DT_MS)


def salt_in_box(section, network):
    """Return the mean probability of salt in the box, and the share of its samples that are called salt."""
    prediction = predict(section, network, augmentations=0)
    box = prediction.isel(dict(zip(prediction["classes"].dims, BOX, strict=True)))
    is_salt = box["classes"] == network.class_index("salt")
    return float(box["probabilities"].sel({"class": "salt"}).mean()), float(is_salt.mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("second", help="file of another network that predicts facies")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--picture", help="draw the rock of the first seed, before and after")
    options = parser.parse_args()
    networks = [seisdream.load_network("facies"), seisdream.load_network(options.second)]
    print(f"{'seed':>4}{'facies before':>16}{'after':>9}{'second before':>16}{'after':>9}   mean probability of salt")
    called = np.zeros((options.seeds, 2))
    for seed in range(options.seeds):
        section = flat_earth(seed)
        where = xr.zeros_like(section)
        where[BOX] = 1.0
        settings = DreamSettings(layer="class:salt", parameterization="impedance", steps=20, allow_undersized=True,
                        precision="float32", seed=seed)  # fmt: skip
        dream = Dream(section, networks[0], settings=settings, objective_mask=where)
        dream.run()
        found = [[salt_in_box(one, network) for one in (section, dream.section)] for network in networks]
        called[seed] = [after[1] > 0.5 for _, after in found]
        numbers = [
            f"{value:>{width}.3f}" for (before, after) in found for value, width in ((before[0], 16), (after[0], 9))
        ]
        print(f"{seed:>4}{''.join(numbers)}", flush=True)
        if options.picture and seed == 0:
            found = dream.result().dataset
            before, after = found["impedance_before"], found["impedance"]
            write_figure(draw_rock(before, after), options.picture, dpi=90.0)
    shares = ", ".join(f"{name} in {int(n)}" for name, n in zip(("facies", "the second"), called.sum(0), strict=True))
    print(f"Predicted salt at more than half of the box, of {options.seeds} earths: {shares}")


if __name__ == "__main__":
    main()
