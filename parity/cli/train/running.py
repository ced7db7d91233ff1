"""What all trainings in PyTorch share on the command line: devices, checkpoints, going on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from parity.terminal import INTERRUPTED, CallError, progress_bars
from parity.training.sides import Side

if TYPE_CHECKING:
    from rich.progress import Progress

    from parity.runs.compute import Compute
    from parity.runs.loop import Running
    from parity.runs.processes import Processes

Command = TypeVar("Command", bound=Callable[..., Any])

#: What belongs to a call and not to the run.
OF_THE_CALL = {"out", "resume", "overwrite"}

#: What a run may go on with otherwise than it began.
FREE = {"device", "checkpoint_every", "keep"}

#: Options for PyTorch, which the scratch side has no use for.
_OF_PYTORCH = ("device", "amp", "compiled", "deterministic", "checkpoint_every", "keep", "resume")

_OPTIONS = (
    click.option(
        "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto",
        show_default=True,
        help="What PyTorch computes on; auto takes a GPU if there is one.",
    ),
    click.option(
        "--amp", type=click.Choice(["bf16", "fp16"]),
        help="Mixed precision in PyTorch: products in that type, parameters in float32.",
    ),
    click.option(
        "--compile", "compiled", is_flag=True, help="Let torch.compile make PyTorch's model faster."
    ),
    click.option(
        "--deterministic", is_flag=True,
        help="Only algorithms that give the same bits each time, on a GPU too.",
    ),
    click.option(
        "--checkpoint-every", type=click.IntRange(min=1), default=500, show_default=True,
        metavar="N", help="Keep PyTorch's state after each N steps, and at the end.",
    ),
    click.option(
        "--keep", type=click.IntRange(min=0), default=2, show_default=True, metavar="N",
        help="How many checkpoints stay; 0 for all.",
    ),
    click.option(
        "--resume", is_flag=True,
        help="Go on with the run in --out, with the options that it was begun with.",
    ),
    click.option("--overwrite", is_flag=True, help="Remove the run in --out, and begin anew."),
)  # fmt: skip


def run_options(command: Command) -> Command:
    """The options of ``RunCommand``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class RunCommand(click.Command):
    """A training whose options come from the run it goes on with, and which several processes that
    torchrun has started carry out together, in PyTorch only.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Refuse what does not go together, then call the function."""
        with _said_once():
            self._settle(ctx)
            return super().invoke(ctx)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Refuse what is no option, or no value of one."""
        with _said_once():
            return super().make_context(info_name, args, parent, **extra)

    def _settle(self, ctx: click.Context) -> None:
        together = _together()
        if ctx.params["resume"] and ctx.params["overwrite"]:
            raise CallError(
                "--resume goes on with a run, --overwrite removes it: give one of them."
            )
        if ctx.params["resume"]:
            self._take_over(ctx)
        elif together and _given(ctx, "side") is None:
            ctx.params["side"] = "reference"
        side = ctx.params["side"]
        if together and side != "reference":
            raise CallError("several processes train in PyTorch only: give --side reference.")
        if side == "scratch":
            given = [name for name in _OF_PYTORCH if _given(ctx, name)]
            if given:
                name = "compile" if given[0] == "compiled" else given[0].replace("_", "-")
                raise CallError(f"--{name} is for PyTorch; it does not go with --side scratch.")

    def _take_over(self, ctx: click.Context) -> None:
        """Put the options of the run in ``--out`` into effect."""
        from parity.runs.directory import RunError, read

        try:
            run = read(ctx.params["out"])
        except RunError as error:
            raise CallError(f"{error}.") from error
        if run.model != self.name:
            raise CallError(
                f"{run.path} holds a run of {run.model}: parity train {run.model} --resume goes on "
                "with it."
            )
        for option in self.params:
            name = option.name or ""
            given = _given(ctx, name)
            free = name in OF_THE_CALL or (name in FREE and given is not None)
            if free or name not in run.options:
                continue
            if given is not None and as_json(given) != run.options[name]:
                raise CallError(
                    f"the run in {run.path} was begun with another {option.opts[0]} "
                    f"({run.options[name]}); leave it out, or begin a new run in another --out."
                )
            saved = run.options[name]
            ctx.params[name] = None if saved is None else option.type_cast_value(ctx, saved)


class OwnError(CallError):
    """What only this one of several processes may know, and so says itself."""


def _together() -> bool:
    """Whether torchrun has started more than this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def _said_once() -> Iterator[None]:
    """Let the first of a machine's processes say what is wrong; the others exit with its code."""
    try:
        yield
    except OwnError:
        raise
    except click.ClickException as error:
        rank = os.environ.get("LOCAL_RANK", os.environ.get("RANK", "0"))
        if _together() and rank != "0":
            raise click.exceptions.Exit(error.exit_code) from error
        raise


