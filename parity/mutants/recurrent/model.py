"""Mistakes in the models of recurrent layers of chapter 6."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch.recurrent import model as right


class _NotReversed(right.RNNModel):
    def backward(self, loss_grad: ndarray) -> ndarray:
        for layer in self.layers:
            loss_grad = layer.backward(loss_grad)
        return loss_grad


class _GradNotPassed(right.RNNModel):
    def backward(self, loss_grad: ndarray) -> ndarray:
        for layer in reversed(self.layers):
            layer.backward(loss_grad)
        return loss_grad


class _SkipsFirst(right.RNNModel):
    def backward(self, loss_grad: ndarray) -> ndarray:
        for layer in reversed(self.layers[1:] or self.layers):
            loss_grad = layer.backward(loss_grad)
        return loss_grad


class _LastLayerTwice(right.RNNModel):
    """The first layer's output is left out where it can be."""

    def forward(self, x_batch: ndarray) -> ndarray:
        x_out = x_batch
        for layer in self.layers:
            x_out = layer.forward(x_batch)
        return x_out


class _LossGradOnes(right.RNNModel):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        self.clear_gradients()
        predictions = self.forward(x_batch)
        loss = self.loss.forward(predictions, y_batch)
        self.backward(np.ones_like(predictions))
        return loss


class _TargetFirst(right.RNNModel):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        self.clear_gradients()
        loss = self.loss.forward(y_batch, self.forward(x_batch))
        self.backward(self.loss.backward())
        return loss


class _NotCleared(right.RNNModel):
    def clear_gradients(self) -> None:
        pass


class _LastLayerCleared(right.RNNModel):
    def clear_gradients(self) -> None:
        self.layers[-1].clear_gradients()


class _FirstLayerCleared(right.RNNModel):
    def clear_gradients(self) -> None:
        self.layers[0].clear_gradients()


class _ClearedAtTheEnd(right.RNNModel):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        loss = super().train_batch(x_batch, y_batch)
        self.clear_gradients()
        return loss


class _ForwardTwice(right.RNNModel):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        self.forward(x_batch)
        return super().train_batch(x_batch, y_batch)


class _StateReset(right.RNNModel):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        self.reset_state()
        return super().train_batch(x_batch, y_batch)


RNN_MODEL = (
    Mutant(
        "output not passed on",
        "Every layer gets the batch itself; each must get the output of the layer before it.",
        _LastLayerTwice,
        "output",
    ),
    Mutant(
        "not reversed",
        "backward visits the layers in forward order; go through reversed(self.layers).",
        _NotReversed,
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "gradient not passed on",
        "Every layer gets the gradient of the loss; each must get the one that the layer behind it "
        "returned.",
        _GradNotPassed,
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "first layer skipped",
        "backward stops before the first layer, which never learns.",
        _SkipsFirst,
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "loss gradient ignored",
        "The backward pass starts from ones; start it from self.loss.backward().",
        _LossGradOnes,
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "target first",
        "The loss gets the target where it expects the prediction: "
        "loss.forward(predictions, y_batch).",
        _TargetFirst,
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "gradients not cleared",
        "The gradients of all batches are added up: clear those of every layer for each batch.",
        _NotCleared,
        "deriv[RNNLayer 1, W_f] of the next batch",
    ),
    Mutant(
        "last layer cleared only",
        "Only the last layer's gradients are cleared for each batch; clear those of every layer.",
        _LastLayerCleared,
        "deriv[RNNLayer 1, W_f] of the next batch",
    ),
    Mutant(
        "first layer cleared only",
        "Only the first layer's gradients are cleared for each batch; clear those of every layer.",
        _FirstLayerCleared,
        "deriv[RNNLayer 2, W_f] of the next batch",
    ),
    Mutant(
        "cleared after the way back",
        "All gradients are 0 after a training step, before an optimizer has used them: clear them "
        "before the way back, not after it.",
        _ClearedAtTheEnd,
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "forward twice",
        "A training step goes forward twice, so the layers carry their states on twice: keep what "
        "the first pass returned.",
        _ForwardTwice,
        "loss",
    ),
    Mutant(
        "state reset for each batch",
        "The layers' states are set to 0 for each batch; a batch starts where the one before it "
        "stopped.",
        _StateReset,
        "loss of the next batch",
    ),
)


def _grads_at(place: slice, *, shared: bool = False) -> type[right.RNNModel]:
    """A model that hands the gradient of the loss to other time steps."""

    class Wrong(right.RNNModel):
        def _result_backward(self, loss_grad: ndarray) -> ndarray:
            grad = super()._result_backward(loss_grad)
            result = np.zeros_like(grad)
            result[:, place] = loss_grad[:, None] / (grad.shape[1] if shared else 1)
            return result

    return Wrong


class _FirstStep(_grads_at(slice(0, 1))):  # type: ignore[misc]
    def _result(self, x_out: ndarray) -> ndarray:
        super()._result(x_out)
        return x_out[:, 0]


class _MeanOverSteps(_grads_at(slice(None), shared=True)):  # type: ignore[misc]
    def _result(self, x_out: ndarray) -> ndarray:
        super()._result(x_out)
        return np.mean(x_out, axis=1)


class _SumOverSteps(_grads_at(slice(None))):  # type: ignore[misc]
    def _result(self, x_out: ndarray) -> ndarray:
        super()._result(x_out)
        return np.sum(x_out, axis=1)


class _Ignored(right.RNNModel):
    def __init__(self, layers: list, loss: object, many_to_one: bool = False) -> None:
        super().__init__(layers, loss)  # type: ignore[arg-type]


MANY_TO_ONE = (
    Mutant(
        "many_to_one ignored",
        "many_to_one=True changes nothing: the predictions are those of all time steps, and should "
        "be those of the last one.",
        _Ignored,
        "output",
    ),
    Mutant(
        "first time step",
        "The predictions are those of the first time step, which has seen next to nothing; take "
        "the last one, [:, -1].",
        _FirstStep,
        "output",
    ),
    Mutant(
        "mean over time",
        "The predictions are the mean over all time steps; take those of the last one, [:, -1].",
        _MeanOverSteps,
        "output",
    ),
    Mutant(
        "sum over time",
        "The predictions are the sum over all time steps; take those of the last one, [:, -1].",
        _SumOverSteps,
        "output",
    ),
    Mutant(
        "gradient to all steps",
        "Every time step gets the gradient of the loss; only the last one made the prediction, the "
        "others get zeros.",
        _grads_at(slice(None)),
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "gradient shared among steps",
        "The gradient of the loss is shared among all time steps; the last one gets all of it, the "
        "others zeros.",
        _grads_at(slice(None), shared=True),
        "deriv[RNNLayer 1, W_f]",
    ),
    Mutant(
        "gradient to the first step",
        "The gradient of the loss goes to the first time step; it belongs to the last one.",
        _grads_at(slice(0, 1)),
        "deriv[RNNLayer 1, W_f]",
    ),
)
