"""``parity train next-character``."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from parity.cli.train.common import (
    SEED_RANGE,
    SIDE_CHOICE,
    ended_in_words,
    print_written,
    require_writable,
)
from parity.cli.train.kept import ForOnnx, Kind, Options
from parity.cli.train.lock_step import print_lock_step
from parity.cli.train.running import (
    OnStep,
    RunCommand,
    in_training_order,
    run_options,
    running,
    training_bars,
)
from parity.cli.train.text_run import TextRun, print_drift, print_sample, print_tables, write
from parity.terminal import CallError, make_console, progress_bars
from parity.training import next_character
from parity.training.lock_step import LockStep
from parity.training.next_character import Trained, Writing
from parity.training.sides import chosen
from parity.training.text_experiment import (
    SEED,
    Batches,
    Characters,
    Clipping,
    Reduction,
    TextError,
    TextExperiment,
    as_characters,
    read_text,
)
from parity.training.text_learners import TextBatches, initial_model
from scratch.models import RECURRENT_LAYERS

if TYPE_CHECKING:
    from torch import nn

    from parity.runs.loop import Running
    from parity.runs.task import Task
    from parity.training.twin import Twin

#: The folder, in that of the results, for what the scratch side had done before Ctrl-C.
INTERRUPTED = "interrupted"


class _Layers(click.ParamType):
    name = "KINDS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        given = value if isinstance(value, list) else str(value).split(",")
        kinds = tuple(kind.strip().lower() for kind in given)
        for kind in kinds:
            if kind not in RECURRENT_LAYERS:
                self.fail(f"{kind!r} is none of {', '.join(RECURRENT_LAYERS)}.", param, ctx)
        return kinds


class _Finite(click.FloatRange):
    """``click.FloatRange`` lets NaN through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


