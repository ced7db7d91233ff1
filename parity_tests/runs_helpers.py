"""Trainings in child processes that can be killed, and what they have left.

The children are forked by a server that has loaded already what they need; ``parity`` is called in
them as on the command line.
"""

from __future__ import annotations

import csv
import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR

from parity.runs import checkpoints
from parity.runs.batches import ArrayBatches, shuffled
from parity.runs.compute import PLAIN, Compute
from parity.runs.loop import Keeping, train
from parity.runs.metrics import COLUMNS
from parity.runs.processes import ALONE, Processes
from parity.runs.task import History, Task

_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "parity_tests.runs_helpers",
        "parity.cli.train.mnist_conv",
        "parity.figures",
        "reference.models",
        "tensorboard.compat.proto.summary_pb2",
        "tensorboard.summary.writer.record_writer",
        "torch._dynamo",
    ]
)

BATCH_SIZE = 8

#: A child that takes longer hangs.
SECONDS = 60


@dataclass(frozen=True)
class Ended:
    """A child process that has ended."""

    exit_code: int
    stdout: str
    stderr: str


class Child:
    """A process of its own that calls a function with arguments that can be pickled.

    Args:
        folder: where what it prints goes.
        function: to be called, of a module.
        environment: variables beside those of this process.
    """

    _count = 0

    #: What has to be there as long as the child.
    needs: object = None

    def __init__(
        self,
        folder: Path,
        function: Callable[..., object],
        *args: object,
        environment: dict[str, str] | None = None,
    ) -> None:
        Child._count += 1
        self.files = [folder / f"child-{Child._count}.{name}" for name in ("stdout", "stderr")]
        folder.mkdir(parents=True, exist_ok=True)
        self.process = _SERVER.Process(
            target=_call, args=(self.files, environment or {}, function, args)
        )
        self.process.start()
        assert self.process.pid is not None
        self.pid: int = self.process.pid

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        if self.process.is_alive():
            os.kill(self.pid, number)

    def wait_for(self, path: Path, seconds: float = 60) -> None:
        """Until a file is there."""
        end = time.monotonic() + seconds
        while not path.exists() and self.process.is_alive():
            assert time.monotonic() < end, f"{path.name} is not there after {seconds:g} seconds"
            time.sleep(0.002)

    def end(self, seconds: float = SECONDS) -> Ended:
        """Wait for its end; a process that hangs is killed, and the test fails."""
        self.process.join(seconds)
        hangs = self.process.exitcode is None
        if hangs:
            self.process.kill()
            self.process.join()
        texts = [file.read_text() if file.exists() else "" for file in self.files]
        assert not hangs, f"the child process hangs, having said: {texts}"
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, *texts)


def _call(
    files: list[Path], environment: dict[str, str], function: Callable[..., object], args: Any
) -> None:
    os.environ.update(environment)
    for number, file in enumerate(files, start=1):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    torch.set_num_threads(1)
    faulthandler.dump_traceback_later(SECONDS - 10)  # where it hangs
    try:
        function(*args)
    finally:
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.flush()
        sys.stderr.flush()


def parity(*args: object) -> None:
    """In a child: ``parity`` with these arguments; it writes empty pictures, which take no time."""
    from parity import figures
    from parity.cli import main

    figures.save = lambda figure, path: path.touch()
    sys.argv = ["parity", *map(str, args)]
    main()


def call(folder: Path, *args: object, environment: dict[str, str] | None = None) -> Ended:
    """``parity`` with these arguments, in a process of its own, to its end."""
    return Child(folder, parity, *args, environment=environment).end()


def together(folder: Path, function: Callable[..., object], *args: object) -> list[Ended]:
    """A function in two processes that find each other as under torchrun, to their end."""
    return [child.end() for child in start_together(folder, function, *args)]


