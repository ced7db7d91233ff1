"""On what is trained: the device, mixed precision, compilation, and whether always the same way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

DeviceName = Literal["auto", "cpu", "cuda", "mps"]

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"

#: Of what is free on the device, so much at most is filled with data.
SHARE_FOR_DATA = 0.5

AMP_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class ComputeError(Exception):
    """Something that was asked for is not to be had here; the message is one sentence."""


@dataclass(frozen=True)
class Compute:
    """What a training computes with.

    Attributes:
        device: the one that the model and its batches are on.
        amp: the type of mixed precision, or None.
        compiled: whether ``torch.compile`` makes the model faster.
        deterministic: whether only algorithms are used that give the same bits each time.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    amp: torch.dtype | None = None
    compiled: bool = False
    deterministic: bool = False

    def autocast(self) -> Any:
        """The context of a forward pass."""
        if self.amp is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.amp)

    def scaler(self) -> torch.amp.GradScaler:
        """Keeps small gradients in fp16 from becoming 0; does nothing in any other type."""
        return torch.amp.GradScaler(self.device.type, enabled=self.amp == torch.float16)

    def to_device(self, tensor: Tensor) -> Tensor:
        """A tensor on the device if there is ample room, else in memory from where it gets there
        fast.
        """
        if self.device.type == "cpu":
            return tensor
        if tensor.nbytes <= SHARE_FOR_DATA * self._free():
            return tensor.to(self.device)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def ready(self, model: nn.Module) -> nn.Module:
        """The model as it is called."""
        return torch.compile(model) if self.compiled else model  # type: ignore[return-value]

    def _free(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.mem_get_info(self.device)[0]
        recommended: int = torch.mps.recommended_max_memory()
        return recommended - torch.mps.current_allocated_memory()

    @property
    def name(self) -> str:
        """The device in words."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return {"cpu": "CPU", "mps": "Apple GPU"}.get(self.device.type, str(self.device))


def find_compute(
    device: DeviceName = "auto",
    amp: str | None = None,
    compiled: bool = False,
    deterministic: bool = False,
    dtype: str = "float32",
    local_rank: int = 0,
) -> Compute:
    """What a call asks for.

    Args:
        device: "auto" takes CUDA, else MPS, else the CPU.
        amp: "bf16", "fp16" or None.
        compiled: whether to compile the model.
        deterministic: whether each run must give the same bits.
        dtype: of the parameters.
        local_rank: which of a machine's processes this is, and so which of its cards it takes.

    Raises:
        ComputeError: it is not to be had here.
    """
    found = _found(device, dtype, local_rank)
    if found.type == "mps" and dtype == "float64":
        raise ComputeError(
            "the Apple GPU (mps) has no float64; use --device cpu, or compute in float32"
        )
    if amp is not None and dtype == "float64":
        raise ComputeError("--amp makes float32 faster; it does not go with float64")
    if amp == "fp16" and found.type == "cpu":
        raise ComputeError("--amp fp16 needs a GPU; on the CPU there is --amp bf16")
    if amp == "bf16" and found.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ComputeError(f"{torch.cuda.get_device_name(found)} has no bf16; use --amp fp16")
    return Compute(found, None if amp is None else AMP_TYPES[amp], compiled, deterministic)


def _found(device: DeviceName, dtype: str, local_rank: int) -> torch.device:
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if cuda else "mps" if mps and dtype != "float64" else "cpu"
    if device == "cuda":
        if not cuda:
            why = (
                "this PyTorch is built without CUDA"
                if torch.version.cuda is None
                else ("PyTorch finds no CUDA device; nvidia-smi should show one")
            )
            raise ComputeError(f"--device cuda is not to be had: {why}; --device cpu is")
        # Of all the processes here each one is told, so that none waits for the others.
        here = max(local_rank + 1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        if here > torch.cuda.device_count():
            raise ComputeError(
                f"there are {torch.cuda.device_count()} CUDA devices for more processes than that; "
                "start at most one process for each, or use --device cpu"
            )
        return torch.device("cuda", local_rank)
    if device == "mps" and not mps:
        raise ComputeError(
            "--device mps is not to be had: there is no Apple GPU that PyTorch can use; "
            "--device cpu is"
        )
    return torch.device(device)


#: The CPU, with nothing special.
PLAIN = Compute()


@contextmanager
def deterministic_algorithms(wanted: bool) -> Iterator[None]:
    """Only algorithms that give the same bits each time, until the block ends."""
    if not wanted:
        yield
        return
    workspace = os.environ.get(_WORKSPACE)
    before = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    os.environ.setdefault(_WORKSPACE, ":4096:8")  # before the first product on CUDA
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            del os.environ[_WORKSPACE]


@contextmanager
def compiled_or_said(wanted: bool) -> Iterator[None]:
    """Say in a sentence that ``torch.compile`` does not get through, as where there is no C++
    compiler: it only shows when the model is called.

    Raises:
        ComputeError: what is said.
    """
    if not wanted:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        why = next((line.strip(" .") for line in str(error).splitlines() if line.strip()), "")
        raise ComputeError(
            f"--compile is not to be had here ({why or type(error).__name__}); leave it out"
        ) from error
