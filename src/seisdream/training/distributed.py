"""Several processes that train one network, where `torchrun` started them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def process_group() -> Iterator[bool]:
    """Join the processes that `torchrun` started, if it did; yield whether this is the process that writes files.

    GPUs communicate by NCCL, processors by Gloo.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) < 2:
        yield True
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    # Scores are counted on the processor, whatever the network runs on.
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield is_first_process()
    finally:
        dist.destroy_process_group()


def is_first_process() -> bool:
    """Return whether this is the only process, or the one that writes files."""
    return not dist.is_initialized() or dist.get_rank() == 0


def wait_for_all() -> None:
    """Wait until all processes have reached this point; a single process continues at once."""
    if dist.is_initialized():
        dist.barrier()
