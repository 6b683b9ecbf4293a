"""Plans of volume jobs: every sample belongs to one task, which reads all that it needs."""

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seisdream.volumes.plan import Plan, Reach, align_shard, chunks_of, slices

SIDES = st.integers(1, 80)
SHARDS = st.tuples(*[st.integers(16, 80)] * 3)
REACHES = st.builds(
    lambda steps, alignment, is_whole: Reach(steps * alignment, alignment, is_whole),
    st.integers(0, 3), st.sampled_from([1, 2, 8, 16]), st.booleans(),
)  # fmt: skip


def make_plan(shape, shard, reach, job="a"):
    return Plan(shape, align_shard(shard, shape, reach), reach, job, {"classes": "uint8", "entropy": "float16"})


@settings(max_examples=30)
@given(st.tuples(SIDES, SIDES, SIDES), SHARDS, st.tuples(REACHES, REACHES, REACHES))
def test_every_sample_is_written_by_exactly_one_task(shape, shard, reach):
    plan = make_plan(shape, shard, reach)
    assume(math.prod(plan.grid) <= 60)
    n_writers = np.zeros(shape, np.uint8)
    for task in plan.tasks:
        n_writers[slices(task.output)] += 1
    assert (n_writers == 1).all()
    assert len({task.index for task in plan.tasks}) == len({task.key for task in plan.tasks}) == len(plan.tasks)
    assert math.prod(plan.grid) == len(plan.tasks)


@settings(max_examples=30)
@given(st.tuples(SIDES, SIDES, SIDES), SHARDS, st.tuples(REACHES, REACHES, REACHES))
def test_a_task_reads_its_shard_with_a_halo_that_starts_at_the_alignment(shape, shard, reach):
    plan = make_plan(shape, shard, reach)
    assume(math.prod(plan.grid) <= 60)
    for task in plan.tasks:
        for own, needed, one, n in zip(task.output, task.input, reach, shape, strict=True):
            assert 0 <= needed[0] <= max(0, own[0] - one.halo)
            assert min(n, own[1] + one.halo) <= needed[1] <= n
            assert needed == (0, n) if one.is_whole else needed[0] % one.alignment == own[0] % one.alignment == 0


@settings(max_examples=30)
@given(st.tuples(SIDES, SIDES, SIDES), st.tuples(SIDES, SIDES, SIDES))
def test_a_shard_has_a_whole_number_of_chunks(shape, shard):
    plan = make_plan(shape, shard, (Reach(), Reach(), Reach()))
    for side, chunk, n in zip(plan.shard, chunks_of(plan.shard), shape, strict=True):
        assert side % chunk == 0 or side == n


def test_the_cost_of_overlap_is_what_is_read_for_each_sample():
    plan = make_plan((10, 10, 64), (5, 10, 64), (Reach(halo=1), Reach(), Reach()))
    assert plan.overlap == 1.2
    assert plan.block_bytes == 4 * 6 * 640 + 3 * 5 * 640
    assert plan.output_bytes == 3 * 6400


def test_a_task_is_known_by_its_job_its_input_and_its_output():
    reach, none = (Reach(halo=1), Reach(), Reach()), (Reach(), Reach(), Reach())
    first = make_plan((10, 10, 64), (5, 10, 64), none)
    assert [task.key for task in first.tasks] == [task.key for task in Plan.from_dict(first.to_dict()).tasks]
    for other in (make_plan((10, 10, 64), (5, 10, 64), none, "b"), make_plan((10, 10, 64), (5, 10, 64), reach)):
        assert not {task.key for task in other.tasks} & {task.key for task in first.tasks}
