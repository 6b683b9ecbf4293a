"""Several processes as one, where `torchrun` started them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def joined() -> Iterator[bool]:
    """Join the processes that `torchrun` started, if it did; give whether this is the one that writes.

    GPUs talk by NCCL, processors by gloo.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) < 2:
        yield True
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    # Scores are counted on the processor, whatever the network runs on.
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield dist.get_rank() == 0
    finally:
        dist.destroy_process_group()


def wait_for_all() -> None:
    """Wait until all processes have come as far as this; alone, go on."""
    if dist.is_initialized():
        dist.barrier()
