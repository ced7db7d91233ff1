"""Batches of rows of arrays, in an order of their own for each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from parity.runs.compute import Compute
from parity.runs.processes import ALONE, Processes
from parity.runs.task import Batch

#: The order of the rows in an epoch, counted from 0.
Orders = Callable[[int], ndarray]


def shuffled(n: int, seed: int) -> Orders:
    """An order of ``n`` rows for each epoch, from a generator of its own."""
    return lambda epoch: np.random.default_rng([seed, epoch]).permutation(n)


class ArrayBatches:
    """Rows of two arrays, which are on the device as a whole if they fit.

    Args:
        X: ``(rows, ...)``.
        y: ``(rows, ...)``.
        batch_size: rows of a step, of all processes together; the last one takes what is left.
        orders: of the rows.
        compute: where the batches are to be.
        processes: of which each takes its part of each batch.
    """

    def __init__(
        self,
        X: ndarray,
        y: ndarray,
        batch_size: int,
        orders: Orders,
        compute: Compute,
        processes: Processes = ALONE,
    ) -> None:
        self.X = compute.to_device(torch.from_numpy(X))
        self.y = compute.to_device(torch.from_numpy(y))
        self.batch_size, self.orders = batch_size, orders
        self.device, self.processes = compute.device, processes

    @property
    def per_epoch(self) -> int:
        """How many steps an epoch has."""
        return -(-len(self.X) // self.batch_size)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, from the batch ``start`` on."""
        order = torch.from_numpy(np.ascontiguousarray(self.orders(number)))
        for rows in order.split(self.batch_size)[start:]:
            own, share = self.processes.part(rows)
            yield Batch(self._rows(self.X, own), self._rows(self.y, own), share, len(rows))

    def _rows(self, data: Tensor, rows: Tensor) -> Tensor:
        chosen = data[rows.to(data.device)]
        return chosen.to(self.device, non_blocking=True)
