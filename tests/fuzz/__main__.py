"""Run many inputs of all kinds on all cores, print a table, and save the inputs that fail (``make fuzz``)."""

import argparse
import os
import sys
from pathlib import Path

from fuzz.running import KINDS, Fuzzer, Tally, write_files
from fuzz.workers import run_all


def main():
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="inputs of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS), help="names separated by commas")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="folder of the inputs that fail")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no more inputs after this time")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    n_each = -(-options.inputs // len(kinds))
    tallies = run_all(kinds, n_each, options.seed, options.workers, 60 * options.minutes, _show_progress)
    for finding in (one for tally in tallies for one in tally.findings):
        save(finding, options.seed, options.out)
    print("\n".join(table(tallies)))
    if any(tally.findings for tally in tallies):
        print(f"The inputs that failed are in {options.out}; each has its report.txt.")
        sys.exit(1)


def _show_progress(tallies):
    n_inputs, n_findings = sum(one.n_inputs for one in tallies), sum(len(one.findings) for one in tallies)
    print(f"\r{n_inputs:,} inputs, {n_findings} findings", end="", file=sys.stderr, flush=True)


def save(finding, seed, out):
    """Write the files of an input that failed, and its report."""
    folder = out / f"{finding.kind}-{seed}-{finding.number}"
    write_files(folder, Fuzzer(finding.kind, seed).make(finding.number))
    (folder / "report.txt").write_text(f"{finding.what}\n{finding.report}\n", encoding="utf-8", errors="replace")


def table(tallies):
    """Yield the lines of a table of all kinds."""
    titles = (
        "kind",
        "inputs",
        "opened",
        "refused",
        "tracebacks",
        "hangs",
        "crashes",
        "memory",
        "worst MiB",
        "slowest s",
    )
    yield "{:<12}{:>8}{:>9}{:>9}{:>11}{:>7}{:>9}{:>8}{:>11}{:>11}".format(*titles)
    whole = Tally("all")
    for tally in tallies:
        whole.add(tally)
    for tally in (*tallies, whole):
        n = {what: sum(one.what == what for one in tally.findings) for what in ("traceback", "hang", "crash", "memory")}
        yield (
            f"{tally.kind:<12}{tally.n_inputs:>8}{tally.n_opened:>9}{tally.n_refused:>9}{n['traceback']:>11}"
            f"{n['hang']:>7}{n['crash']:>9}{n['memory']:>8}{tally.worst_bytes / 2**20:>11.0f}"
            f"{tally.slowest_seconds:>11.2f}"
        )


if __name__ == "__main__":
    main()
