"""A run that ``parity train`` has kept, built again for what is done with it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datasets import DataFileError, TorchvisionError
from parity.terminal import CallError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from parity.runs.directory import RunDirectory
    from parity.runs.loop import Running
    from parity.runs.task import Batch, Task
    from parity.training.twin import Twin

Options = Mapping[str, Any]


@dataclass(frozen=True)
class ForOnnx:
    """What goes into an ONNX file.

    Attributes:
        model: in PyTorch.
        example: an input of it, of which no free axis has length 1: that is taken for fixed.
        axes: the names of those that are free, the first ones.
        note: a sentence on how the file differs from the model that was trained.
    """

    model: nn.Module
    example: Tensor
    axes: tuple[str, ...] = ("batch",)
    note: str = ""


def model_of(task: Task) -> ForOnnx:
    """The model as it is, for any number of rows."""
    inputs = next(iter(task.batches.epoch(0))).inputs
    return ForOnnx(task.model.eval(), inputs[[0, 0]])


@dataclass(frozen=True)
class Kind:
    """What a command of ``parity train`` says of its runs, as its ``KIND``.

    Attributes:
        task: the training that options ask for.
        twin: the scratch twin of its model in float64, with the model's parameters.
        unit: what a step is called, in the plural.
        for_onnx: what of the task goes into an ONNX file.
    """

    task: Callable[[Options, Running], Task]
    twin: Callable[[Options, nn.Module], Twin]
    unit: str = "batches"
    for_onnx: Callable[[Task], ForOnnx] = model_of


#: The modules beside this one.
MODULES = {
    "house-prices": "house_prices",
    "mnist-dense": "mnist_dense",
    "mnist-conv": "mnist_conv",
    "next-character": "next_character",
    "autoencoder": "autoencoder",
}


@dataclass(frozen=True)
class Kept:
    """A run with the model of one of its checkpoints.

    Attributes:
        run: where it is.
        kind: of its model.
        options: that it was begun with.
        task: with the checkpoint's parameters in its model.
        step: of the checkpoint.
        checkpoint: its file.
    """

    run: RunDirectory
    kind: Kind
    options: Options
    task: Task
    step: int
    checkpoint: Path

    def next_batch(self) -> Batch:
        """The one that the run would go on with; the first one after the last."""
        per_epoch = self.task.batches.per_epoch
        epoch, start = divmod(self.step % self.task.steps, per_epoch)
        return next(iter(self.task.batches.epoch(epoch, start)))


def restore(path: Path, step: int | None, device: str = "cpu") -> Kept:
    """The run in a directory, with the model of its newest checkpoint or of one of a step.

    Raises:
        CallError: there is no such run or checkpoint, or it cannot be used.
    """
    from parity.runs.checkpoints import CheckpointError, found_in, load, load_model, step_of
    from parity.runs.compute import ComputeError, find_compute
    from parity.runs.directory import CONFIG, RunError, read
    from parity.runs.loop import Running

    try:
        run = read(path)
        there = {step_of(file): file for file in found_in(run.checkpoints)}
        if not there:
            raise RunError(f"{path} has no checkpoint yet; parity train goes on with --resume")
        step = max(there) if step is None else step
        if step not in there:
            steps = ", ".join(f"{number}" for number in sorted(there))
            raise RunError(f"{path} has no checkpoint of step {step}; there are those of {steps}")
        if run.model not in MODULES:
            raise RunError(f"{path} holds a run of {run.model}, which parity train does not know")
        module = import_module(f"parity.cli.train.{MODULES[run.model]}")
        try:
            options = _converted(run)
            compute = find_compute(device, dtype=options.get("dtype", "float64"))  # type: ignore[arg-type]
            task = module.KIND.task(options, Running(compute))
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise RunError(
                f"{path / CONFIG} does not describe a training of {run.model} ({error}); was it "
                "changed by hand?"
            ) from error
        load_model(there[step], load(there[step]), task.model)
    except (CheckpointError, ComputeError, RunError) as error:
        raise CallError(f"{error}.") from error
    except (DataFileError, TorchvisionError) as error:
        raise CallError(str(error)) from error
    return Kept(run, module.KIND, options, task, step, there[step])


def _converted(run: RunDirectory) -> dict[str, Any]:
    """The options as the command takes them; those that are newer than the run by default."""
    from parity.cli.train import command
    from parity.runs.directory import RunError

    training = command.commands[run.model]
    ctx = click.Context(training, info_name=run.model)
    options = {}
    for option in training.params:
        name = option.name or ""
        if name in run.options:
            saved = run.options[name]
            try:
                options[name] = None if saved is None else option.type_cast_value(ctx, saved)
            except click.BadParameter as error:
                raise RunError(
                    f"{run.path} has an option that cannot be used, {name}: {error.message}"
                ) from error
        else:
            options[name] = option.get_default(ctx)
    return options