def _given(ctx: click.Context, name: str) -> Any:
    """What an option was set to in the call; None if it was not."""
    source = ctx.get_parameter_source(name)
    return ctx.params[name] if source is click.core.ParameterSource.COMMANDLINE else None


def as_json(value: Any) -> Any:
    """An option's value as ``config.json`` has it; a file by its whole path."""
    if isinstance(value, Path):
        return str(value.resolve())
    return list(value) if isinstance(value, tuple) else value


@contextmanager
def running(ctx: click.Context, dtype: str | None = None) -> Iterator[Running | None]:
    """How the reference side is run: on which device, kept in which directory, with which other
    processes; None if it is not trained.

    Args:
        ctx: of a ``RunCommand``.
        dtype: of the parameters, where it is not an option.

    Raises:
        CallError: the directory or the device cannot be used as was asked for, memory is not
            enough, or what was done could not be kept.
    """
    params, out = ctx.params, Path(ctx.params["out"])
    if params["side"] == "scratch":
        _make_room(out, params)
        yield None
        return

    from parity.runs import directory
    from parity.runs.checkpoints import CheckpointError
    from parity.runs.compute import ComputeError, find_compute
    from parity.runs.loop import Keeping, Running
    from parity.runs.processes import (
        OtherProcessError,
        is_of_a_lost_process,
        joined,
        local_rank,
    )

    def begin(stack: ExitStack, compute: Compute, processes: Processes) -> None:
        try:
            stack.enter_context(directory.held(out))
            if params["resume"]:
                return
            _refuse_another_run(out, params)
            options = {
                option.name: as_json(params[option.name])
                for option in ctx.command.params
                if option.name and option.name not in OF_THE_CALL
            }
            directory.make(out, str(ctx.command.name), options, compute.name, processes.count)
            stack.push(partial(_forget_if_refused, out))
        except OSError as error:
            raise CallError(f"{out} cannot be used: {error.strerror or error}.") from error

    try:
        compute = find_compute(
            params["device"],
            params["amp"],
            params["compiled"],
            params["deterministic"],
            dtype or params["dtype"],
            local_rank(),
        )
        with _enough_memory(compute, out, params), ExitStack() as stack:
            processes = stack.enter_context(joined(compute.device))
            processes.by_first(lambda: begin(stack, compute, processes))
            keeping = Keeping(out, params["checkpoint_every"], params["keep"], params["resume"])
            yield Running(compute, keeping, processes)
    except (ComputeError, directory.RunError, CheckpointError) as error:
        raise CallError(f"{error}.") from error
    except OtherProcessError:
        ctx.exit(CallError.exit_code)  # the first process says why
    except KeyboardInterrupt:
        if local_rank():  # the first one says so
            ctx.exit(INTERRUPTED)
        raise
    except RuntimeError as error:
        if not is_of_a_lost_process(error):
            raise
        raise click.ClickException(
            f"another of the processes has ended; --resume goes on with the run in {out}."
        ) from error


@contextmanager
def _enough_memory(compute: Compute, out: Path, params: dict[str, Any]) -> Iterator[None]:
    """Say which memory is not enough, and what to do."""
    from parity.runs.memory import is_out_of_gpu_memory, is_out_of_memory

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        gpu = compute.device.type != "cpu" and is_out_of_gpu_memory(error)
        raise OwnError(_too_little_memory(compute, out, params, gpu=gpu)) from error


