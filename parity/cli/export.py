"""``parity export``."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout, suppress
from pathlib import Path

import click
import numpy as np
from numpy import ndarray

from parity.cli.evaluate import RUN, STEP
from parity.cli.train.kept import ForOnnx, Kept, restore
from parity.terminal import CallError


@click.command("export")
@RUN
@STEP
@click.option(
    "--format", "form", type=click.Choice(["npz", "onnx"]), default="npz", show_default=True,
    help="The scratch twin's parameters, or the model as others run it.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="Where to; by default model.npz or model.onnx in RUN.",
)  # fmt: skip
def command(run: Path, step: int | None, form: str, out: Path | None) -> None:
    """Write the model of RUN, a directory of parity train, for other programs.

    npz holds the parameters as the scratch twin has them, in its order: load them with numpy.load,
    and copy them into the twin's params(). onnx needs the packages onnx and onnxscript; the model's
    input may have any number of rows, and sequences any length. Exit code 2 if the call was wrong.
    """
    target = out or run / f"model.{form}"
    _require_own_file(target, run)
    kept = restore(run, step)
    exported = kept.kind.for_onnx(kept.task) if form == "onnx" else None
    content = _npz(kept) if exported is None else _onnx(exported)
    unfinished = target.with_name(f".unfinished-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(target)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise CallError(f"{target} could not be written: {error.strerror or error}.") from error
    click.echo(f"Written to {target}: {kept.run.model} after {kept.step:,} {kept.kind.unit}.")
    if exported is not None:
        click.echo(_shape_in_words(exported))
        if exported.note:
            click.echo(exported.note)


def _require_own_file(target: Path, run: Path) -> None:
    """Nothing that is no file, and nothing that belongs to the run, is replaced.

    Raises:
        CallError: that would be done.
    """
    if target.exists() and not target.is_file():
        raise CallError(f"{target} is no file; give --out the name of one.")
    inside = run.resolve() in target.resolve().parents
    if inside and target.suffix not in (".npz", ".onnx"):
        raise CallError(f"{target} may belong to the run; give --out a name in .npz or .onnx.")


def _npz(kept: Kept) -> bytes:
    content = io.BytesIO()
    np.savez(content, **scratch_params(kept))  # type: ignore[arg-type]
    return content.getvalue()


def scratch_params(kept: Kept) -> dict[str, ndarray]:
    """The parameters as the scratch twin has them: ``param_000``, ``param_001`` and so on, in the
    order of its ``params()`` and in the type of the model.
    """
    dtype = next(kept.task.model.parameters()).detach().cpu().numpy().dtype
    twin = kept.kind.twin(kept.options, kept.task.model.cpu().double())
    return {
        f"param_{number:03d}": param.astype(dtype) for number, param in enumerate(twin.params())
    }


def _shape_in_words(exported: ForOnnx) -> str:
    """What the file's input is."""
    fixed = exported.example.shape[len(exported.axes) :]
    shape = ", ".join([*exported.axes, *(f"{size}" for size in fixed)])
    return (
        f"Its input has shape ({shape}), of which {' and '.join(exported.axes)} may be any number."
    )


def _onnx(exported: ForOnnx) -> bytes:
    import torch

    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program = torch.onnx.export(
                exported.model,
                (exported.example,),
                dynamo=True,
                verbose=False,
                input_names=["input"],
                dynamic_shapes=(
                    {axis: torch.export.Dim(name) for axis, name in enumerate(exported.axes)},
                ),
            )
    except ImportError as error:
        raise CallError(
            "ONNX needs two more packages: python -m pip install onnx onnxscript."
        ) from error
    except Exception as error:  # whatever the exporter cannot do
        reason = str(error).strip().splitlines()
        raise CallError(
            f"PyTorch cannot export this model to ONNX: {reason[0] if reason else error!r}"
        ) from error
    if program is None:
        raise CallError("PyTorch cannot export this model to ONNX.")
    found: bytes = program.model_proto.SerializeToString()
    return found
