"""How far a training is: what of it a checkpoint holds, and how it is taken over from one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from parity.runs import checkpoints
from parity.runs.checkpoints import CheckpointError, load_model
from parity.runs.compute import Compute
from parity.runs.memory import is_out_of_memory
from parity.runs.processes import Processes
from parity.runs.task import History, Measured, Task


class State:
    """All that a training needs in order to go on, the task's model and optimizer included.

    Args:
        task: what is trained.
        compute: on what.
        processes: this one among the others.

    Attributes:
        history: how it has gone so far.
        scaler: of the loss.
        best: the parameters to go back to where the training stops early, or None.
        step: how many were made.
        finished: whether there is nothing left to do.
    """

    def __init__(self, task: Task, compute: Compute, processes: Processes) -> None:
        self.task, self.compute, self.processes = task, compute, processes
        self.history = History()
        self.scaler = compute.scaler()
        self.best: dict[str, Tensor] | None = None
        self.step = 0
        self.finished = False

    def generators(self) -> dict[str, list[Tensor]]:
        """The states of the generators of random numbers, by device and rank. All processes have to
        ask for them.
        """
        device, gather = self.compute.device, self.processes.gather
        found = {"cpu": gather(torch.get_rng_state())}
        if device.type == "cuda":
            found["cuda"] = gather(torch.cuda.get_rng_state(device))
        elif device.type == "mps":
            found["mps"] = [torch.mps.get_rng_state()]
        return found

    def content(self, generators: dict[str, list[Tensor]]) -> dict[str, Any]:
        """What a checkpoint holds."""
        history = asdict(self.history)
        history["losses"] = torch.tensor(self.history.losses, dtype=torch.float64)
        scheduler = self.task.scheduler
        return {
            "step": self.step,
            "steps": self.task.steps,
            "finished": self.finished,
            "model": self.task.model.state_dict(),
            "best": self.best,
            "optimizer": self.task.optimizer.state_dict(),
            "scheduler": None if scheduler is None else scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generators": generators,
            "history": history,
            "remembered": self.task.remembered,
        }

    def restore(self, path: Path) -> None:
        """Go back to a checkpoint.

        Raises:
            CheckpointError: it is not one of this task.
        """
        content = checkpoints.load(path)
        try:
            self._take_over(path, content)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise CheckpointError(f"{path} is not a checkpoint of this training") from error

    def _take_over(self, path: Path, content: dict[str, Any]) -> None:
        task = self.task
        if content["steps"] != task.steps:
            raise CheckpointError(
                f"{path} is of a training of {content['steps']:,} steps, not {task.steps:,}"
            )
        load_model(path, content, task.model)
        task.optimizer.load_state_dict(content["optimizer"])
        if task.scheduler is not None:
            task.scheduler.load_state_dict(content["scheduler"])
        self.scaler.load_state_dict(content["scaler"])
        self.best = None if content["best"] is None else dict(content["best"])
        task.remembered.update(content["remembered"])
        history = {**content["history"], "losses": content["history"]["losses"].tolist()}
        history["measured"] = [Measured(**measured) for measured in history["measured"]]
        self.history = History(**history)
        self.step, self.finished = content["step"], content["finished"]
        if self.step != self.history.step:
            raise ValueError("so many steps, and another number of losses")
        self._restore_generators(content["generators"])

    def _restore_generators(self, generators: dict[str, list[Tensor]]) -> None:
        """Let each process go on drawing where it was; where there were fewer, new ones draw
        numbers of their own.
        """
        rank, device = self.processes.rank, self.compute.device
        if rank >= len(generators["cpu"]):
            torch.default_generator.manual_seed(hash((self.task.seed, self.step, rank)))
            return
        torch.set_rng_state(generators["cpu"][rank])
        if device.type == "cuda" and "cuda" in generators:
            torch.cuda.set_rng_state(generators["cuda"][rank], device)
        elif device.type == "mps" and "mps" in generators:
            torch.mps.set_rng_state(generators["mps"][rank])