def _too_little_memory(compute: Compute, out: Path, params: dict[str, Any], *, gpu: bool) -> str:
    """A run with steps goes on with the options that it was begun with, but for the device."""
    from parity.runs.directory import has_steps

    whose, closed = "this computer", "close other programs"
    if gpu:
        name = compute.name
        whose = f"{name} ({compute.device})" if compute.device.type == "cuda" else f"the {name}"
        closed += " that use it"
    what = f"{whose} has not enough memory for this model, its batches and its data"
    if params["resume"] or has_steps(out):
        moved = ", or add --device cpu" if gpu else ""
        return f"{what}; {closed}{moved}, and --resume goes on with the run in {out}."
    options = ["--device cpu"] if gpu else []
    if params.get("dtype") == "float64":
        options.append("--dtype float32")
    elif gpu and params["amp"] is None:
        options.append("--amp bf16")
    if params.get("batch_size", 1) > 1:
        options.append("a smaller --batch-size")
    return f"{what}; {closed}{', or give ' * bool(options)}{' or '.join(options)}."


def _forget_if_refused(out: Path, kind: type[BaseException] | None, *_: object) -> None:
    """Where an error comes before the first step, as with a data file that is not there, the same
    call is to be possible again; an interrupted run is there to be gone on with.
    """
    from parity.runs import directory

    if kind is not None and issubclass(kind, Exception) and not directory.has_steps(out):
        with suppress(OSError):
            directory.remove(out)


def _make_room(out: Path, params: dict[str, Any]) -> None:
    """What ``running`` does for the scratch side, which keeps nothing: see that there is no run."""
    from parity.runs import directory

    try:
        _refuse_another_run(out, params)
        if directory.holds_run(out):
            with directory.held(out):
                directory.remove(out)
    except directory.RunError as error:
        raise CallError(f"{error}.") from error
    except OSError as error:
        raise CallError(f"{out} cannot be used: {error.strerror or error}.") from error


def _refuse_another_run(out: Path, params: dict[str, Any]) -> None:
    from parity.runs.directory import holds_run, read

    if not holds_run(out) or params["overwrite"]:
        return
    from parity.runs.checkpoints import found_in, step_of

    there = read(out)
    kept = found_in(there.checkpoints)
    step = f"at step {step_of(kept[-1]):,}" if kept else "just begun"
    raise CallError(
        f"{out} holds a run of {there.model} already ({step}): give --resume to go on with it, "
        "--overwrite to remove it, or another --out."
    )


def in_training_order(sides: Sequence[Side]) -> list[Side]:
    """PyTorch first: what it has done is kept, whatever comes after."""
    return sorted(sides)


#: Told after a step: how many there were, its loss, and what else is shown.
OnStep = Callable[[int, float, str], None]


class TrainingBars:
    """A bar for each side: how far it is, its loss, its speed, and the time left."""

    def __init__(self, progress: Progress, sides: Sequence[Side], total: int, rows: int) -> None:
        self.progress, self.rows = progress, rows
        self.bars = {
            side: progress.add_task(side, total=total, loss="", speed="", shown="")
            for side in sides
        }

    def begin(self, side: Side) -> OnStep:
        """Start a side's clock; what is returned is to be told of its steps."""
        bar, first, started = self.bars[side], 0, 0.0
        self.progress.reset(bar)

        def told(step: int, loss: float, shown: str = "") -> None:
            nonlocal first, started
            if not started:  # a run that is gone on with does not begin with step 1
                first, started = step, time.perf_counter()
            passed = time.perf_counter() - started
            speed = f"{(step - first) * self.rows / passed:,.0f}/s" if step > first else ""
            self.progress.update(
                bar, completed=step, loss=f"loss {loss:.3f}", speed=speed, shown=shown
            )

        return told


@contextmanager
def training_bars(
    sides: Sequence[Side], total: int, unit: str, rows: int, how: Running | None
) -> Iterator[TrainingBars]:
    """Bars on a terminal, in the first process only.

    Args:
        sides: that are trained.
        total: steps of each.
        unit: what a step is called, in the plural.
        rows: of a step, which the speed counts.
        how: the reference side is run.
    """
    fields = ("{task.fields[loss]}", "{task.fields[speed]}", "{task.fields[shown]}")
    with progress_bars(unit, *fields) as progress:
        progress.disable = progress.disable or (how is not None and not how.processes.first)
        yield TrainingBars(progress, sides, total, rows)
