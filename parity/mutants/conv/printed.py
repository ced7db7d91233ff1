"""Appendix A's convolution as printed, as an operation, and what is left of it once some of its
mistakes are mended: the height for both axes, the filter as it is in the input gradient (E17), of
three channels, and patches in another order than gradients (E16).
"""

from __future__ import annotations

from numpy import ndarray

from parity.catalogue.component import Mutant
from parity.mutants.conv.operation import NotFlippedInGrad, PatchesInOtherOrder
from scratch.conv import operation as right


class _Square(right.Conv2DOperation):
    """As many columns of patches as an image has rows: higher images have not so many."""

    def _output(self) -> ndarray:
        height, width = self.input_.shape[2:]
        if height > width:
            raise ValueError(f"no {height} columns in {self.input_.shape}")
        return super()._output()[..., :height].copy()


class _SquareNotFlipped(_Square, NotFlippedInGrad):
    pass


class _SquareThreeChannels(_SquareNotFlipped):
    def _input_grad(self, output_grad: ndarray) -> ndarray:
        if self.input_.shape[1] != 3:
            raise ValueError(f"cannot reshape {self.input_.shape} to 3 channels")
        return super()._input_grad(output_grad)


class _SquareInOtherOrder(_Square, PatchesInOtherOrder):
    pass


class _SquareNotFlippedInOtherOrder(_SquareNotFlipped, PatchesInOtherOrder):
    pass


class _AsPrinted(_SquareThreeChannels, PatchesInOtherOrder):
    pass


_BOTH_AXES = "The height is used for both axes, as the appendix prints it: use the width, too."
_FLIP = " In the input gradient flip the filter: W[:, :, ::-1, ::-1]."
_CHANNELS = " In the input gradient flip the filter, and put the input's channels for the 3."
_ORDER = " In the filter gradient exchange the first two axes of the patches."

#: Those for three channels are like others where they can run at all, and go before them.
AS_PRINTED = (
    Mutant(
        "the appendix as printed",
        _BOTH_AXES + _CHANNELS + _ORDER,
        _AsPrinted,
        "input_grad",
        errata="E17",
    ),
    Mutant(
        "height for both axes, filter not flipped, three channels",
        _BOTH_AXES + _CHANNELS,
        _SquareThreeChannels,
        "input_grad",
        errata="E17",
    ),
    Mutant(
        "height for both axes, filter not flipped, patches in another order",
        _BOTH_AXES + _FLIP + _ORDER,
        _SquareNotFlippedInOtherOrder,
        "input_grad",
        errata="E17",
    ),
    Mutant(
        "height for both axes, filter not flipped",
        _BOTH_AXES + _FLIP,
        _SquareNotFlipped,
        "input_grad",
        errata="E17",
    ),
    Mutant(
        "height for both axes, patches in another order",
        _BOTH_AXES + _ORDER,
        _SquareInOtherOrder,
        "param_grad",
        errata="E16",
    ),
    Mutant("height for both axes", _BOTH_AXES, _Square, "output", errata="E15"),
)