@click.command("next-character", cls=RunCommand)
@click.option(
    "--side", type=SIDE_CHOICE, default="both", show_default=True,
    help="Train in NumPy (scratch), in PyTorch (reference), or both.",
)  # fmt: skip
@click.option(
    "--layers", type=_Layers(), default="lstm", show_default=True,
    help="The kind of each layer, of rnn, gru and lstm: 'gru,lstm' is the book's combination.",
)  # fmt: skip
@click.option(
    "--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A text in UTF-8, instead of Shakespeare's Coriolanus.",
)  # fmt: skip
@click.option(
    "--held-out", type=_Finite(0, 1, min_open=True, max_open=True), default=0.1,
    show_default=True, metavar="SHARE", help="Of the text, at its end, to test on.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1, 1_000_000), default=2000, show_default=True,
    help="Of the optimizer.",
)  # fmt: skip
@click.option(
    "--hidden", type=click.IntRange(1, 4096), default=256, show_default=True,
    help="Width of each layer's state; layers hand on half as many features.",
)  # fmt: skip
@click.option(
    "--length", type=click.IntRange(1, 10_000), default=25, show_default=True,
    help="Characters in a sequence.",
)  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(1, 10_000), default=32, show_default=True,
    help="Sequences in a batch.",
)  # fmt: skip
@click.option(
    "--batches", type=click.Choice(["contiguous", "shuffled"]), default="contiguous",
    show_default=True, help="Whether sequences read on from batch to batch.",
)  # fmt: skip
@click.option(
    "--carry-state/--no-carry-state", default=None,
    help="Whether a batch starts from the mean of the last one's states, as in the book (errata, "
    "E22); by default with contiguous batches.",
)  # fmt: skip
@click.option(
    "--reduction", type=click.Choice(["sum", "mean"]), default="sum", show_default=True,
    help="Minimise the sum of a batch's losses, or their mean, beside which AdaGrad's eps is so "
    "large that little is learnt.",
)  # fmt: skip
@click.option(
    "--clip", type=click.Choice(["value", "norm", "none"]), default="value", show_default=True,
    help="Cut each element of the gradients, shorten all together, or neither.",
)  # fmt: skip
@click.option(
    "--clip-limit", type=_Finite(0, min_open=True), default=2.0, show_default=True, metavar="X",
    help="Where --clip cuts.",
)  # fmt: skip
@click.option(
    "--sample-every", type=click.IntRange(min=1), default=500, show_default=True, metavar="N",
    help="Let the model write after each N steps.",
)  # fmt: skip
@click.option(
    "--temperature", type=_Finite(0), default=1.0, show_default=True, metavar="X",
    help="Of what it writes: 1 is as probable as the model says, 0 always the most probable.",
)  # fmt: skip
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True,
    help="What is computed in; float64 takes twice as long.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("parity-next-character"),
    show_default=True, metavar="DIR",
    help="Where the run goes: picture, samples, results.json, configuration, metrics and "
    "checkpoints.",
)  # fmt: skip
@click.option(
    "--seed", type=SEED_RANGE, default=SEED, show_default=True,
    help="Of the weights, of the order of shuffled batches, and of what is written.",
)  # fmt: skip
@click.option("--text-digest", hidden=True)  # kept in config.json: a text can be changed
@run_options
@click.pass_context
def train_next_character(
    ctx: click.Context,
    /,
    side: str,
    layers: tuple[str, ...],
    text: Path | None,
    held_out: float,
    steps: int,
    hidden: int,
    length: int,
    batch_size: int,
    batches: str,
    carry_state: bool | None,
    reduction: str,
    clip: str,
    clip_limit: float,
    sample_every: int,
    temperature: float,
    dtype: str,
    out: Path,
    seed: int,
    text_digest: str | None,
    **_: Any,
) -> None:
    """Train recurrent layers to write like a text, character by character (chapter 6).

    With both sides, the first steps go in lock-step: each must be the same on both. PyTorch keeps
    checkpoints in --out, from which --resume goes on; what the scratch side has done when it is
    interrupted goes to a folder of its own, DIR/interrupted. Exit code 0 if all is well, 1 if a
    step is not the same or if the training diverges, 2 if the call or the text was wrong, 130 if
    interrupted.
    """
    for folder in (out, out / INTERRUPTED):
        require_writable(folder)
    experiment = _experiment(ctx.params)
    ctx.params["carry_state"] = experiment.carry_state  # config.json says what the default was
    try:
        name, content = read_text(text)
        ctx.params["text_digest"] = _require_text(name, content, text_digest, out)
        characters = as_characters(name, content, experiment, held_out)
    except TextError as error:
        raise CallError(str(error)) from error
    run = TextRun(
        experiment=experiment,
        characters=characters,
        dtype=dtype,
        writing=Writing(sample_every, temperature),
        sides=chosen(side),
        seed=seed,
    )
    with ended_in_words(ctx, run, out), running(ctx) as how:
        run.resumable = how is not None
        agree = _carry_out(run, out, how)
    ctx.exit(0 if agree else 1)


def _require_text(name: str, content: str, digest: str | None, out: Path) -> str:
    """The text's digest, which is that of the run that is gone on with.

    Raises:
        CallError: it is not.
    """
    found = hashlib.sha256(content.encode()).hexdigest()
    if digest not in (None, found):
        raise CallError(
            f"{name} is not the text any more that the run in {out} was begun with; put that back, "
            "or begin a new run in another --out."
        )
    return found


def _carry_out(run: TextRun, out: Path, how: Running | None) -> bool:
    """Train, write, print: in this order, so that a closed pipe costs no results.

    Returns whether each step is the same on both sides.
    """
    lock_step = None
    try:
        lock_step = _lock_step(run) if len(run.sides) == 2 else None
        _train(run, how)
    except KeyboardInterrupt:
        _keep_scratch(run, lock_step, out)
        raise
    if how is not None and not how.processes.first:
        return True
    names = write(run, lock_step, out)
    run.written = True

    console = make_console()
    print_tables(console, run)
    if lock_step is not None:
        print_drift(console, run)
        print_lock_step(console, lock_step)
    for trained in run.finished:
        print_sample(console, trained)
    print_written(out, names)
    return lock_step is None or lock_step.agree


