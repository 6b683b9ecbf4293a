"""Check `seisdream controls` against known answers: noise is not significant, and planted bodies are.

    python benchmarks/controls.py noise [--sections 200] [--keep noise.csv]
    python benchmarks/controls.py planted [--earths 40] [--keep planted.csv]

Both measures, or one (`--measure`). With `--keep` the numbers of each section are written as soon as they exist, and
an interrupted run continues after the last.

`noise` makes sections of noise by other means than surrogates are made: white noise, filtered with a Ricker wavelet in
time and a Gaussian across traces, sheared to a dip, cut out of a wider field, under a gain that decreases with time.
Printed: the share of blocks that are significant at q = 0.05, the share of sections with a significant block, and the
share of sections whose strongest block has a familywise p of 0.05 or less; each with the 95 % interval of Clopper and
Pearson (sections are independent of each other, blocks are not).

`planted` makes generated earths with little noise (0.05 to 0.1 of the signal) and a salt body, and others with
clinoforms, that fill half a block or more. Printed: in what share of earths at least one block with the body is
significant, the share of such blocks that are, and the share of all blocks.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage, stats

import seisdream
from seisdream.significance.permutation import PermutationTest
from seisdream.significance.settings import MEASURES, ControlSettings
from seisdream.synthetic import FACIES, EarthSettings, make_earth
from seisdream.synthetic.wavelets import ricker

CODES = {facies.name: code for code, facies in enumerate(FACIES)}


def make_noise(seed, side=192, dt_ms=4.0):
    """Return a section of stationary noise under a gain, ``(time, trace)``."""
    rng = np.random.default_rng([2026, seed])
    wide = 2 * side
    wavelet = ricker(np.arange(-100.0, 100.0 + dt_ms, dt_ms), rng.uniform(18.0, 50.0))
    values = ndimage.convolve1d(rng.normal(size=(wide, wide)), wavelet, axis=0)
    values = ndimage.gaussian_filter1d(values, rng.uniform(0.5, 5.0), axis=1)
    dip = rng.uniform(-0.5, 0.5)
    values = ndimage.affine_transform(values, [[1.0, dip], [0.0, 1.0]], order=1, mode="wrap")
    values = values[side // 2 : side // 2 + side, side // 2 : side // 2 + side]
    gain = np.exp(-np.arange(side) / side * rng.uniform(0.0, 1.5))
    return seisdream.make_section((values * gain[:, None] / values.std()).astype(np.float32), dt_ms=dt_ms)


def make_planted(kind, number, side=192):
    """Return an earth with a body of a kind that fills half a block or more, and where it is, by block."""
    salt = kind == "salt"
    packages = (("parallel", 2.0), ("subparallel", 1.0), *([] if salt else [("clinoforms", 2.0)]))
    recipe = EarthSettings(packages=packages, salt=1.0 if salt else 0.0, noise=(0.05, 0.1))
    seed = 1000 * number + (0 if salt else 500)
    while True:
        earth = make_earth(seed, n_samples=side, n_traces=side, settings=recipe)
        share = share_of(earth.facies.values == CODES[kind])
        if (share >= 0.5).any():
            return seisdream.make_section(earth.seismic.values, dt_ms=4.0), share >= 0.5
        seed += 1


def share_of(body, block=32):
    """Return the share of a body in each block."""
    rows, columns = (round(n / block) for n in body.shape)
    return body.reshape(rows, body.shape[0] // rows, columns, body.shape[1] // columns).mean(axis=(1, 3))


def interval(n_hits, n):
    """Return the share and its interval in words."""
    low, high = stats.binomtest(n_hits, n).proportion_ci(0.95)
    return f"{n_hits / n:.3f} ({low:.3f} to {high:.3f}; {n_hits} of {n})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["noise", "planted"])
    parser.add_argument("--sections", type=int, default=200, help="of noise [200]")
    parser.add_argument("--earths", type=int, default=40, help="half with salt, half with clinoforms [40]")
    parser.add_argument("--measure", choices=["both", *MEASURES], default="both")
    parser.add_argument("--network", default="facies")
    parser.add_argument("--keep", type=Path, help="a CSV file, from which a run continues")
    options = parser.parse_args()
    network = seisdream.load_network(options.network)
    settings = ControlSettings(measure=options.measure, random=0, seeds=1, others=False)
    if options.what == "noise":
        found = measure(options.sections, lambda number: test_noise(number, network, settings), options.keep)
        report = print_noise
    else:
        found = measure(options.earths, lambda number: test_planted(number, network, settings), options.keep)
        report = print_planted
    for name in settings.measures:
        report(found[found.measure == name], f"{network.name}, {name}, q = {settings.q}")


def measure(n, test, keep):
    """Return the rows of tests 0 to n - 1 as a table; each is kept as soon as it exists."""
    kept = pd.read_csv(keep) if keep and keep.exists() else pd.DataFrame({"number": []})
    tables = [kept[kept.number < n]]
    for number in sorted(set(range(n)) - set(kept.number)):
        tables.append(pd.DataFrame([{"number": number, **row} for row in test(number)]))
        if keep:
            tables[-1].to_csv(keep, mode="a", header=not keep.exists(), index=False)
        print(f"\r{number + 1} of {n}", end="", file=sys.stderr, flush=True)
    return pd.concat([table for table in tables if len(table)])


def test_noise(number, network, settings):
    """Yield for each measure the significant share of noise."""
    for name, (response, *_) in PermutationTest(make_noise(number), network, settings)().responses.items():
        yield {
            "measure": name,
            "significant": response.is_significant(settings.q).mean(),
            "p": response.blocks.section_p,
        }


def test_planted(number, network, settings):
    """Yield for each measure the significant share of planted bodies."""
    kind = ("salt", "clinoforms")[number % 2]
    section, holds = make_planted(kind, number // 2)
    for name, (response, *_) in PermutationTest(section, network, settings)().responses.items():
        significant = response.is_significant(settings.q)
        yield {
            "measure": name,
            "kind": kind,
            "found": int(significant[holds].any()),
            "inside": significant[holds].mean(),
            "everywhere": significant.mean(),
        }


def print_noise(rows, title):
    """Print the significant share of noise."""
    n = len(rows)
    print(f"\n{title}, {n} sections of noise")
    print(
        f"  share of significant blocks   {rows.significant.mean():.4f} (standard error {rows.significant.sem():.4f})"
    )
    print(f"  sections with a significant one {interval(int((rows.significant > 0).sum()), n)}")
    print(f"  sections with p <= 0.05       {interval(int((rows.p <= 0.05).sum()), n)}")


def print_planted(rows, title):
    """Print the significant share of planted bodies."""
    for kind, own in rows.groupby("kind", sort=False):
        print(f"\n{title}, {len(own)} earths with {kind}")
        print(f"  earths in which it is found     {interval(int(own.found.sum()), len(own))}")
        print(f"  significant share of its blocks {own.inside.mean():.3f}")
        print(f"  significant share of all blocks {own.everywhere.mean():.3f}")


if __name__ == "__main__":
    main()
