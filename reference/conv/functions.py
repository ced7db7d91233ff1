"""Chapter 5 and appendix A in PyTorch: the convolutions of ``scratch/conv``, gradients from
autograd.

One function serves a single sequence or image and a batch of them. Filters lie as in the book,
``(in, out, height, width)``; PyTorch has ``(out, in, height, width)``.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pad_1d(inp: Tensor, num: int) -> Tensor:
    """Zeros around the last axis. Chapter 5, "Padding"."""
    return F.pad(inp, (num, num))


def conv_1d(inp: Tensor, param: Tensor) -> Tensor:
    """``F.conv1d`` of ``(length,)`` or ``(batch, length)``. Chapter 5, "Padding: Code"."""
    channel = inp.reshape(-1, 1, inp.shape[-1])
    return F.conv1d(channel, param[None, None], padding="same").reshape(inp.shape)


def conv_1d_sum(inp: Tensor, param: Tensor) -> Tensor:
    """The sum of ``conv_1d``. Chapter 5, "What "Should" the Gradient Be?"."""
    return conv_1d(inp, param).sum()


def pad_2d(inp: Tensor, num: int) -> Tensor:
    """Zeros around the last two axes. Chapter 5, "2D Convolutions"."""
    return F.pad(inp, (num, num, num, num))


def conv_2d(inp: Tensor, param: Tensor) -> Tensor:
    """``F.conv2d`` of ``(height, width)`` or ``(batch, height, width)``, one channel.

    Chapter 5, "2D Convolutions: Coding the Forward Pass".
    """
    channel = inp.reshape(-1, 1, *inp.shape[-2:])
    return F.conv2d(channel, param[None, None], padding="same").reshape(inp.shape)


def conv_2d_sum(inp: Tensor, param: Tensor) -> Tensor:
    """The sum of ``conv_2d``."""
    return conv_2d(inp, param).sum()


def conv_output(inp: Tensor, param: Tensor) -> Tensor:
    """``F.conv2d`` of ``(channels, height, width)`` or ``(batch, channels, height, width)``.

    Chapter 5, "The Last Element: Forward Pass".
    """
    return F.conv2d(inp, param.transpose(0, 1), padding="same")


def get_image_patches(imgs_batch: Tensor, fil_size: int) -> Tensor:
    """``F.unfold`` with the position first, for a filter of odd size.

    Appendix A, "Convolution via Matrix Multiplication".
    """
    batch_size, channels = imgs_batch.shape[:2]
    patches = F.unfold(imgs_batch, fil_size, padding=fil_size // 2)
    return patches.permute(2, 0, 1).reshape(-1, batch_size, channels, fil_size, fil_size)
