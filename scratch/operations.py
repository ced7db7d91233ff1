"""Chapter 3: operations, the smallest blocks of a network, each with its way back.

``forward`` keeps the input, ``backward`` turns the gradient on the output into one on the input,
of the same shape.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray


class Operation:
    """One step of a computational graph, without parameters.

    Chapter 3, "The Building Blocks of Neural Networks: Operations". A subclass defines ``_output``
    and ``_input_grad``. Where training and inference differ, as in dropout, ``inference`` says
    which of the two the last ``forward`` was for.
    """

    input_: ndarray
    output: ndarray
    input_grad: ndarray
    inference: bool

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """Keep ``input_`` and return the output computed from it.

        Args:
            input_: any shape that the operation takes.
            inference: True to predict, False to train (chapter 4, "Adjusting the Rest of Our
                Framework").
        """
        self.input_ = input_
        self.inference = inference
        self.output = self._output()
        return self.output

    def backward(self, output_grad: ndarray) -> ndarray:
        """Turn a gradient on the output into one on the input, of the input's shape.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: ``output_grad`` has not the shape of the output.
        """
        self._check_output_grad(output_grad)
        self.input_grad = self._input_grad(output_grad)
        check_same_shape(self.input_, self.input_grad, self, "input and input_grad")
        return self.input_grad

    def _output(self) -> ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _output")

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _input_grad")

    def _check_output_grad(self, output_grad: ndarray) -> None:
        if not hasattr(self, "output"):
            raise RuntimeError(f"{self}: backward was called before forward")
        check_same_shape(self.output, output_grad, self, "output and output_grad")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ParamOperation(Operation):
    """An operation with a parameter, whose gradient ``backward`` leaves in ``param_grad``.

    Chapter 3, "The Building Blocks of Neural Networks: Operations". A subclass defines
    ``_param_grad`` too. The parameter is held, not copied: the optimizer updates it in place.

    Args:
        param: the parameter, any shape.
    """

    param_grad: ndarray

    def __init__(self, param: ndarray) -> None:
        self.param = param

    def backward(self, output_grad: ndarray) -> ndarray:
        """As ``Operation.backward``; also sets ``param_grad``, in the shape of ``param``.

        Raises:
            RuntimeError: ``forward`` has not run.
            ValueError: a shape is wrong.
        """
        input_grad = super().backward(output_grad)
        self._keep_param_grad(output_grad)
        return input_grad

    @property
    def params(self) -> list[ndarray]:
        """The parameters that a layer collects: ``param`` alone, unless a subclass has more."""
        return [self.param]

    @property
    def param_grads(self) -> list[ndarray]:
        """The gradients on ``params``, in their order."""
        return [self.param_grad]

    def backward_to_param(self, output_grad: ndarray) -> None:
        """Set ``param_grad`` alone, where nobody asks for a gradient on the input: the data.

        Raises as ``backward``.
        """
        if type(self).backward is not ParamOperation.backward:
            self.backward(output_grad)  # a subclass has a way back of its own
            return
        self._check_output_grad(output_grad)
        self._keep_param_grad(output_grad)

    def _keep_param_grad(self, output_grad: ndarray) -> None:
        self.param_grad = self._param_grad(output_grad)
        check_same_shape(self.param, self.param_grad, self, "param and param_grad")

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _param_grad")

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.param.shape}"


class WeightMultiply(ParamOperation):
    """``input W``. Chapter 3, "Building Blocks on Building Blocks".

    Args:
        W: shape ``(in, out)``; takes inputs of shape ``(batch, in)``.

    Raises:
        ValueError: ``W`` is no matrix; in ``forward``, the input does not fit it.
    """

    def __init__(self, W: ndarray) -> None:
        if W.ndim != 2:
            raise ValueError(f"WeightMultiply: W must have shape (in, out), not {W.shape}")
        super().__init__(W)

    def _output(self) -> ndarray:
        check_columns(self.input_, self.param, self)
        return np.dot(self.input_, self.param)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(output_grad, self.param.T)

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.dot(self.input_.T, output_grad)


class BiasAdd(ParamOperation):
    """``input + B``, one number a column. Chapter 3, "Building Blocks on Building Blocks".

    Args:
        B: shape ``(1, out)``; takes inputs of shape ``(batch, out)``.

    Raises:
        ValueError: ``B`` is not one row; in ``forward``, the input does not fit it.
    """

    def __init__(self, B: ndarray) -> None:
        if B.ndim != 2 or B.shape[0] != 1:
            raise ValueError(f"BiasAdd: B must have shape (1, out), not {B.shape}")
        super().__init__(B)

    def _output(self) -> ndarray:
        if self.input_.ndim != 2 or self.input_.shape[1] != self.param.shape[1]:
            raise ValueError(
                f"{self}: input must have shape (batch, {self.param.shape[1]}), "
                f"not {self.input_.shape}"
            )
        return self.input_ + self.param

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.array(output_grad)

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return np.sum(output_grad, axis=0, keepdims=True)


def check_same_shape(expected: ndarray, actual: ndarray, *what: object) -> None:
    """Compare two shapes (the book's ``assert_same_shape``).

    Args:
        expected: the one array.
        actual: the other.
        what: their names, which are written out only when they are needed: each step of training
            makes dozens of these comparisons.

    Raises:
        ValueError: the shapes differ; names ``what`` and both shapes.
    """
    try:
        same = expected.shape == actual.shape
    except AttributeError:  # np.shape takes a number or a list, too, and more time
        same = np.shape(expected) == np.shape(actual)
    if not same:
        raise ValueError(
            f"{' '.join(map(str, what))} must have the same shape, "
            f"not {np.shape(expected)} and {np.shape(actual)}"
        )


def check_columns(input_: ndarray, W: ndarray, who: object) -> None:
    """Whether a batch fits a weight matrix.

    Raises:
        ValueError: it does not; names ``who`` and both shapes.
    """
    if input_.ndim != 2 or input_.shape[1] != W.shape[0]:
        raise ValueError(
            f"{who}: input of shape {input_.shape} does not fit weights of shape {W.shape}; "
            f"it must have shape (batch, {W.shape[0]})"
        )
