"""Mistakes in the operations of chapter 3."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import operations as right
from scratch.operations import Operation, ParamOperation, check_same_shape


class _GradUnchecked(Operation):
    def backward(self, output_grad: ndarray) -> ndarray:
        self.input_grad = self._input_grad(output_grad)
        return self.input_grad


class _GradPassedOn(Operation):
    def backward(self, output_grad: ndarray) -> ndarray:
        check_same_shape(self.output, output_grad, "output and output_grad")
        self._input_grad(output_grad)
        return output_grad


class _OutputForgotten(Operation):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.input_ = input_
        self.output = input_
        return self._output()


class _InputStale(Operation):
    """Keeps the first input for ever."""

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        if not hasattr(self, "input_"):
            self.input_ = input_
        self.output = self._output()
        return self.output


OPERATION = (
    Mutant(
        "gradient not checked",
        "backward accepts an output_grad of another shape than the "
        "output; compare the two, or a wrong gradient travels on unnoticed.",
        _GradUnchecked,
        "an output_grad of the wrong shape is refused",
    ),
    Mutant(
        "gradient passed on",
        "backward returns output_grad itself; it must return what _input_grad makes of it.",
        _GradPassedOn,
        "input_grad",
    ),
    Mutant(
        "output not kept",
        "forward keeps the input as self.output; keep what _output returns.",
        _OutputForgotten,
        "self.output",
    ),
    Mutant(
        "stale input",
        "forward keeps the first input for ever; it must keep each new one in self.input_.",
        _InputStale,
        "output",
    ),
)


class _ParamGradMissing(ParamOperation):
    def backward(self, output_grad: ndarray) -> ndarray:
        return Operation.backward(self, output_grad)


class _ParamGradAccumulated(ParamOperation):
    def backward(self, output_grad: ndarray) -> ndarray:
        before = getattr(self, "param_grad", None)
        input_grad = super().backward(output_grad)
        if before is not None:
            self.param_grad = self.param_grad + before
        return input_grad


class _ParamCopied(ParamOperation):
    def __init__(self, param: ndarray) -> None:
        super().__init__(param.copy())


class _ParamGradUnchecked(ParamOperation):
    def backward(self, output_grad: ndarray) -> ndarray:
        self.input_grad = self._input_grad(output_grad)
        self.param_grad = self._param_grad(output_grad)
        return self.input_grad


PARAM_OPERATION = (
    Mutant(
        "no parameter gradient",
        "backward never calls _param_grad: self.param_grad is not set.",
        _ParamGradMissing,
        "param_grad",
    ),
    Mutant(
        "gradients accumulate",
        "The gradient of the last backward pass is added to; each "
        "backward pass must replace self.param_grad.",
        _ParamGradAccumulated,
        "param_grad",
    ),
    Mutant(
        "parameter copied",
        "self.param is a copy, so the optimizer's updates of the parameter "
        "do not reach the operation; keep the array itself.",
        _ParamCopied,
        "output after an update",
    ),
    Mutant(
        "gradient not checked",
        "backward accepts an output_grad of another shape than the "
        "output; compare the two, or a wrong gradient travels on unnoticed.",
        _ParamGradUnchecked,
        "an output_grad of the wrong shape is refused",
    ),
)


class _WeightsNotTransposed(right.WeightMultiply):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(output_grad, self.param)


class _InputNotTransposed(right.WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(self.input_, output_grad)


class _WeightGradTransposed(right.WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(output_grad.T, self.input_)


class _WeightGradAccumulated(right.WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return getattr(self, "param_grad", 0) + super()._param_grad(output_grad)


class _WeightInputStale(right.WeightMultiply):
    """The first input enters the weight gradient for ever."""

    def _output(self) -> ndarray:
        if not hasattr(self, "kept"):
            self.kept = self.input_
        return super()._output()

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(self.kept.T, output_grad)


class _WeightOutputCached(right.WeightMultiply):
    def _output(self) -> ndarray:
        if not hasattr(self, "kept"):
            self.kept = super()._output()
        return self.kept


class _WeightCopied(right.WeightMultiply):
    def __init__(self, W: ndarray) -> None:
        super().__init__(W.copy())


class _WeightGradAveraged(right.WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return super()._param_grad(output_grad) / max(len(output_grad), 1)


class _WeightGradOfOutput(right.WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(np.transpose(self.input_), np.ones_like(output_grad))


class _WeightGradOnes(right.WeightMultiply):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(np.ones_like(output_grad), self.param.T)


class _WeightGradFirstRow(right.WeightMultiply):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(self.input_[:1].T, output_grad[:1])


WEIGHT_MULTIPLY = (
    Mutant(
        "weight not transposed",
        "The input gradient multiplies by W as it is; it needs W "
        "transposed: np.dot(output_grad, W.T).",
        _WeightsNotTransposed,
        "input_grad",
    ),
    Mutant(
        "input not transposed",
        "The weight gradient multiplies by the input as it is; it needs the input transposed: "
        "np.dot(input_.T, output_grad).",
        _InputNotTransposed,
        "param_grad",
    ),
    Mutant(
        "weight gradient transposed",
        "The weight gradient is transposed: np.dot(input_.T, output_grad) has the shape of W, "
        "np.dot(output_grad.T, input_) that of W transposed.",
        _WeightGradTransposed,
        "param_grad",
    ),
    Mutant(
        "gradients accumulate",
        "The weight gradient of the last backward pass is added to; each backward pass must "
        "replace self.param_grad.",
        _WeightGradAccumulated,
        "param_grad",
    ),
    Mutant(
        "stale input",
        "The first input enters the weight gradient for ever; each forward pass must keep its own.",
        _WeightInputStale,
        "param_grad",
    ),
    Mutant(
        "output kept",
        "forward computes the output once and returns it for ever; compute it anew each time.",
        _WeightOutputCached,
        "output",
    ),
    Mutant(
        "weight copied",
        "self.param is a copy of W, so the optimizer's updates of W do not reach the operation; "
        "keep the array itself.",
        _WeightCopied,
        "output after an update",
    ),
    Mutant(
        "averaged",
        "The weight gradient is divided by the batch size; the loss has done that already.",
        _WeightGradAveraged,
        "param_grad",
    ),
    Mutant(
        "output_grad ignored",
        "The weight gradient does not use output_grad: multiply the transposed input by it.",
        _WeightGradOfOutput,
        "param_grad",
    ),
    Mutant(
        "output_grad ignored in the input gradient",
        "The input gradient does not use output_grad: multiply it by W transposed.",
        _WeightGradOnes,
        "input_grad",
    ),
    Mutant(
        "first row only",
        "Only the first row of the batch enters the weight gradient.",
        _WeightGradFirstRow,
        "param_grad",
    ),
)


class _BiasGradNotSummed(right.BiasAdd):
    """Leaves the shape check to find it: one row for each observation."""

    def backward(self, output_grad: ndarray) -> ndarray:
        input_grad = Operation.backward(self, output_grad)
        self.param_grad = np.ones_like(self.param) * output_grad
        return input_grad


class _BiasGradAveraged(right.BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.sum(output_grad, axis=0, keepdims=True) / max(len(output_grad), 1)


class _BiasGradTwiceSummed(right.BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.full_like(self.param, np.sum(output_grad))


class _BiasGradFirstRow(right.BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.ones_like(self.param) * output_grad[:1].sum(axis=0)


class _BiasInputGradOnes(right.BiasAdd):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.ones_like(self.input_)


class _BiasSubtracted(right.BiasAdd):
    def _output(self) -> ndarray:
        return self.input_ - self.param


class _BiasGradOtherAxis(right.BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.sum(output_grad, axis=1).reshape(1, -1)


class _BiasGradAccumulated(right.BiasAdd):
    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return getattr(self, "param_grad", 0) + super()._param_grad(output_grad)


class _BiasCopied(right.BiasAdd):
    def __init__(self, B: ndarray) -> None:
        super().__init__(B.copy())


BIAS_ADD = (
    Mutant(
        "gradient not summed",
        "The bias gradient has a row for each observation; add the rows "
        "up: np.sum(output_grad, axis=0, keepdims=True).",
        _BiasGradNotSummed,
        "param_grad",
    ),
    Mutant(
        "averaged",
        "The bias gradient is averaged over the batch; it is the sum.",
        _BiasGradAveraged,
        "param_grad",
    ),
    Mutant(
        "summed twice",
        "The bias gradient is summed over the units as well, so all get the same "
        "one: sum over axis 0 only.",
        _BiasGradTwiceSummed,
        "param_grad",
    ),
    Mutant(
        "first row only",
        "The bias gradient is the first row of output_grad; it is the sum of all rows.",
        _BiasGradFirstRow,
        "param_grad",
    ),
    Mutant(
        "output_grad ignored",
        "The input gradient is 1 everywhere; it is output_grad times 1.",
        _BiasInputGradOnes,
        "input_grad",
    ),
    Mutant("subtracted", "The bias is subtracted; add it.", _BiasSubtracted, "output"),
    Mutant(
        "summed over the wrong axis",
        "The bias gradient is summed over axis 1, the units; it is the sum of the rows, axis 0.",
        _BiasGradOtherAxis,
        "param_grad",
    ),
    Mutant(
        "gradients accumulate",
        "The bias gradient of the last backward pass is added to; each backward pass must "
        "replace self.param_grad.",
        _BiasGradAccumulated,
        "param_grad",
    ),
    Mutant(
        "bias copied",
        "self.param is a copy of B, so the optimizer's updates of B do not reach the operation; "
        "keep the array itself.",
        _BiasCopied,
        "output after an update",
    ),
)
