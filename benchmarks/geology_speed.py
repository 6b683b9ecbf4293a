"""Time how many labelled sections of 256 × 256 one core makes in a second.

    OMP_NUM_THREADS=1 python benchmarks/geology_speed.py [--sections 200]

In processor time, which depends little on other load, and in wall time. Also printed: the time of a small cube, and
the functions that take most of the time.
"""

import argparse
import cProfile
import pstats
import time

from seisdream.synthetic import generate_sections, make_earth


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    make_earth(options.seed)  # What is kept between sections is made once.
    wall, processor = time.perf_counter(), time.process_time()
    for _ in generate_sections(options.seed, options.sections):
        pass
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{options.sections / processor:.1f} sections of 256 × 256 a second of processor time (goal: 20)")
    print(f"{options.sections / wall:.1f} a second of wall time")
    wall = time.perf_counter()
    make_earth(options.seed, n_samples=128, n_traces=64, n_inlines=32)
    print(f"a cube of 32 × 64 × 128 in {time.perf_counter() - wall:.2f} s")
    with cProfile.Profile() as profile:
        for _ in generate_sections(options.seed, 20):
            pass
    print("most of the time goes in:")
    for (file, _, name), (_, calls, own, _, _) in sorted(
        pstats.Stats(profile).stats.items(), key=lambda item: -item[1][2]
    )[:8]:
        print(f"{1000 * own / 20:8.2f} ms a section in {name} ({file.rpartition('/')[2]}), {calls // 20} calls")


if __name__ == "__main__":
    main()
