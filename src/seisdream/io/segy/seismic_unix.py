"""Find the traces of a Seismic Unix file, which begin at once."""

from __future__ import annotations

import struct
from dataclasses import replace

from seisdream.io.segy.formats import ORDERS, bytes_of_format
from seisdream.io.segy.headers import (
    N_BINARY_BYTES,
    N_TEXT_BYTES,
    N_TRACE_HEADER_BYTES,
    Layout,
    Problem,
    first_incompatible,
    read_at,
)


def find_seismic_unix(blank: Layout, endian: str | None, *, is_cut: bool = False) -> Layout | None:
    """Return the layout of a file of traces without file headers; None if it is none.

    With `is_cut` the file may end inside a trace, which is left out with a remark.
    """
    head = read_at(blank, 0, N_TRACE_HEADER_BYTES)
    if len(head) < N_TRACE_HEADER_BYTES:
        return None
    code = blank.sample_format or 5
    for name in (endian,) if endian else ORDERS:
        n_samples, dt_us = struct.unpack_from(ORDERS[name] + "HH", head, 114)
        trace_bytes = N_TRACE_HEADER_BYTES + n_samples * bytes_of_format(code)
        n_traces, n_over = divmod(blank.n_bytes, trace_bytes)
        if n_samples < 2 or not n_traces or (n_over and not is_cut):
            continue
        binary = bytearray(N_BINARY_BYTES)
        for byte, number in ((3217, dt_us), (3221, n_samples), (3225, code)):
            struct.pack_into(ORDERS[name] + "H", binary, byte - 1 - N_TEXT_BYTES, number)
        found = replace(
            blank,
            endian=name,
            sample_format=code,
            n_samples=n_samples,
            n_traces=n_traces,
            start=0,
            binary=bytes(binary),
            n_after=n_over,
        )
        if first_incompatible(found) is None:
            return _with_remark(found) if n_over else found
    return None


def _with_remark(layout: Layout) -> Layout:
    problem = Problem(
        f"{layout.n_after} bytes follow the last of {layout.n_traces} whole traces of {layout.trace_bytes} bytes: the "
        "copy is truncated. They are not read.",
        "Copy the file again.",
        is_noted=True,
    )
    return replace(layout, problems=(*layout.problems, problem))
