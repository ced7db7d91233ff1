"""Memory that is not enough, of a GPU or of the computer: each backend has words of its own."""

from __future__ import annotations

import torch

#: What is in an error's message, in small letters, where a GPU has no room left.
_OF_A_GPU = ("out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed")

#: The same where the computer has none.
_OF_THE_COMPUTER = "defaultcpuallocator"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, wherever."""
    return is_out_of_gpu_memory(error) or (
        isinstance(error, MemoryError)
        or (isinstance(error, RuntimeError) and _OF_THE_COMPUTER in str(error).lower())
    )


def is_out_of_gpu_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU has not enough memory."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in message for words in _OF_A_GPU)
