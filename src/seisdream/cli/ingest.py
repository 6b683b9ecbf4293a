"""`seisdream ingest`: a SEG-Y survey as Zarr."""

from __future__ import annotations

from typing import Any

import click

from seisdream.cli.command import command, option
from seisdream.cli.options import SEGY_FIELDS, check_exists, expand_home, json_option, options_of, quiet_option, take
from seisdream.cli.report import ProgressBar, notes_on_volume, report, show_notes, summary_of
from seisdream.io.options import InputOptions

_FIELDS = (*SEGY_FIELDS, "nan")


@command(
    examples={
        "A survey as Zarr": "seisdream ingest survey.sgy survey.zarr",
        "Line numbers in other bytes": "seisdream ingest survey.sgy survey.zarr --inline-byte 9 --crossline-byte 21",
        "Into an object store": "seisdream ingest survey.sgy s3://bucket/survey.zarr",
    }
)
@click.argument("input", metavar="SURVEY")
@click.argument("target", metavar="STORE")
@options_of(InputOptions, only=_FIELDS)
@option("--chunks", metavar="N,N,N", help="Samples of a chunk: inline, crossline, time. [default: 64,64,64]")
@option("--shards", metavar="N,N,N", help="Samples of a shard (one file), multiples of a chunk. [default: 128,128,256]")
@option("--force", is_flag=True, help="Replace an earlier store.")
@quiet_option
@json_option
def ingest(
    input: str,
    target: str,
    chunks: str | None,
    shards: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Write a SEG-Y survey as Zarr, chunked for slices in every direction.

    SURVEY is a SEG-Y volume. STORE is a folder, or a URL that fsspec writes. Samples, headers and geometry are stored
    in the layout of MDIO v1, which xarray.open_zarr opens.
    """
    options = take(InputOptions, values, only=_FIELDS)
    input, target = expand_home(input), expand_home(target)
    sizes = {name: _sizes(given, name) for name, given in (("chunks", chunks), ("shards", shards))}
    check_exists(input)

    from seisdream.volumes.ingest import ingest as ingest_volume
    from seisdream.volumes.volume import open_volume

    with ProgressBar(is_shown=not (quiet or as_json)) as bar:
        volume = open_volume(input, **{"nan": "absent", **options})
        notes = notes_on_volume(volume)
        show_notes(notes, quiet=quiet)
        stored = ingest_volume(volume, target, force=force, progress=bar.samples(), **sizes)
    statistics = stored.statistics
    result = {
        "shape": list(stored.shape),
        "chunks": list(stored.chunks or ()),
        "n_traces": int(stored.trace_mask.sum()),
        "rms": statistics.rms,
        "p99": statistics.percentile(99),
    }
    n_inlines, n_crosslines, n_samples = stored.shape
    lines = [
        f"{n_inlines} inlines × {n_crosslines} crosslines × {n_samples} samples, {result['n_traces']} traces; 99 % of "
        f"amplitudes within ±{result['p99']:.4g}:"
    ]
    summary = summary_of("ingest", result, out=target, files=[target], notes=notes, settings=options)
    report(summary, lines, quiet=quiet, as_json=as_json)


def _sizes(given: str | None, name: str) -> tuple[int, ...] | None:
    if given is None:
        return None
    words = given.split(",")
    if len(words) != 3 or not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise click.BadParameter(f"'{given}' is not three numbers above 0, such as 64,64,64.", param_hint=f"--{name}")
    return tuple(int(word) for word in words)
