"""Catalogue of chapter 7: the autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from parity.catalogue.cases import Shapes, batch_cases
from parity.catalogue.component import (
    Case,
    Component,
    Given,
    Implementation,
    Observed,
    indexed,
    snapshot,
)
from parity.catalogue.dense import are_arrays, listed
from parity.catalogue.twins import adopt, array, backpropagate, tensor
from parity.comparison import Absent
from parity.mutants import autoencoder as mutants

if TYPE_CHECKING:
    from torch import nn

#: Of the parameters of an autoencoder whose convolutions have a bias, those that are no such bias.
_NO_BIAS = (0, 2, 4, 5, 6, 7, 8, 10)


_IN_PLACE = "params can be updated in place"


def _run_reshape(impl: Implementation, given: Given) -> Observed:
    """A pass with another batch goes before. An output of the wrong shape has no way back."""
    x, grad = given.inputs["input_"], given.inputs["output_grad"]
    operation = impl.Reshape(grad.shape[1:])
    operation.forward(x[:1] + 1)
    output = snapshot(operation.forward(x))
    if not isinstance(output, ndarray) or output.shape != grad.shape:
        return Observed({"output": output})
    return Observed({"output": output, "input_grad": snapshot(operation.backward(grad))})


def _reference_reshape(given: Given) -> dict[str, Any]:
    from torch import nn

    grad = given.inputs["output_grad"]
    unflatten = nn.Unflatten(1, grad.shape[1:])
    output, input_grad, _ = backpropagate(unflatten, given.inputs["input_"], grad)
    return {"output": output, "input_grad": input_grad}


def _make(impl: Implementation, given: Given) -> Any:
    options = given.options
    return impl.Autoencoder(
        hidden_dim=options["hidden_dim"],
        channels=tuple(options["channels"]),
        param_size=options["param_size"],
    )


def _load(arrays: Sequence[ndarray], given: Given) -> list[ndarray]:
    """Give parameters their values, in place: those that are to be adopted, or the case's own, so
    that no draw decides how many digits cancel.

    Returns:
        Those that were given a value; the others are a bias that the implementation with which this
        one is compared does not have, and 0.
    """
    values = given.params
    if values is None:
        generator = np.random.default_rng(7)
        values = [generator.normal(0, 0.3, param.shape) for param in arrays]
    elif len(values) == len(_NO_BIAS) < len(arrays):
        for param in arrays:
            param[...] = 0
        arrays = [arrays[i] for i in _NO_BIAS]
    for param, value in zip(arrays, values, strict=True):
        param[...] = value
    return list(arrays)


def _run_autoencoder(impl: Implementation, given: Given) -> Observed:
    """The first images set the network up. A step with others goes before the one that counts; an
    update of all parameters follows.
    """
    x, target, codes = (given.inputs[name] for name in ("images", "targets", "codes"))
    net = _make(impl, given)
    net.forward(x + 1)
    arrays = listed(net.params())
    if not are_arrays(arrays):
        return Observed({}, arrays)
    loaded = _load(arrays, given)
    places = [i for i, param in enumerate(arrays) if any(param is other for other in loaded)]
    params = [snapshot(param) for param in loaded]
    if not _are_equal(listed(net.params()), arrays):
        return Observed({_IN_PLACE: False}, params)
    net.train_batch(x + 1, target)
    output = snapshot(net.forward(x))
    shown = {
        _IN_PLACE: True,
        "output": output,
        "code": snapshot(getattr(net, "code", Absent())),
        "code of images": snapshot(net.encode(target)),
        "images of codes": snapshot(net.decode(codes)),
        "loss": net.train_batch(x, target),
    }
    grads = listed(net.param_grads())
    if len(grads) == len(arrays):
        grads = [grads[i] for i in places]
    shown |= indexed("param_grads", grads)
    for i in places:
        arrays[i] += 0.1
    return Observed(shown | {"output after an update": snapshot(net.forward(x))}, params)


def _are_equal(now: list[Any], values: list[ndarray]) -> bool:
    return are_arrays(now, len(values)) and all(
        np.array_equal(param, value) for param, value in zip(now, values, strict=True)
    )


def _param_shapes(given: Given) -> dict[str, tuple[int, ...]]:
    """Of the parameters, by name. The book's Conv2D has no bias, its autoencoder in PyTorch has
    one; either will do.
    """
    options, images = given.options, given.inputs["images"]
    _, in_channels, height, width = images.shape
    first, second = options["channels"]
    size, hidden = (options["param_size"],) * 2, options["hidden_dim"]
    rows = second * height * width
    shapes: dict[str, tuple[int, ...]] = {
        "filters 1": (in_channels, first, *size),
        "bias 1": (1, first),
        "filters 2": (first, second, *size),
        "bias 2": (1, second),
        "W of the code": (rows, hidden),
        "B of the code": (1, hidden),
        "W of the images": (hidden, rows),
        "B of the images": (1, rows),
        "filters 3": (second, first, *size),
        "bias 3": (1, first),
        "filters 4": (first, in_channels, *size),
        "bias 4": (1, in_channels),
    }
    if len(given.params or ()) == len(_NO_BIAS):
        return {name: shape for name, shape in shapes.items() if not name.startswith("bias")}
    return shapes


def _twins(given: Given, params: list[ndarray]) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of ``reference``'s layers, for images of any size."""
    from torch import nn

    from parity.bridge import load_weights, weighted_layers
    from reference.conv import ConvLayer
    from reference.dense import DenseLayer

    options, images = given.options, given.inputs["images"]
    _, in_channels, height, width = images.shape
    (first, second), size = options["channels"], options["param_size"]
    rows, hidden = second * height * width, options["hidden_dim"]
    bias = len(params) > len(_NO_BIAS)
    encoder = nn.Sequential(
        ConvLayer(in_channels, first, size, nn.Tanh(), bias=bias),
        ConvLayer(first, second, size, nn.Tanh(), flatten=True, bias=bias),
        DenseLayer(rows, hidden, nn.Tanh()),
    )
    decoder = nn.Sequential(
        DenseLayer(hidden, rows, nn.Tanh()),
        nn.Unflatten(1, (second, height, width)),
        ConvLayer(second, first, size, nn.Tanh(), bias=bias),
        ConvLayer(first, in_channels, size, nn.Tanh(), bias=bias),
    )
    remaining = list(params)
    for module in [*weighted_layers(encoder), *weighted_layers(decoder)]:
        count = 2 if module.bias is not None else 1
        load_weights(module, remaining[:count])
        del remaining[:count]
    return encoder, decoder


