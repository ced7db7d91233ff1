"""Chapter 5: convolution of sequences in loops that show every multiplication, and its gradients.

The filter is laid on as it stands, not turned round. Zeros around the input make room for it at
both ends, so there is a result for each element: for a filter of odd length as many in front as
behind, for an even one the odd zero out behind, as in PyTorch.

Integers are taken as float64; float32 stays float32.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from scratch.conv.geometry import checked_pair, same_margin
from scratch.operations import check_same_shape

#: Zeros in front and behind: one number for both, or a pair.
Margin = int | tuple[int, int]


def pad_1d(inp: ndarray, num: Margin) -> ndarray:
    """Put zeros around a sequence. Chapter 5, "Padding".

    Args:
        inp: shape ``(length,)``.
        num: zeros in front, and as many behind; or a pair of numbers.

    Returns:
        Shape ``(length + 2 * num,)``.

    Raises:
        ValueError: ``inp`` is no sequence, or ``num`` is negative or no whole number.
    """
    require_axes(inp, ("length",), "inp", "pad_1d")
    return _pad_last_axis(inp, num, "pad_1d")


def conv_1d(inp: ndarray, param: ndarray) -> ndarray:
    """Lay a filter on each element of a sequence. Chapter 5, "Padding: Code".

    Args:
        inp: shape ``(length,)``.
        param: the filter, shape ``(filter length,)``; may be longer than the input.

    Returns:
        Shape ``(length,)``.

    Raises:
        ValueError: one of them is no sequence, or the filter is empty.
    """
    _require_sequence_and_filter(inp, param, "conv_1d")
    input_pad = pad_1d(inp, same_margin(len(param)))
    out = np.zeros(inp.shape, floating_type(inp, param))
    for o in range(len(out)):
        for p in range(len(param)):
            out[o] += param[p] * input_pad[o + p]
    return out


def conv_1d_sum(inp: ndarray, param: ndarray) -> float:
    """The sum of ``conv_1d``: the simplest loss. Chapter 5, "What "Should" the Gradient Be?".

    Raises:
        ValueError: as ``conv_1d``.
    """
    return np.sum(conv_1d(inp, param))


def input_grad_1d(inp: ndarray, param: ndarray, output_grad: ndarray | None = None) -> ndarray:
    """The gradient on the input of ``conv_1d``. Chapter 5, "Computing the Gradient of a 1D
    Convolution".

    Element ``i`` met the filter's first element in the last of the results it went into: as the
    index of the filter goes up, that of the results goes down. So the margins change sides, too:
    what is behind the input for an even filter is in front of the results.

    Args:
        inp: shape ``(length,)``.
        param: the filter, shape ``(filter length,)``.
        output_grad: shape ``(length,)``; ones, for the gradient of the sum, where it is None.

    Returns:
        Shape ``(length,)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_sequence_and_filter(inp, param, "input_grad_1d")
    output_grad = grad_or_ones(output_grad, inp, param, "input_grad_1d")
    param_len = len(param)
    front, behind = same_margin(param_len)
    output_pad = pad_1d(output_grad, (behind, front))
    input_grad = np.zeros(inp.shape, floating_type(inp, param, output_grad))
    for i in range(len(inp)):
        for p in range(param_len):
            input_grad[i] += output_pad[i + param_len - p - 1] * param[p]
    return input_grad


def param_grad_1d(inp: ndarray, param: ndarray, output_grad: ndarray | None = None) -> ndarray:
    """The gradient on the filter of ``conv_1d``. Chapter 5, "Computing the Parameter Gradient".

    Args:
        inp: shape ``(length,)``.
        param: the filter, shape ``(filter length,)``; only its length counts.
        output_grad: shape ``(length,)``; ones, for the gradient of the sum, where it is None.

    Returns:
        Shape ``(filter length,)``.

    Raises:
        ValueError: the shapes do not fit together.
    """
    _require_sequence_and_filter(inp, param, "param_grad_1d")
    output_grad = grad_or_ones(output_grad, inp, param, "param_grad_1d")
    input_pad = pad_1d(inp, same_margin(len(param)))
    param_grad = np.zeros(param.shape, floating_type(inp, param, output_grad))
    for o in range(len(inp)):
        for p in range(len(param)):
            param_grad[p] += input_pad[o + p] * output_grad[o]
    return param_grad


