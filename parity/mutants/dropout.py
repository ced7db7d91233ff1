"""Mistakes in the dropout of chapter 4."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import dense, network
from scratch import dropout as right


class _Exchanged(right.Dropout):
    """The probability to drop, as ``nn.Dropout`` takes it."""

    def __init__(self, keep_prob: float = 0.8) -> None:
        super().__init__(1 - keep_prob)


class _DropProbability(right.Dropout):
    """Right at inference, but drops what it should keep."""

    def _draw_mask(self) -> ndarray:
        return 1 - super()._draw_mask()


class _NotScaled(right.Dropout):
    def _output(self) -> ndarray:
        return np.array(self.input_) if self.inference else super()._output()


class _ScaledByDropProbability(right.Dropout):
    def _output(self) -> ndarray:
        return self.input_ * (1 - self.keep_prob) if self.inference else super()._output()


class _ScaledTwice(right.Dropout):
    """In training, too."""

    def _output(self) -> ndarray:
        return super()._output() if self.inference else super()._output() * self.keep_prob


class _BothScalings(right.Dropout):
    def _output(self) -> ndarray:
        return super()._output() if self.inference else super()._output() / self.keep_prob

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return super()._input_grad(output_grad) / self.keep_prob


class _RedrawnInBackward(right.Dropout):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad * self._draw_mask()


class _NoMaskInBackward(right.Dropout):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return np.array(output_grad)


class _ScaledInBackward(right.Dropout):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad * self.mask * self.keep_prob


class _MaskKept(right.Dropout):
    def _draw_mask(self) -> ndarray:
        return self.mask if hasattr(self, "mask") else super()._draw_mask()


class _MaskPerColumn(right.Dropout):
    def _draw_mask(self) -> ndarray:
        return np.repeat(super()._draw_mask()[:1], len(self.input_), axis=0)


class _InferenceIgnored(right.Dropout):
    """Drops at inference, where the expectation is what counts."""

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        super().forward(input_, True)
        return super().forward(input_, False)


class _FlagInverted(right.Dropout):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        self.mask = np.ones_like(input_)
        return super().forward(input_, not inference)


class _OtherDefault(right.Dropout):
    def __init__(self, keep_prob: float = 0.5) -> None:
        super().__init__(keep_prob)


DROPOUT = (
    Mutant(
        "keep and drop exchanged",
        "keep_prob is taken for the probability to drop: an element is kept with probability "
        "keep_prob (nn.Dropout takes the other one).",
        _Exchanged,
        "share kept",
    ),
    Mutant(
        "mask exchanged",
        "The mask keeps what it should drop: it must be 1 with probability keep_prob.",
        _DropProbability,
        "share kept",
    ),
    Mutant(
        "not scaled at inference",
        "At inference nothing is scaled, so later layers get more than in training: multiply by "
        "keep_prob.",
        _NotScaled,
        "output at inference",
    ),
    Mutant(
        "scaled by the drop probability",
        "At inference the input is multiplied by 1 - keep_prob; it must be keep_prob, the share "
        "that gets through in training.",
        _ScaledByDropProbability,
        "output at inference",
    ),
    Mutant(
        "scaled in training",
        "In training the output is multiplied by keep_prob; that belongs to inference only.",
        _ScaledTwice,
        "output over input where kept",
    ),
    Mutant(
        "scaled twice",
        "Training divides by keep_prob and inference multiplies by it: one of them is enough, in "
        "the book the one at inference.",
        _BothScalings,
        "output over input where kept",
    ),
    Mutant(
        "inverted form",
        "This is the inverted form, as in nn.Dropout: right in itself, but the book's dropout "
        "leaves the scale alone in training and multiplies by keep_prob at inference.",
        right.InvertedDropout,
        "output over input where kept",
    ),
    Mutant(
        "mask redrawn in backward",
        "backward draws a new mask; it must use that of the last forward pass, so keep it.",
        _RedrawnInBackward,
        "backward lets through what forward kept",
    ),
    Mutant(
        "no mask in backward",
        "backward lets everything through; what was left out had no part in the output, so its "
        "gradient is 0: multiply by the mask.",
        _NoMaskInBackward,
        "backward lets through what forward kept",
    ),
    Mutant(
        "scaled in backward",
        "backward multiplies by keep_prob, but forward in training did not.",
        _ScaledInBackward,
        "input_grad over output_grad where kept",
    ),
    Mutant(
        "mask drawn once",
        "The mask is drawn once and stays: each forward pass in training draws a new one.",
        _MaskKept,
        "each forward pass draws a new mask",
    ),
    Mutant(
        "one mask for all rows",
        "All rows of a batch have the same mask: draw it in the shape of the whole input.",
        _MaskPerColumn,
        "each row has a mask of its own",
    ),
    Mutant(
        "neurons left out at inference",
        "At inference elements are left out, too: where inference is True, multiply the whole "
        "input by keep_prob and draw no mask.",
        _InferenceIgnored,
        "output at inference",
    ),
    Mutant(
        "training and inference exchanged",
        "Training and inference are exchanged: a mask is drawn where inference is False.",
        _FlagInverted,
        "output over input where kept",
    ),
    Mutant(
        "default of 0.5",
        "Without an argument keep_prob is 0.5; the book's default is 0.8.",
        _OtherDefault,
        "share kept",
    ),
)


class _KeepNotDivided(right.InvertedDropout):
    def _draw_mask(self) -> ndarray:
        return super()._draw_mask() * self.keep_prob


class _DividedByDropProbability(right.InvertedDropout):
    def _draw_mask(self) -> ndarray:
        return super()._draw_mask() * self.keep_prob / (1 - self.keep_prob)


class _GradNotDivided(right.InvertedDropout):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad * (self.mask * self.keep_prob)


class _ScaledAtInference(right.InvertedDropout):
    def _output(self) -> ndarray:
        return self.input_ * self.keep_prob if self.inference else super()._output()


class _InvertedRedrawn(right.InvertedDropout):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad * self._draw_mask()


INVERTED_DROPOUT = (
    Mutant(
        "book's form",
        "This is the book's form, which scales at inference; the inverted form divides by "
        "keep_prob in training and leaves inference alone.",
        right.Dropout,
        "output over input where kept",
    ),
    Mutant(
        "not scaled",
        "Nothing is scaled at all: divide what is kept in training by keep_prob.",
        _KeepNotDivided,
        "output over input where kept",
    ),
    Mutant(
        "divided by the drop probability",
        "What is kept is divided by 1 - keep_prob; divide by keep_prob.",
        _DividedByDropProbability,
        "output over input where kept",
    ),
    Mutant(
        "gradient not divided",
        "backward multiplies by a mask of 0 and 1; forward divided by keep_prob, so the gradient "
        "is divided, too.",
        _GradNotDivided,
        "input_grad over output_grad where kept",
    ),
    Mutant(
        "scaled at inference, too",
        "Inference multiplies by keep_prob, but training has made up for it already.",
        _ScaledAtInference,
        "output at inference",
    ),
    Mutant(
        "mask redrawn in backward",
        "backward draws a new mask; it must use that of the last forward pass, so keep it.",
        _InvertedRedrawn,
        "backward lets through what forward kept",
    ),
)


class _NoDropout(dense.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.operations = self.operations[:3]


class _BeforeBias(dense.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        weight_multiply, *rest, dropout = self.operations
        self.operations = [weight_multiply, dropout, *rest]


class _BeforeActivation(dense.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        weight_multiply, bias_add, activation, dropout = self.operations
        self.operations = [weight_multiply, bias_add, dropout, activation]


class _FlagNotPassed(dense.Dense):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        return super().forward(input_, False)


class _AlwaysInference(dense.Dense):
    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        return super().forward(input_, True)


class _DropInLayer(dense.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        assert isinstance(self.dropout, float)
        self.operations[3] = right.Dropout(1 - self.dropout)


class _DefaultDropout(dense.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.operations[3] = right.Dropout()


class _NotOnTheWayBack(dense.Dense):
    def backward(self, output_grad: ndarray) -> ndarray:
        operations = self.operations
        self.operations = operations[:3]
        grad = super().backward(output_grad)
        self.operations = operations
        return grad


DENSE_DROPOUT = (
    Mutant(
        "no dropout",
        "dropout changes nothing: where it is below 1, the operations must end with "
        "Dropout(dropout).",
        _NoDropout,
        "share kept",
    ),
    Mutant(
        "inference not handed on",
        "forward does not hand inference on to the operations, so neurons are left out at "
        "inference, too.",
        _FlagNotPassed,
        "output at inference",
        within="Dropout",
    ),
    Mutant(
        "always inference",
        "The operations always run as for inference, so no neuron is ever left out: hand on the "
        "inference that forward got.",
        _AlwaysInference,
        "share kept",
    ),
    Mutant(
        "before the activation",
        "Dropout stands before the activation; it is the last operation of the layer.",
        _BeforeActivation,
        "output over that without dropout where kept",
    ),
    Mutant(
        "before the bias",
        "Dropout stands before the bias; it is the last operation of the layer.",
        _BeforeBias,
        "output at inference",
    ),
    Mutant(
        "keep and drop exchanged",
        "Dropout gets 1 - dropout, but both are the probability to keep.",
        _DropInLayer,
        "share kept",
        within="Dropout",
    ),
    Mutant(
        "probability not handed on",
        "Dropout() keeps 0.8 whatever the layer was given: Dropout(self.dropout).",
        _DefaultDropout,
        "share kept",
    ),
    Mutant(
        "not on the way back",
        "backward leaves dropout out, so weights of neurons that were left out get a gradient.",
        _NotOnTheWayBack,
        "param_grads are those of what was kept",
        within="Dropout",
    ),
)


class _NetworkFlagNotPassed(network.NeuralNetwork):
    def forward(self, x_batch: ndarray, inference: bool = False) -> ndarray:
        return super().forward(x_batch, False)


class _NetworkAlwaysInference(network.NeuralNetwork):
    def forward(self, x_batch: ndarray, inference: bool = True) -> ndarray:
        return super().forward(x_batch, inference)


class _TrainsAsForInference(network.NeuralNetwork):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        loss = self.loss.forward(self.forward(x_batch, inference=True), y_batch)
        self.backward(self.loss.backward())
        return loss


NEURAL_NETWORK_INFERENCE = (
    Mutant(
        "trained as for inference",
        "train_batch runs forward as for inference, so it trains without dropout.",
        _TrainsAsForInference,
        "train_batch leaves neurons out",
    ),
    Mutant(
        "inference not handed on",
        "forward does not hand inference on to every layer, so neurons are left out at inference, "
        "too.",
        _NetworkFlagNotPassed,
        "output at inference",
    ),
    Mutant(
        "inference by default",
        "inference is True by default, so train_batch trains without dropout: the default is "
        "False.",
        _NetworkAlwaysInference,
        "without inference neurons are left out",
    ),
)
