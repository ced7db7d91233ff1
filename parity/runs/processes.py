"""Several processes that train one model, each on its part of every batch (started by torchrun)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from parity.runs.compute import ComputeError

T = TypeVar("T")

#: What says whether each forward pass takes over the first process's buffers; renamed in 2.13.
_SYNC_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel.__init__).parameters
)


class OtherProcessError(Exception):
    """The first process has failed and said why."""


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; by default it is alone.

    Attributes:
        rank: its number, counted from 0; the first one writes and prints.
        count: of all of them, on all machines.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes and prints."""
        return self.rank == 0

    def part(self, rows: Tensor) -> tuple[Tensor, float]:
        """This one's part of a batch's rows, and how large a share that is.

        Where there are fewer rows than processes, some get a row that counts nothing: all of them
        have to take each step.
        """
        own = rows[self.rank :: self.count]
        return (own, len(own) / len(rows)) if len(own) else (rows[:1], 0.0)

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model as it is called; its backward pass means the gradients of all processes.

        Parameters that are not trained and buffers are this one's own.
        """
        if self.count == 1:
            return model
        device_ids = [device.index] if device.type == "cuda" else None
        options: dict[str, Any] = {"device_ids": device_ids, _SYNC_BUFFERS: False}
        return DistributedDataParallel(model, **options)

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    def mean_buffers(self, model: nn.Module, share: float) -> None:
        """Make buffers that a forward pass writes, as the state that a recurrent layer carries on,
        what they would be for the joined batch: the mean over its rows.
        """
        if self.count > 1:
            for buffer in model.buffers():
                if buffer.is_floating_point():
                    dist.all_reduce(buffer.mul_(share))

    def gather(self, value: Tensor) -> list[Tensor]:
        """A small tensor of each process, by rank."""
        if self.count == 1:
            return [value]
        found: list[Tensor] = [torch.empty(0)] * self.count
        dist.all_gather_object(found, value)
        return found

    def by_first(self, work: Callable[[], T]) -> T:
        """What the first process makes, handed to all.

        Raises:
            OtherProcessError: it has failed, in all processes but that one.
        """
        if self.count == 1:
            return work()
        handed: list[object] = [None, None]
        if self.first:
            try:
                handed = [work(), None]
            except BaseException as error:
                dist.broadcast_object_list([None, str(error) or type(error).__name__])
                raise
        received: list[object] = handed
        dist.broadcast_object_list(received)
        if received[1] is not None:
            raise OtherProcessError(str(received[1]))
        return cast(T, received[0])


#: So long gloo's threads have to let go of the last tensors, for which they need Python's lock. The
#: end of a group waits for them with that lock held, for ever if they have not done so.
SECONDS_TO_LET_GO = 0.1

#: Kept to the end of the process, so that no exception that goes out of a model ends a group.
_GROUPS: list[object] = []

#: One process, without others.
ALONE = Processes()


def local_rank() -> int:
    """Which of this machine's processes this is, as torchrun says; 0 where nobody does."""
    return _from_environment("LOCAL_RANK", 0)


def started_together() -> bool:
    """Whether torchrun has started more than this process."""
    return _from_environment("WORLD_SIZE", 1) > 1


def _from_environment(name: str, default: int) -> int:
    """A whole number that torchrun sets; where it is none, torchrun has not set it."""
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default


def is_of_a_lost_process(error: RuntimeError) -> bool:
    """Whether an error says that another process has ended, and not that this one is wrong."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """This process among the others that torchrun has started, if it has.

    Args:
        device: what this one computes on: NCCL carries what is on a GPU, gloo the rest.

    Raises:
        ComputeError: the others are not found.
    """
    if not started_together():
        yield Processes()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (ValueError, dist.DistError) as error:
        raise ComputeError(
            "WORLD_SIZE says that several processes train together, but they do not find each "
            "other: start them with torchrun, or unset it"
        ) from error
    _GROUPS.append(dist.group.WORLD)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        time.sleep(SECONDS_TO_LET_GO)
        dist.destroy_process_group()