def _reference_autoencoder(given: Given) -> dict[str, Any]:
    import torch.nn.functional as F

    from parity.bridge import to_book_layout

    params = adopt(given, _param_shapes(given))
    encoder, decoder = _twins(given, params)
    x, target, codes = (tensor(given.inputs[name]) for name in ("images", "targets", "codes"))
    code = encoder(x)
    output = decoder(code)
    loss = F.mse_loss(output, target)
    loss.backward()
    grads = [
        to_book_layout(param.grad)
        for param in (*encoder.parameters(), *decoder.parameters())
        if param.grad is not None
    ]
    updated_encoder, updated_decoder = _twins(given, [param + 0.1 for param in params])
    return {
        _IN_PLACE: True,
        "output": array(output),
        "code": array(code),
        "code of images": array(encoder(target)),
        "images of codes": array(decoder(codes)),
        "loss": array(loss),
        **indexed("param_grads", grads),
        "output after an update": array(updated_decoder(updated_encoder(x))),
    }


def _loss(given: Given) -> float:
    """The loss of the batch, from one forward pass of the scratch side."""
    options, images = given.options, given.inputs["images"]
    sizes = options["hidden_dim"], tuple(options["channels"]), options["param_size"]
    net = _network(*sizes, images.shape[1:])
    _load(list(net.params()), given)
    return float(net.loss.forward(net.forward(images), given.inputs["targets"]))


@cache
def _network(
    hidden_dim: int, channels: tuple[int, int], param_size: int, image_shape: tuple[int, ...]
) -> Any:
    """A network of the scratch side, set up: a difference quotient needs it a thousand times."""
    net = Implementation().Autoencoder(hidden_dim, channels, param_size)
    net.forward(np.zeros((1, *image_shape)))
    return net


def _rows(n: int) -> Shapes:
    return {"input_": (n, 24), "output_grad": (n, 2, 3, 4)}


