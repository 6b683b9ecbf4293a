"""A short run of each fuzzer: no input ends in a traceback, hangs, or takes more memory than its size allows."""

import sys

import pytest

from fuzz.running import KINDS, Fuzzer, isolated

N_INPUTS = {"recipes": 25, "checkpoints": 20, "headers": 60, "zarr_stores": 60}
"""Fewer of those that take longer; 100 of all others."""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_every_input_is_opened_or_refused(kind):
    with isolated():
        tally = Fuzzer(kind).run(range(N_INPUTS.get(kind, 100)))
    assert [f"{one.kind} {one.number}: {one.what}\n{one.report}" for one in tally.findings] == []
    assert tally.n_opened + tally.n_refused == tally.n_inputs
    assert tally.n_refused
