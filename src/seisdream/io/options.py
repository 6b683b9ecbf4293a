"""How an input is opened, as declared settings; free of NumPy, so that ``--help`` stays fast."""

from __future__ import annotations

from dataclasses import dataclass

from seisdream.settings import Settings, setting


@dataclass(frozen=True)
class InputOptions(Settings):
    """How an input is opened."""

    inline: int | None = setting(
        None, "Section of a volume along this inline.", group="Input", is_primary=True, metavar="N"
    )
    crossline: int | None = setting(
        None, "Section of a volume along this crossline.", group="Input", is_primary=True, metavar="N"
    )
    time_ms: float | None = setting(
        None, "Slice of a volume at this time in ms.", group="Input", is_primary=True, metavar="MS", flag="--time"
    )
    dt_ms: float | None = setting(
        None,
        "Sampling interval in ms (for depth in m or ft), where that of the file is wrong or missing.",
        group="Input",
        is_primary=True,
        metavar="MS",
        above=0,
    )
    vertical: str | None = setting(
        None, "Vertical axis of SEG-Y and of arrays.", group="Input", choices=("time", "depth"), auto="time"
    )
    inline_byte: int | str | None = setting(
        None,
        "SEG-Y: byte of the inline number in the trace header, and its format if that is not int32, such as 189:int16 "
        "or 189:float.",
        group="Input",
        metavar="BYTE[:FORMAT]",
        auto="189",
    )
    crossline_byte: int | str | None = setting(
        None,
        "SEG-Y: byte of the crossline number in the trace header, and its format.",
        group="Input",
        metavar="BYTE[:FORMAT]",
        auto="193",
    )
    endian: str | None = setting(None, "SEG-Y: byte order.", group="Input", choices=("big", "little"), auto="detected")
    encoding: str | None = setting(
        None, "SEG-Y: encoding of the text header.", group="Input", choices=("ebcdic", "ascii"), auto="detected"
    )
    sample_format: str | None = setting(
        None,
        "SEG-Y and .dat: format of the samples, such as ibm, ieee, int16 or a code of the SEG-Y standard.",
        group="Input",
        metavar="FORMAT",
        auto="that of the file",
    )
    key: str | None = setting(
        None, "Array of an .npz or .mat, or variable of a NetCDF or Zarr.", group="Input", metavar="KEY"
    )
    axes: tuple[str, ...] | None = setting(
        None,
        "Arrays: names of the axes as they are stored, such as trace,time.",
        group="Input",
        metavar="AXIS,AXIS[,AXIS]",
        auto="those of the file",
    )
    shape: tuple[int, ...] | None = setting(
        None, ".dat and .bin: numbers of samples along the axes, such as 462,951.", group="Input", metavar="N,N[,N]"
    )
    nan: str | None = setting(
        None,
        "NaN and infinite samples: refuse them (error), or leave them out and unchanged (absent).",
        group="Input",
        choices=("error", "absent"),
        auto="error",
    )
    undefined: str | None = setting(
        None,
        "Samples of one value that marks undefined ones, such as -999.25 or 1e30: refuse them (error), leave out those "
        "that are found (auto) or those of a value (VALUE), or use them as amplitudes (present).",
        group="Input",
        metavar="error|auto|present|VALUE[,VALUE]",
        auto="error",
    )
    muted: str | None = setting(
        None,
        "Exact zeros from the edges inwards: leave them out and at zero (absent), or use them as amplitudes (present).",
        group="Input",
        choices=("absent", "present"),
        auto="absent",
    )