def _case(
    name: str,
    images: tuple[int, ...],
    channels: tuple[int, int] = (3, 2),
    hidden_dim: int = 4,
    param_size: int = 3,
    **rest: Any,
) -> Case:
    shapes = {"images": images, "targets": images, "codes": (images[0], hidden_dim)}
    options = {"hidden_dim": hidden_dim, "channels": channels, "param_size": param_size}
    return Case(name, shapes, options, **rest)


def _grid() -> tuple[Case, ...]:
    """The usual grid; images of a large batch have few pixels."""

    def images(n: int) -> Shapes:
        return {"images": (n, 1, 1, 2) if n == 64 else (n, 1, 2, 3)}

    return tuple(
        _case(
            plain.name,
            plain.shapes["images"],
            dtype=plain.dtype,
            layout=plain.layout,
            tolerance="through time",
        )
        for plain in batch_cases(images)
    )


COMPONENTS = (
    Component(
        name="Reshape",
        chapter=7,
        module="autoencoder",
        summary="each row as an image",
        compares=("output", "input_grad"),
        run=_run_reshape,
        reference=_reference_reshape,
        cases=(
            *batch_cases(_rows),
            Case("one pixel an image", {"input_": (7, 1), "output_grad": (7, 1, 1, 1)}),
            Case("square images", {"input_": (2, 27), "output_grad": (2, 3, 3, 3)}),
        ),
        gradients={"input_grad": "input_"},
        mutants=mutants.RESHAPE,
        requires=("Operation",),
        skeleton='''
class Reshape(Operation):
    """From rows to images, the way back from Flatten."""

    def __init__(self, shape):
        """shape is that of one image: channels, height, width."""

    def _output(self):
        """From (batch, channels * height * width) to (batch, channels, height, width), in the order
        of the axes."""

    def _input_grad(self, output_grad):
        """The gradient in the shape of the input."""
''',
    ),
    Component(
        name="Autoencoder",
        chapter=7,
        module="autoencoder",
        summary="images to codes and back, trained as one",
        compares=(
            _IN_PLACE,
            "output",
            "code",
            "code of images",
            "images of codes",
            "loss",
            "param_grads",
            "output after an update",
        ),
        run=_run_autoencoder,
        reference=_reference_autoencoder,
        cases=(
            *_grid(),
            _case("images higher than wide", (2, 1, 4, 2)),
            _case("images of two channels", (2, 2, 2, 3)),
            _case("as many maps as numbers in a code", (2, 1, 2, 2), (4, 4), param_size=1),
            _case(
                "filters of five by five, float32",
                (2, 1, 5, 6),
                param_size=5,
                dtype="float32",
                tolerance="through time",
            ),
        ),
        gradients={f"param_grads[{i}]": f"params[{i}]" for i in range(12)},
        objective=_loss,
        mutants=mutants.AUTOENCODER,
        requires=("Conv2D", "Dense", "Tanh", "Reshape"),
        skeleton='''
class Autoencoder:
    """Images to codes and back. The encoder: two convolutions (Conv2D, with or without a bias) that
    keep height and width, and a dense layer. The decoder: a dense layer with as many neurons as the
    second convolution has outputs, a Reshape to its maps, and two convolutions. All have Tanh."""

    def __init__(self, hidden_dim=28, channels=(14, 7), param_size=5):
        """hidden_dim numbers in a code; channels are the maps of the encoder's two convolutions.
        Those of the decoder make channels[0] maps, and as many as the images have channels."""

    def forward(self, x_batch):
        """Images (batch, in, height, width) to images of that shape; the first batch sets up the
        layers. Keep the codes, (batch, hidden_dim), in self.code."""

    def encode(self, x_batch):
        """Images to codes."""

    def decode(self, codes):
        """Any codes to images."""

    def backward(self, loss_grad):
        """Send a gradient on the images back through decoder and encoder."""

    def train_batch(self, x_batch, y_batch):
        """Forward and backward, no update. Return the loss: squared differences between what comes
        out and y_batch, the mean over all elements."""

    def params(self):
        """Yield the parameters of all layers, from the first to the last, those of the encoder
        first: arrays that can be updated in place. A convolution has filters (in, maps, param_size,
        param_size) and perhaps a bias (1, maps), a dense layer W and B."""

    def param_grads(self):
        """Yield their gradients, in the same order."""
''',
    ),
)