def start_together(folder: Path, function: Callable[..., object], *args: object) -> list[Child]:
    """A function in two processes that find each other as under torchrun."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    environment = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
    }
    children = []
    for rank in map(str, range(2)):
        own = {**environment, "RANK": rank, "LOCAL_RANK": rank}
        children.append(Child(folder, function, *args, environment=own))
        children[-1].needs = store
    return children


# A small training


@dataclass(frozen=True)
class Small:
    """A training with momentum, dropout, a schedule and early stopping, over in a moment.

    Attributes:
        epochs: at most so many.
        stops: whether it stops when the loss on the test part does not fall.
        hidden: width.
        reduction: of the loss.
        keep_all: whether dropout leaves all as it is.
        rows: trained on; the last batch has two of 50.
        dtype: of data and parameters.
        pause: seconds of sleep after each step.
    """

    epochs: int = 12
    stops: bool = True
    hidden: int = 16
    reduction: Literal["mean", "sum"] = "mean"
    keep_all: bool = False
    rows: int = 50
    dtype: str = "float32"
    pause: float = 0.0

    def task(self, compute: Compute = PLAIN, processes: Processes = ALONE) -> Task:
        """With the same initial parameters each time."""
        generator = np.random.default_rng(7)
        X = generator.normal(size=(self.rows + 20, 5)).astype(self.dtype)
        noise = generator.normal(size=(len(X), 1))
        y = (X[:, :1] - X[:, 1:2] * X[:, 2:3] + noise).astype(self.dtype)
        with torch.random.fork_rng(devices=[]):
            torch.random.manual_seed(3)
            model = nn.Sequential(
                nn.Linear(5, self.hidden),
                nn.Tanh(),
                nn.Dropout(0.0 if self.keep_all else 0.3),
                nn.Linear(self.hidden, 1),
            ).to(getattr(torch, self.dtype))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
        X_test, y_test = torch.from_numpy(X[self.rows :]), torch.from_numpy(y[self.rows :])
        summed = self.reduction == "sum"
        order = shuffled(self.rows, 11)
        return Task(
            model,
            optimizer,
            ArrayBatches(X[: self.rows], y[: self.rows], BATCH_SIZE, order, compute, processes),
            self.epochs,
            nn.MSELoss(reduction=self.reduction),
            seed=5,
            reduction=self.reduction,
            divide_by=lambda batch: float(batch.rows) if summed else 1.0,
            scheduler=StepLR(optimizer, 2, 0.7),
            measure=lambda: {"test_loss": nn.functional.mse_loss(model(X_test), y_test).item()},
            measures=["test_loss"],
            measured_after=lambda batch: batch == 3,
            stop_on="test_loss" if self.stops else None,
            stop_every=2,
        )

    def train(self, keeping: Keeping | None = None, compute: Compute = PLAIN) -> History:
        """In this process."""
        return train(
            self.task(compute), compute, keeping, on_progress=lambda _: time.sleep(self.pause)
        )


# What is left


def newest(folder: Path) -> dict[str, Any]:
    """The state in the newest checkpoint of a run."""
    return checkpoints.load(checkpoints.found_in(folder / "checkpoints")[-1])


def assert_same_state(state: Any, expected: Any, name: str = "state") -> None:
    """To the last bit, but for the time that the trainings took."""
    assert type(state) is type(expected), name
    if isinstance(expected, dict):
        assert state.keys() == expected.keys(), name
        for key in expected.keys() - {"seconds", "loading"}:
            assert_same_state(state[key], expected[key], f"{name}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(state) == len(expected), name
        for number, (one, other) in enumerate(zip(state, expected, strict=True)):
            assert_same_state(one, other, f"{name}[{number}]")
    elif isinstance(expected, Tensor):
        assert state.dtype == expected.dtype, name
        assert torch.equal(state, expected), name
    else:
        assert state == expected, name


def rows_of(folder: Path) -> list[list[str]]:
    """Of ``metrics.csv``, without the header; each line of it is whole."""
    content = (folder / "metrics.csv").read_bytes().decode()
    assert content.endswith("\r\n")
    header, *rows = csv.reader(content.splitlines())
    assert header[: len(COLUMNS)] == list(COLUMNS)
    assert {len(row) for row in rows} <= {len(header)}
    return rows


def assert_each_step_once(folder: Path, losses: list[float]) -> None:
    """``metrics.csv`` has the loss of each step, in their order."""
    rows = rows_of(folder)
    assert [int(row[0]) for row in rows] == list(range(1, len(losses) + 1))
    assert [float(row[3]) for row in rows] == losses


def assert_nothing_unfinished(folder: Path) -> None:
    """No file of a half-done work is left."""
    assert not [path.name for path in folder.rglob("*") if path.name.startswith(".unfinished")]