def pad_1d_batch(inp: ndarray, num: Margin) -> ndarray:
    """``pad_1d`` of each sequence: ``(batch, length)`` to ``(batch, length + 2 * num)``.

    Chapter 5, "1D Convolutions with Batches: Forward Pass". Raises as ``pad_1d``.
    """
    require_axes(inp, ("batch", "length"), "inp", "pad_1d_batch")
    return _pad_last_axis(inp, num, "pad_1d_batch")


def conv_1d_batch(inp: ndarray, param: ndarray) -> ndarray:
    """``conv_1d`` of each sequence, shape ``(batch, length)``.

    Chapter 5, "1D Convolutions with Batches: Forward Pass". Raises as ``conv_1d``.
    """
    _require_batch_and_filter(inp, param, "conv_1d_batch")
    out = np.zeros(inp.shape, floating_type(inp, param))
    for i in range(len(inp)):
        out[i] = conv_1d(inp[i], param)
    return out


def input_grad_1d_batch(
    inp: ndarray, param: ndarray, output_grad: ndarray | None = None
) -> ndarray:
    """``input_grad_1d`` of each sequence, shape ``(batch, length)``.

    Chapter 5, "1D Convolutions with Batches: Backward Pass". Raises as ``input_grad_1d``.
    """
    _require_batch_and_filter(inp, param, "input_grad_1d_batch")
    output_grad = grad_or_ones(output_grad, inp, param, "input_grad_1d_batch")
    input_grad = np.zeros(inp.shape, floating_type(inp, param, output_grad))
    for i in range(len(inp)):
        input_grad[i] = input_grad_1d(inp[i], param, output_grad[i])
    return input_grad


def param_grad_1d_batch(
    inp: ndarray, param: ndarray, output_grad: ndarray | None = None
) -> ndarray:
    """``param_grad_1d`` added up over the batch, shape ``(filter length,)``.

    Chapter 5, "1D Convolutions with Batches: Backward Pass". Raises as ``param_grad_1d``.
    """
    _require_batch_and_filter(inp, param, "param_grad_1d_batch")
    output_grad = grad_or_ones(output_grad, inp, param, "param_grad_1d_batch")
    param_grad = np.zeros(param.shape, floating_type(inp, param, output_grad))
    for i in range(len(inp)):
        param_grad += param_grad_1d(inp[i], param, output_grad[i])
    return param_grad


def floating_type(*arrays: ndarray) -> np.dtype:
    """The type that results of these arrays have: float64 for integers."""
    dtype = np.result_type(*arrays)
    return dtype if np.issubdtype(dtype, np.inexact) else np.dtype(np.float64)


def grad_or_ones(output_grad: ndarray | None, inp: ndarray, param: ndarray, who: str) -> ndarray:
    """``output_grad``, or ones in its place if it is None.

    Raises:
        ValueError: it has not the shape of the output, which is that of ``inp``; names ``who`` and
            both shapes.
    """
    if output_grad is None:
        return np.ones(inp.shape, floating_type(inp, param))
    check_same_shape(inp, output_grad, f"{who}: inp and output_grad")
    return output_grad


def require_axes(array: ndarray, axes: tuple[str, ...], what: str, who: str) -> None:
    """Whether an array has as many axes as there are names.

    Raises:
        ValueError: it has not; names ``who``, ``what`` the array is, and both shapes.
    """
    if array.ndim != len(axes):
        wanted = str(axes).replace("'", "")
        raise ValueError(f"{who}: {what} must have shape {wanted}, not {array.shape}")


def require_filter(param: ndarray, axes: tuple[str, ...], who: str) -> None:
    """Whether a filter has axes of these names, and at least one element along each of them.

    Raises:
        ValueError: it has not; names ``who`` and its shape.
    """
    require_axes(param, axes, "param", who)
    if 0 in param.shape:
        raise ValueError(f"{who}: param must not be empty, as one of shape {param.shape} is")


def _require_sequence_and_filter(inp: ndarray, param: ndarray, who: str) -> None:
    require_axes(inp, ("length",), "inp", who)
    require_filter(param, ("filter length",), who)


def _require_batch_and_filter(inp: ndarray, param: ndarray, who: str) -> None:
    require_axes(inp, ("batch", "length"), "inp", who)
    require_filter(param, ("filter length",), who)


def _pad_last_axis(inp: ndarray, num: Margin, who: str) -> ndarray:
    front, behind = checked_pair("num", num, 0, who)
    length = inp.shape[-1]
    padded = np.zeros((*inp.shape[:-1], front + length + behind), floating_type(inp))
    padded[..., front : front + length] = inp
    return padded
