"""Mistakes in Adam."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

from parity.catalogue.component import Mutant
from scratch import optimizers as right

_FIRST, _SECOND = "params[0], step 1", "params[0], step 2"


class _Adam(right.Adam):
    """``Adam`` in parts, each of which a mistake replaces."""

    def step(self) -> None:
        params, grads = self._params_and_grads()
        self.steps += 1
        for param, grad, mean, square in zip(
            params, grads, self.mean_grads, self.mean_squares, strict=True
        ):
            self._means(grad, mean, square)
            param -= self._update(mean, square)

    def _means(self, grad: ndarray, mean: ndarray, square: ndarray) -> None:
        beta_1, beta_2 = self.betas
        mean[...] = beta_1 * mean + (1 - beta_1) * grad
        square[...] = beta_2 * square + (1 - beta_2) * grad**2

    def _corrections(self) -> tuple[float, float]:
        beta_1, beta_2 = self.betas
        return 1 - beta_1**self.steps, 1 - beta_2**self.steps

    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        of_mean, of_square = self._corrections()
        return self.lr * (mean / of_mean) / (np.sqrt(square / of_square) + self.eps)


class _NoCorrection(_Adam):
    def _corrections(self) -> tuple[float, float]:
        return 1.0, 1.0


class _MeanCorrectedOnly(_Adam):
    def _corrections(self) -> tuple[float, float]:
        return super()._corrections()[0], 1.0


class _SquareCorrectedOnly(_Adam):
    def _corrections(self) -> tuple[float, float]:
        return 1.0, super()._corrections()[1]


class _CorrectedLikeSecondStep(_Adam):
    def _corrections(self) -> tuple[float, float]:
        beta_1, beta_2 = self.betas
        return 1 - beta_1 ** (self.steps + 1), 1 - beta_2 ** (self.steps + 1)


class _CorrectedLikeFirstStep(_Adam):
    def _corrections(self) -> tuple[float, float]:
        return 1 - self.betas[0], 1 - self.betas[1]


class _CountsParameters(_Adam):
    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        update = super()._update(mean, square)
        self.steps += 1
        return update

    def step(self) -> None:
        super().step()
        self.steps -= 1


class _EpsInside(_Adam):
    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        of_mean, of_square = self._corrections()
        return self.lr * (mean / of_mean) / np.sqrt(square / of_square + self.eps)


class _EpsBeforeCorrection(_Adam):
    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        of_mean, of_square = self._corrections()
        return self.lr * math.sqrt(of_square) / of_mean * mean / (np.sqrt(square) + self.eps)


class _NoRoot(_Adam):
    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        of_mean, of_square = self._corrections()
        return self.lr * (mean / of_mean) / (square / of_square + self.eps)


class _BetasExchanged(_Adam):
    def _setup_state(self, params: list[ndarray]) -> None:
        super()._setup_state(params)
        self.betas = self.betas[::-1]


class _NotWeighted(_Adam):
    def _means(self, grad: ndarray, mean: ndarray, square: ndarray) -> None:
        mean[...] = self.betas[0] * mean + grad
        square[...] = self.betas[1] * square + grad**2


class _SquareOfMean(_Adam):
    def _means(self, grad: ndarray, mean: ndarray, square: ndarray) -> None:
        beta_1, beta_2 = self.betas
        mean[...] = beta_1 * mean + (1 - beta_1) * grad
        square[...] = beta_2 * square + (1 - beta_2) * mean**2


class _CorrectionKept(_Adam):
    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        of_mean, of_square = self._corrections()
        mean /= of_mean
        square /= of_square
        return self.lr * mean / (np.sqrt(square) + self.eps)


class _Climbs(_Adam):
    def _update(self, mean: ndarray, square: ndarray) -> ndarray:
        return -super()._update(mean, square)


ADAM = tuple(
    Mutant(name, sentence, implementation, caught_in)
    for name, sentence, implementation, caught_in in (
        (
            "no bias correction",
            "The means are not corrected for their start at 0: divide the mean gradient by "
            "1 - betas[0] ** n and the mean square by 1 - betas[1] ** n in the n-th step.",
            _NoCorrection,
            _FIRST,
        ),
        (
            "mean square not corrected",
            "Only the mean gradient is corrected: divide the mean square by 1 - betas[1] ** n, "
            "too.",
            _MeanCorrectedOnly,
            _FIRST,
        ),
        (
            "mean gradient not corrected",
            "Only the mean square is corrected: divide the mean gradient by 1 - betas[0] ** n, "
            "too.",
            _SquareCorrectedOnly,
            _FIRST,
        ),
        (
            "counted from 2",
            "The correction is a step ahead: the exponent is 1 in the first step.",
            _CorrectedLikeSecondStep,
            _FIRST,
        ),
        (
            "step not counted",
            "The correction is that of the first step in all of them: count the steps.",
            _CorrectedLikeFirstStep,
            _SECOND,
        ),
        (
            "parameters counted",
            "The steps are counted once for each parameter, so the exponent grows too fast: count "
            "one for each call of step.",
            _CountsParameters,
            "params[1], step 1",
        ),
        (
            "correction kept",
            "The corrected means are kept, so the correction adds up: keep the means as they are "
            "and correct them for this step only.",
            _CorrectionKept,
            _SECOND,
        ),
        (
            "eps inside the root",
            "eps is added under the root; add it to the root.",
            _EpsInside,
            _FIRST,
        ),
        (
            "eps before the correction",
            "eps is added to the root before the mean square is corrected; correct it first.",
            _EpsBeforeCorrection,
            _FIRST,
        ),
        (
            "no root",
            "The mean gradient is divided by the mean square; divide by its square root.",
            _NoRoot,
            _FIRST,
        ),
        (
            "betas exchanged",
            "The betas are exchanged: betas[0] is the mean gradient's, betas[1] the mean square's.",
            _BetasExchanged,
            _SECOND,
        ),
        (
            "not weighted",
            "The new gradient and its square come in whole: multiply them by 1 - beta.",
            _NotWeighted,
            _FIRST,
        ),
        (
            "square of the mean",
            "The mean gradient is squared; the mean square is that of the gradients themselves.",
            _SquareOfMean,
            _FIRST,
        ),
        ("climbs", "The step is added to the parameter; subtract it.", _Climbs, _FIRST),
    )
)