def _keep_scratch(run: TextRun, lock_step: LockStep | None, out: Path) -> None:
    """Write what there is, if the scratch side has begun: checkpoints know nothing of it."""
    if not any(trained.side == "scratch" for trained in run.begun):
        return
    folder = out / INTERRUPTED
    write(run, lock_step, folder)
    if run.resumable:
        run.current += f" (in {folder})"
    else:
        run.kept = folder


def _lock_step(run: TextRun) -> LockStep:
    with progress_bars("steps") as progress:
        total = min(next_character.LOCK_STEPS, run.experiment.steps)
        bar = progress.add_task("lock-step", total=total)
        return next_character.lock_step(
            run.experiment,
            run.characters,
            run.seed,
            lambda step: progress.update(bar, completed=step),
        )


def _train(run: TextRun, how: Running | None) -> None:
    experiment, total = run.experiment, run.experiment.steps
    characters_of_a_step = experiment.batch_size * experiment.length
    with training_bars(run.sides, total, "steps", characters_of_a_step, how) as bars:
        for side in in_training_order(run.sides):
            told = bars.begin(side)

            def on_step(trained: Trained, told: OnStep = told) -> None:
                run.unfinished = trained
                run.current = (
                    f"{trained.side} had done {trained.done:,} of {total:,} steps, "
                    f"with a loss of {trained.smoothed:.3f}"
                )
                told(trained.done, trained.smoothed, "")
                if trained.done in trained.samples and trained.done < total:
                    print_sample(bars.progress.console, trained)

            trained = next_character.train(
                *(side, experiment, run.characters, run.seed, run.dtype, run.writing),
                on_step,
                how,
            )
            run.current, run.unfinished = "", None
            run.finished.append(trained)
    run.finished.sort(key=lambda trained: run.sides.index(trained.side))


def _experiment(options: Options) -> TextExperiment:
    return TextExperiment(
        layers=options["layers"],
        hidden=options["hidden"],
        length=options["length"],
        batch_size=options["batch_size"],
        batches=cast(Batches, options["batches"]),
        carries=options["carry_state"],
        reduction=cast(Reduction, options["reduction"]),
        clipping=cast(Clipping, options["clip"]),
        limit=options["clip_limit"],
        steps=options["steps"],
    )


def _characters(options: Options, experiment: TextExperiment) -> Characters:
    try:
        name, content = read_text(options["text"])
        return as_characters(name, content, experiment, options["held_out"])
    except TextError as error:
        raise CallError(str(error)) from error


def _task(options: Options, how: Running) -> Task:
    experiment = _experiment(options)
    task = next_character.reference_task(
        experiment,
        _characters(options, experiment),
        options["seed"],
        options["dtype"],
        Writing(every=10**9, final_length=1),
        how,
    )
    cast(TextBatches, task.batches).taken = experiment.steps  # so that it measures as at the end
    return task


def _twin(options: Options, model: nn.Module) -> Twin:
    from parity.bridge import model_to_scratch
    from reference.recurrent import RNNModel

    read, experiment = cast(RNNModel, model), _experiment(options)
    size = len(_characters(options, experiment).vocabulary)
    twin = initial_model(experiment, size, "float64", options["seed"])
    model_to_scratch(read, twin)
    return twin


def _for_onnx(task: Task) -> ForOnnx:
    import torch

    from parity.training.onnx_text import OnnxModel
    from reference.recurrent import RNNModel

    *_, size = next(iter(task.batches.epoch(0))).inputs.shape
    note = "Each sequence begins from a state of 0, as a new text does."
    if next(task.model.parameters()).dtype == torch.float64:
        note += " In float32, for ONNX Runtime knows recurrent layers in no other type."
    model = OnnxModel(cast(RNNModel, task.model))
    return ForOnnx(model, torch.zeros(2, 2, size), ("batch", "length"), note)


KIND = Kind(_task, _twin, "steps", _for_onnx)
