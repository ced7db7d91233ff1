"""Mistakes in the initial weights of chapter 4."""

from __future__ import annotations

from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import dense as right
from scratch import initialization
from scratch.operations import WeightMultiply


def _with_scale(scale: initialization.Scale) -> type[right.Dense]:
    """A layer whose "glorot" is something else."""

    class Wrong(right.Dense):
        def _setup_layer(self, input_: ndarray) -> None:
            super()._setup_layer(input_)
            if self.weight_init == "glorot":
                n_in, n_out = input_.shape[1], self.neurons
                self.params[0] *= scale(n_in, n_out) / initialization.glorot(n_in, n_out)

    return Wrong


class _Positive(right.Dense):
    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        W = self.params[0]
        W[...] = abs(W)
        assert isinstance(self.operations[0], WeightMultiply)


class _Uniform(right.Dense):
    """With the spread of numbers from -s to s."""

    def _setup_layer(self, input_: ndarray) -> None:
        super()._setup_layer(input_)
        self.params[0] /= 3**0.5


WEIGHT_INIT = (
    Mutant(
        "variance for standard deviation",
        "2 / (in + out) is the variance, but what the random numbers are multiplied by is the "
        "standard deviation: take its square root. The book prints it without.",
        _with_scale(initialization.glorot_as_printed),
        "standard deviation of W over the right one",
        errata="E12",
    ),
    Mutant(
        "ignored",
        'weight_init="glorot" changes nothing: the standard deviation stays 1.',
        _with_scale(initialization.standard),
        "standard deviation of W over the right one",
    ),
    Mutant(
        "bounds for standard deviation",
        "sqrt(6 / (in + out)) is how far the uniform form of Glorot's weights reaches; the "
        "standard deviation of normal ones is sqrt(2 / (in + out)).",
        _with_scale(lambda n_in, n_out: (6 / (n_in + n_out)) ** 0.5),
        "standard deviation of W over the right one",
    ),
    Mutant(
        "standard deviation for bounds",
        "The weights reach from -s to s, where s is to be their standard deviation: draw them from "
        "the normal distribution, not from the uniform one.",
        _with_scale(lambda n_in, n_out: (2 / 3 / (n_in + n_out)) ** 0.5),
        "standard deviation of W over the right one",
    ),
    Mutant(
        "standard deviation for bounds, always",
        "The weights reach from -s to s, where s is to be their standard deviation: draw them from "
        "the normal distribution, not from the uniform one.",
        _Uniform,
        "standard deviation of W over the right one",
    ),
    Mutant(
        "inputs only",
        "The standard deviation is sqrt(1 / in); Glorot's is sqrt(2 / (in + out)), between that of "
        "the way forward and that of the way back.",
        _with_scale(lambda n_in, n_out: (1 / n_in) ** 0.5),
        "standard deviation of W over the right one",
    ),
    Mutant(
        "He's",
        "The standard deviation is sqrt(2 / in), which is He's, for ReLUs; Glorot's is "
        "sqrt(2 / (in + out)).",
        _with_scale(initialization.he),
        "standard deviation of W over the right one",
    ),
    Mutant(
        "all positive",
        "All weights are positive: draw them around 0, from the standard normal.",
        _Positive,
        "mean of W over its standard deviation",
    ),
)
