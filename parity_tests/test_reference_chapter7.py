"""Chapter 7's layers and models in PyTorch: shapes, modes, gradients, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reference.autoencoder import Autoencoder, Decoder, Encoder
from reference.conv import ConvLayer
from reference.dense import DenseLayer
from reference.models import HousePricesModel, MNIST_ConvNet, NextCharacterModel
from reference.network import PyTorchLayer, PyTorchModel
from reference.recurrent.chapter7 import LSTMLayer


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20190803)
        yield


def images(count: int = 3) -> Tensor:
    return torch.rand(count, 1, 28, 28) * 2 - 1


def one_hot(batch: int = 4, time: int = 6, size: int = 5) -> Tensor:
    return nn.functional.one_hot(torch.randint(size, (batch, time)), size).float()


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "HousePricesModel": (lambda: HousePricesModel(5, 0.5), lambda: torch.randn(4, 13)),
    "MNIST_ConvNet": (MNIST_ConvNet, images),
    "NextCharacterModel": (lambda: NextCharacterModel(5, 7, 6), one_hot),
    "Autoencoder": (Autoencoder, images),
}


@pytest.fixture(params=MODELS)
def model_and_input(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    make, make_input = MODELS[request.param]
    return make(), make_input()


def first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


# The class Tensor


def test_gradient_of_the_books_example_is_35_everywhere() -> None:
    a = (3 * torch.ones(2, 2, dtype=torch.float64)).requires_grad_()
    b = a * 4
    c = b + 3
    d = a + 2
    e = c * d
    assert e.tolist() == [[75.0, 75.0], [75.0, 75.0]]
    e.sum().backward()
    assert a.grad is not None
    assert a.grad.tolist() == [[35.0, 35.0], [35.0, 35.0]]


# Base classes


@pytest.mark.parametrize("kind", [PyTorchLayer, PyTorchModel])
def test_base_class_leaves_forward_to_others(kind: type[nn.Module]) -> None:
    class Mine(kind):  # type: ignore[misc, valid-type]
        pass

    with pytest.raises(NotImplementedError, match=r"^Mine must define forward$"):
        Mine()(torch.ones(1))


def test_layers_and_models_derive_from_the_books_base_classes() -> None:
    layers = (DenseLayer(2, 3), ConvLayer(1, 2, 3), LSTMLayer(5, 2, 3, 2))
    assert all(isinstance(layer, PyTorchLayer) for layer in layers)
    models = (*(make() for make, _ in MODELS.values()), Encoder(), Decoder())
    assert all(isinstance(model, PyTorchModel) for model in models)


# All models


def test_gradient_arrives_at_every_parameter(model_and_input: tuple[nn.Module, Tensor]) -> None:
    model, x = model_and_input
    output = first(model(x))
    (output * torch.randn_like(output)).sum().backward()
    for name, param in model.named_parameters():
        assert param.grad is not None, name
        assert param.grad.abs().max() > 0, name


def test_parameters_and_states_survive_a_state_dict(
    model_and_input: tuple[nn.Module, Tensor], request: pytest.FixtureRequest
) -> None:
    model, x = model_and_input
    model.eval()
    model(x)
    kind = request.node.callspec.params["model_and_input"]
    twin = MODELS[kind][0]().eval()
    assert not torch.equal(first(twin(x)), first(deepcopy(model)(x)))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(first(twin(x)), first(model(x)))


def test_model_goes_into_float64_as_a_whole(model_and_input: tuple[nn.Module, Tensor]) -> None:
    model, x = model_and_input
    assert first(model(x)).dtype == torch.float32
    assert first(model.double()(x.double())).dtype == torch.float64


@pytest.mark.parametrize("name", ["HousePricesModel", "MNIST_ConvNet"])
def test_dropout_is_there_in_training_and_not_in_evaluation(name: str) -> None:
    make, make_input = MODELS[name]
    model, x = make(), make_input()
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize(
    "model, x",
    [
        (HousePricesModel(), torch.ones(4, 13)),
        (MNIST_ConvNet(1.0), torch.ones(2, 1, 28, 28)),
    ],
)
def test_where_all_is_kept_training_is_like_evaluation(model: nn.Module, x: Tensor) -> None:
    assert torch.equal(model.train()(x), model.eval()(x))


# Convolutional network


def test_convolutional_network_is_the_books() -> None:
    model = MNIST_ConvNet()
    assert model(images()).shape == (3, 10)
    shapes = [tuple(param.shape) for param in model.parameters()]
    assert shapes == [
        (16, 1, 5, 5), (16,), (8, 16, 5, 5), (8,), (32, 6272), (32,), (10, 32), (10,),
    ]  # fmt: skip
    assert sum(param.numel() for param in model.parameters()) == 204_690


def test_dropout_is_pytorchs_on_all_layers_but_the_last() -> None:
    model = MNIST_ConvNet(dropout=0.7)
    rates = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert rates == pytest.approx([0.3] * 3)
    kept = model.conv1.dropout(torch.ones(10_000))
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert isinstance(model.dense2.dropout, nn.Identity)
    assert isinstance(model.dense2.activation, nn.Identity)


def test_it_equals_pytorchs_own_layers_in_a_row() -> None:
    """From one state of the generator also the weights, which are drawn by default."""
    torch.manual_seed(3)
    model = MNIST_ConvNet().eval()
    torch.manual_seed(3)
    plain = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 8, 5, padding=2), nn.Tanh(),
        nn.Flatten(), nn.Linear(6272, 32), nn.Tanh(), nn.Linear(32, 10),
    )  # fmt: skip
    x = images()
    assert torch.equal(model(x), plain(x))


# Autoencoder


def test_autoencoder_is_the_books() -> None:
    model = Autoencoder()
    reconstruction, code = model(images())
    assert (reconstruction.shape, code.shape) == ((3, 1, 28, 28), (3, 28))
    assert [tuple(param.shape) for param in model.parameters() if param.ndim > 1] == [
        (14, 1, 5, 5), (7, 14, 5, 5), (28, 5488), (5488, 28), (14, 7, 5, 5), (1, 14, 5, 5),
    ]  # fmt: skip
    assert sum(param.numel() for param in model.parameters()) == 318_480
    assert max(reconstruction.abs().max(), code.abs().max()) <= 1


def test_halves_of_the_autoencoder_work_on_their_own() -> None:
    model, x = Autoencoder(), images()
    reconstruction, code = model(x)
    assert torch.equal(model.encoder(x), code)
    assert torch.equal(model.decoder(code), reconstruction)
    assert model.decoder(torch.rand(5, 28) * 2 - 1).shape == (5, 1, 28, 28)


@pytest.mark.parametrize("hidden_dim, channels", [(2, (3, 2)), (5, (1, 4))])
def test_autoencoder_takes_its_sizes(hidden_dim: int, channels: tuple[int, int]) -> None:
    model = Autoencoder(hidden_dim, channels)
    reconstruction, code = model(images(2))
    assert (reconstruction.shape, code.shape) == ((2, 1, 28, 28), (2, hidden_dim))
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    filters = [convolution.out_channels for convolution in convolutions]
    assert filters == [*channels, channels[0], 1]


# Text


def test_classes_are_where_cross_entropy_wants_them() -> None:
    model = NextCharacterModel(5, 7, 6, carry_state=False)
    x, targets = one_hot(), torch.randint(5, (4, 6))
    logits = model(x)
    assert logits.shape == (4, 5, 6)
    assert torch.equal(logits.permute(0, 2, 1), model.lstm(x))
    by_rows = nn.CrossEntropyLoss()(model.lstm(x).reshape(-1, 5), targets.reshape(-1))
    torch.testing.assert_close(nn.CrossEntropyLoss()(logits, targets), by_rows)


def test_layer_is_an_lstm_and_a_dense_layer() -> None:
    layer, x = LSTMLayer(6, 5, 7, 3), one_hot()
    hidden, _ = layer.lstm(x)
    assert torch.equal(layer(x), nn.functional.linear(hidden, *layer.fc.linear.parameters()))


def test_next_batch_starts_from_the_mean_of_the_last_states() -> None:
    """Whatever its size is; without ``carry_state`` from 0."""
    layer, x = LSTMLayer(6, 5, 7, 3), one_hot()
    _, (h, c) = layer.lstm(x)
    layer(x)
    assert torch.equal(layer.h_init, h[0].mean(0, keepdim=True))
    assert torch.equal(layer.c_init, c[0].mean(0, keepdim=True))
    assert layer.h_init.grad_fn is None
    start = tuple(part.expand(2, -1)[None].contiguous() for part in layer.start_state())
    hidden, _ = layer.lstm(x[:2], start)
    assert torch.equal(layer(x[:2]), layer.fc(hidden))

    layer.reset_state()
    assert layer.h_init.abs().max() == layer.c_init.abs().max() == 0
    layer.carry_state = False
    assert torch.equal(layer(x), layer(x))
    assert layer.h_init.abs().max() == 0


def test_empty_batch_leaves_the_states_alone() -> None:
    layer = LSTMLayer(6, 5, 7, 3)
    layer(one_hot())
    before = layer.h_init.clone()
    assert layer(one_hot()[:0]).shape == (0, 6, 3)
    assert torch.equal(layer.h_init, before)


def test_reading_in_two_parts_is_reading_at_once() -> None:
    model, x = NextCharacterModel(5, 7, 6).double(), one_hot().double()
    whole, _ = model.forward_from(x)
    begun, states = model.forward_from(x[:, :2])
    rest, _ = model.forward_from(x[:, 2:], states)
    torch.testing.assert_close(torch.cat([begun, rest], dim=1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model(x).permute(0, 2, 1), whole, rtol=1e-12, atol=1e-12)


# What is refused


IMAGES = "input must have shape (batch, 1, 28, 28)"
TEXT = "input must have shape (batch, time, 5)"


@pytest.mark.parametrize(
    "model, shape, wanted",
    [
        (HousePricesModel(), (4, 12), "HousePricesModel: input must have shape (batch, 13)"),
        (MNIST_ConvNet(), (4, 784), f"MNIST_ConvNet: {IMAGES}"),
        (MNIST_ConvNet(), (1, 28, 28), f"MNIST_ConvNet: {IMAGES}"),
        (MNIST_ConvNet(), (2, 1, 28, 27), f"MNIST_ConvNet: {IMAGES}"),
        (Autoencoder(), (2, 3, 28, 28), f"Encoder: {IMAGES}"),
        (Encoder(), (784,), f"Encoder: {IMAGES}"),
        (Decoder(4), (2, 5), "Decoder: input must have shape (batch, 4)"),
        (Decoder(4), (4,), "Decoder: input must have shape (batch, 4)"),
        (NextCharacterModel(5, 7), (2, 6), f"NextCharacterModel: {TEXT}"),
        (NextCharacterModel(5, 7), (2, 5, 6), f"NextCharacterModel: {TEXT}"),
    ],
)
def test_other_shapes_are_refused(model: Any, shape: tuple[int, ...], wanted: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole message is compared
        model(torch.ones(shape))
    assert str(refusal.value) == f"{wanted}, not {shape}"


@pytest.mark.parametrize("dropout", [-0.1, 1.1])
@pytest.mark.parametrize("make", [MNIST_ConvNet, lambda p: HousePricesModel(5, p)])
def test_impossible_dropout_is_refused(make: Callable[[float], nn.Module], dropout: float) -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        make(dropout)
