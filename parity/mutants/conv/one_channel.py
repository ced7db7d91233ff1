"""Mistakes that are the same for sequences and for images of one channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.sliding import (
    Function,
    averaged,
    last_only,
    pad_one_side,
    slide,
    stacked,
)


def pad_mutants(axes: int, where: str) -> tuple[Mutant, ...]:
    """Mistakes in padding.

    Args:
        axes: how many of the last axes get zeros.
        where: what they are put around, in words.
    """

    def padding(widths: Callable[[int], tuple[int, int]], **how: Any) -> Function:
        def pad(inp: ndarray, num: int) -> ndarray:
            others = [(0, 0)] * (inp.ndim - axes)
            return np.pad(inp, others + [widths(num)] * axes, **how)

        return pad

    both = "above and on the left" if axes == 2 else "in front"
    other = "below and on the right" if axes == 2 else "behind"
    return (
        Mutant(
            "in front only",
            f"There are zeros {both} only; put num zeros {other}, too.",
            padding(lambda num: (num, 0)),
            "output",
        ),
        Mutant(
            "behind only",
            f"There are zeros {other} only; put num zeros {both}, too.",
            padding(lambda num: (0, num)),
            "output",
        ),
        Mutant(
            "edges repeated",
            f"The elements at the edge of {where} are repeated; the margin must hold zeros.",
            padding(lambda num: (num, num), mode="edge"),
            "output",
        ),
        Mutant(
            "ones",
            f"There are ones around {where}; the margin must hold zeros.",
            padding(lambda num: (num, num), constant_values=1),
            "output",
        ),
        Mutant(
            "num ignored",
            f"There is one zero on each side of {where} whatever num is; put num of them there.",
            padding(lambda num: (1, 1)),
            "output",
        ),
        Mutant(
            "num in all",
            f"There are num zeros in all around {where}; there must be num on each side.",
            padding(lambda num: (num // 2, num - num // 2)),
            "output",
        ),
    )


def forward_mutants(right: Function, pad: str) -> tuple[Mutant, ...]:
    """Mistakes in the way forward of one channel, in one dimension or two.

    Args:
        right: the function without a mistake.
        pad: the component that puts zeros around.
    """

    def not_padded(inp: ndarray, param: ndarray) -> ndarray:
        sizes = [n - k + 1 for n, k in zip(inp.shape, param.shape, strict=True)]
        out = np.zeros(sizes, inp.dtype)
        return slide(inp, param) if out.size else out

    def edges_repeated(inp: ndarray, param: ndarray) -> ndarray:
        return slide(np.pad(inp, [(k // 2, k // 2) for k in param.shape], mode="edge"), param)

    return (
        Mutant(
            "filter turned round",
            "The filter is laid on turned round; lay it on as it stands: both indices go up, "
            "param[p] * input_pad[o + p].",
            lambda inp, param: right(inp, np.flip(param)),
            "output",
        ),
        Mutant(
            "zeros in front only",
            "All zeros are put in front of the input, so the output is shifted; put half of them "
            "behind it.",
            lambda inp, param: slide(pad_one_side(inp, param, front=True), param),
            "output",
            within=pad,
        ),
        Mutant(
            "zeros behind only",
            "All zeros are put behind the input, so the output is shifted; put half of them in "
            "front of it.",
            lambda inp, param: slide(pad_one_side(inp, param, front=False), param),
            "output",
            within=pad,
        ),
        Mutant(
            "edges repeated",
            "The elements at the edge are repeated around the input; the margin must hold zeros.",
            edges_repeated,
            "output",
            within=pad,
        ),
        Mutant(
            "not padded",
            "There are no zeros around the input, so the output is smaller than it; put half the "
            "filter's length of them on each side.",
            not_padded,
            "output",
        ),
        Mutant(
            "overwritten",
            "Each product replaces the one before, only the filter's last element is left; add "
            "them up, out[o] += ...",
            lambda inp, param: right(inp, last_only(param)),
            "output",
        ),
    )


def sum_mutants(forward: Function) -> tuple[Mutant, ...]:
    """Mistakes in the sum over what ``forward`` returns."""

    def not_padded(inp: ndarray, param: ndarray) -> Any:
        inner = tuple(
            slice(k // 2, n - k // 2) for n, k in zip(inp.shape, param.shape, strict=True)
        )
        return np.sum(forward(inp, param)[inner])

    return (
        Mutant(
            "mean",
            "The elements are averaged; this is their sum.",
            lambda inp, param: np.mean(forward(inp, param)),
            "output",
        ),
        Mutant(
            "not added up",
            "The elements of the output come back as they are; add them up with np.sum.",
            forward,
            "output",
        ),
        Mutant(
            "of the input",
            "The sum is that of the input; it must be that of the convolution's output.",
            lambda inp, param: np.sum(inp),
            "output",
        ),
        Mutant(
            "without the edges",
            "Results at the edges are left out; put zeros around the input, so that there is one "
            "for each element.",
            not_padded,
            "output",
        ),
    )


def input_grad_mutants(right: Function) -> tuple[Mutant, ...]:
    """Mistakes in the gradient on the input of one channel, in one dimension or two."""

    def shifted(front: bool) -> Function:
        def wrong(inp: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
            return slide(pad_one_side(output_grad, param, front=front), np.flip(param))

        return wrong

    return (
        Mutant(
            "filter not turned round",
            "Both indices go up; as that of the filter goes up, that of the gradient must go "
            "down: output_pad[i + param_len - p - 1] * param[p].",
            lambda inp, param, output_grad: right(inp, np.flip(param), output_grad),
            "input_grad",
        ),
        Mutant(
            "zeros in front only",
            "All zeros are put in front of output_grad, so the gradient is shifted; put half of "
            "them behind it.",
            shifted(front=True),
            "input_grad",
        ),
        Mutant(
            "zeros behind only",
            "All zeros are put behind output_grad, so the gradient is shifted; put half of them "
            "in front of it.",
            shifted(front=False),
            "input_grad",
        ),
        Mutant(
            "output_grad not used",
            "This is the gradient of the sum, whatever output_grad is; put output_grad where the "
            "ones are.",
            lambda inp, param, output_grad: right(inp, param, np.ones_like(output_grad)),
            "input_grad",
        ),
        Mutant(
            "input for output_grad",
            "The filter moves over the input; for this gradient it must move over output_grad.",
            lambda inp, param, output_grad: right(inp, param, inp),
            "input_grad",
        ),
        Mutant(
            "overwritten",
            "Each product replaces the one before, only the filter's last element is left; add "
            "them up, input_grad[i] += ...",
            lambda inp, param, output_grad: right(inp, last_only(param), output_grad),
            "input_grad",
        ),
    )


def param_grad_mutants(right: Function, pad: str) -> tuple[Mutant, ...]:
    """Mistakes in the gradient on the filter of one channel, in one dimension or two.

    Args:
        right: the function without a mistake.
        pad: the component that puts zeros around.
    """

    def shifted(front: bool) -> Function:
        def wrong(inp: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
            return slide(pad_one_side(inp, param, front=front), output_grad)

        return wrong

    return (
        Mutant(
            "turned round",
            "The gradient is turned round, as if output_grad had been padded and not the input: "
            "param_grad[p] += input_pad[o + p] * output_grad[o].",
            lambda inp, param, output_grad: np.flip(right(inp, param, output_grad)),
            "param_grad",
        ),
        Mutant(
            "zeros in front only",
            "All zeros are put in front of the input; put half of them behind it.",
            shifted(front=True),
            "param_grad",
            within=pad,
        ),
        Mutant(
            "zeros behind only",
            "All zeros are put behind the input; put half of them in front of it.",
            shifted(front=False),
            "param_grad",
            within=pad,
        ),
        Mutant(
            "output_grad not used",
            "This is the gradient of the sum, whatever output_grad is; multiply by output_grad[o].",
            lambda inp, param, output_grad: right(inp, param, np.ones_like(output_grad)),
            "param_grad",
        ),
        Mutant(
            "averaged over positions",
            "The gradient is averaged over the positions; the filter takes part in each of them, "
            "so add them up.",
            lambda inp, param, output_grad: right(inp, param, output_grad) / output_grad.size,
            "param_grad",
        ),
        Mutant(
            "overwritten",
            "Each product replaces the one before, only the last position is left; add them up, "
            "param_grad[p] += ...",
            lambda inp, param, output_grad: right(inp, param, last_only(output_grad)),
            "param_grad",
        ),
    )


def batch_sum_mutants(one: Function, right: Function) -> tuple[Mutant, ...]:
    """Mistakes in adding a filter's gradient up over the batch.

    Args:
        one: the gradient for one observation.
        right: that for a batch.
    """

    def last(inp: ndarray, param: ndarray, output_grad: ndarray) -> ndarray:
        return right(inp[-1:], param, output_grad[-1:])

    return (
        Mutant(
            "not added up over the batch",
            "There is a gradient for each observation; all of them had the one filter, so add the "
            "gradients up.",
            stacked(0, 2)(one),
            "param_grad",
        ),
        averaged(right, "param_grad"),
        Mutant(
            "last of the batch",
            "Only the last observation's gradient is left; start from zeros once, before the loop "
            "over the batch, and add them up.",
            last,
            "param_grad",
        ),
    )
