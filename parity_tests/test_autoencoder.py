"""The autoencoder: the same on both sides, step by step, and trained as one network."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import (
    autoencoder_to_reference,
    copy_to_scratch,
    read_reference,
    to_book_layout,
)
from parity.catalogue import component
from parity.catalogue.component import Implementation
from parity.diagnosis.mistakes import explain
from parity.engine import check_in_process
from parity.packages import project_root
from reference.autoencoder import Autoencoder as TorchAutoencoder
from scratch.autoencoder import Autoencoder, Decoder, Encoder, Reshape
from scratch.conv import Flatten
from scratch.optimizers import Adam, SGDMomentum
from scratch.training import Trainer

DTYPES = ("float64", "float32")


def images(n: int, *shape: int, dtype: str = "float64", seed: int = 3) -> ndarray:
    """Images of blobs, between -1 and 1."""
    rng = np.random.default_rng(seed)
    channels, height, width = shape or (1, 28, 28)
    rows, columns = np.mgrid[:height, :width]
    middle = rng.uniform(0, 1, (2, n, channels, 1, 1)) * [[[[[height]]]], [[[[width]]]]]
    distances = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2
    result: ndarray = (2 * np.exp(-distances / (height + width)) - 1).astype(dtype)
    return result


def set_up(dtype: str = "float64") -> tuple[Autoencoder, TorchAutoencoder]:
    """The book's autoencoder on both sides, with the same parameters."""
    net = Autoencoder(seed=np.random.default_rng(20190503))
    net.forward(images(1, dtype=dtype))
    return net, autoencoder_to_reference(net)


def small(seed: int = 1) -> Autoencoder:
    return Autoencoder(4, (3, 2), 3, seed=np.random.default_rng(seed))


# Against PyTorch


def test_fifty_steps_are_the_same_on_both_sides() -> None:
    """SGD with momentum, as in the book, on batches of six images."""
    net, model = set_up()
    optimizer = SGDMomentum(lr=0.01, momentum=0.9)
    optimizer.net = net
    twin = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    data = images(60)
    for step in range(50):
        batch = data[6 * step % 60 :][:6]
        loss = net.train_batch(batch, batch)
        optimizer.step()
        twin.zero_grad()
        x = torch.tensor(batch)
        expected = torch.nn.functional.mse_loss(model(x)[0], x)
        expected.backward()
        twin.step()
        np.testing.assert_allclose(loss, expected.item(), rtol=1e-12)
        for ours, theirs in zip(net.params(), read_reference(model), strict=True):
            off = np.abs(ours - theirs).max() / np.abs(theirs).max()
            assert off <= 1e-12, f"step {step}: {off}"


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 1e-5)])
def test_images_codes_and_loss_are_the_same_on_both_sides(dtype: str, tolerance: float) -> None:
    net, model = set_up(dtype)
    x = images(3, dtype=dtype)
    output = net.forward(x)
    expected, code = model(torch.tensor(x))
    assert {output.dtype, net.code.dtype} == {np.dtype(dtype)}
    np.testing.assert_allclose(output, expected.detach(), atol=tolerance)
    np.testing.assert_allclose(net.code, code.detach(), atol=tolerance)
    np.testing.assert_allclose(net.encode(x), code.detach(), atol=tolerance)
    codes = np.random.default_rng(1).uniform(-1, 1, (5, 28)).astype(dtype)
    decoded = model.decoder(torch.tensor(codes)).detach()
    np.testing.assert_allclose(net.decode(codes), decoded, atol=tolerance)


def test_a_penalty_on_the_code_goes_back_through_the_encoder() -> None:
    net, model = set_up()
    x = images(3)
    net.loss.forward(net.forward(x), x)
    net.backward(net.loss.backward(), code_grad=0.2 * net.code)
    output, code = model(torch.tensor(x))
    penalty = 0.1 * code.square().sum()
    (torch.nn.functional.mse_loss(output, torch.tensor(x)) + penalty).backward()
    expected = [to_book_layout(param.grad) for param in model.parameters()]  # type: ignore[arg-type]
    assert len(expected) == 12
    for ours, theirs in zip(net.param_grads(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * np.abs(theirs).max())


def test_parameters_come_back_from_pytorch() -> None:
    net, _ = set_up()
    model = TorchAutoencoder().double()
    copy_to_scratch(model, net)
    x = images(2)
    np.testing.assert_allclose(
        net.forward(x), model(torch.tensor(x))[0].detach(), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize(
    "net, shape, words",
    [
        (Autoencoder(4, (3, 2), 3), (1, 28, 28), "not for (1, 28, 28) and 3"),
        (Autoencoder(4, (3, 2)), (1, 6, 6), "not for (1, 6, 6) and 5"),
        (Autoencoder(4, (3, 2)), (2, 28, 28), "not for (2, 28, 28) and 5"),
    ],
)
def test_what_the_books_autoencoder_cannot_take_has_no_twin(
    net: Autoencoder, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ValueError, match="no parameters yet"):
        autoencoder_to_reference(net)
    net.forward(images(1, *shape))
    with pytest.raises(ValueError, match=re.escape(words)):
        autoencoder_to_reference(net)


# As a network


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_trainer_takes_it_as_any_network(dtype: str) -> None:
    data, others = images(80, 1, 6, 7, dtype=dtype), images(20, 1, 6, 7, dtype=dtype, seed=4)
    net = small()
    history = Trainer(net, Adam(lr=0.01)).fit(
        data, data, others, others, epochs=12, eval_every=4, batch_size=10, verbose=False
    )
    assert history.losses == sorted(history.losses, reverse=True)
    # Were each pixel its mean over all images, this is what would be left.
    assert history.losses[-1] < 0.5 * np.mean((others - others.mean(axis=0)) ** 2)
    assert {param.dtype for param in net.params()} == {np.dtype(dtype)}


def test_after_an_early_stop_the_halves_are_the_best_networks() -> None:
    data, others = images(20, 1, 5, 4), images(20, 1, 5, 4, seed=4)
    net = small()
    trainer = Trainer(net, SGDMomentum(lr=30.0))
    history = trainer.fit(
        data, data, others, others, epochs=40, eval_every=1, batch_size=5, verbose=False
    )
    best: Any = trainer.net
    assert history.stopped_early
    assert best is not net
    assert best.layers == [best.encoder, best.decoder]
    output = best.forward(others)
    assert best.loss.forward(output, others) == history.best_loss
    np.testing.assert_array_equal(best.decode(best.encode(others)), output)


def test_both_halves_learn() -> None:
    net, x = small(), images(7, 1, 5, 4)
    net.forward(x)
    before = [param.copy() for param in net.params()]
    optimizer = SGDMomentum()
    optimizer.net = net
    net.train_batch(x, x)
    optimizer.step()
    assert len(before) == 12
    for param, value in zip(net.params(), before, strict=True):
        assert (param != value).all()


def test_set_up_anew_it_takes_images_of_another_size() -> None:
    net = small()
    assert net.forward(images(2, 1, 5, 4)).shape == (2, 1, 5, 4)
    for layer in net.layers:
        layer.first = True
    assert net.forward(images(3, 2, 3, 6)).shape == (3, 2, 3, 6)
    assert net.encode(images(3, 2, 3, 6)).shape == (3, 4)


def test_a_half_stands_alone() -> None:
    encoder, decoder = Encoder(4, (3, 2), 3, seed=1), Decoder((2, 5, 4), (3, 2), 3, seed=1)
    x = images(2, 2, 5, 4)
    code = encoder.forward(x)
    output = decoder.forward(code)
    assert (code.shape, output.shape) == ((2, 4), x.shape)
    assert encoder.backward(decoder.backward(output - x)).shape == x.shape
    for half in (encoder, decoder):
        assert [g.shape for g in half.param_grads] == [p.shape for p in half.params]


def test_the_first_layers_gradients_need_no_gradient_on_the_images() -> None:
    net, x = small(), images(2, 1, 5, 4)
    net.forward(x)
    grad = np.random.default_rng(2).standard_normal((2, 4))
    net.encoder.backward(grad)
    expected = net.encoder.param_grads
    net.encoder.backward_to_params(grad)
    for ours, theirs in zip(net.encoder.param_grads, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_one_seed_makes_one_autoencoder_and_global_state_is_left_alone() -> None:
    x = images(1, 1, 5, 4)
    state = repr(np.random.get_state())  # noqa: NPY002
    first, second, other = (Autoencoder(4, (3, 2), 3, seed=n).forward(x) for n in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert repr(np.random.get_state()) == state  # noqa: NPY002


def test_it_changes_no_images() -> None:
    net, x = small(), images(2, 1, 5, 4)
    before = x.copy()
    net.train_batch(x, x)
    np.testing.assert_array_equal(x, before)


# Reshape


@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 1, 1), (5,), ()])
def test_reshape_is_the_way_back_from_flatten(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).standard_normal((3, *shape))
    rows = Flatten().forward(x)
    operation = Reshape(shape)
    np.testing.assert_array_equal(operation.forward(rows), x)
    np.testing.assert_array_equal(operation.backward(x), rows)
    assert not np.shares_memory(operation.output, rows)
    assert not np.shares_memory(operation.input_grad, x)


def test_reshape_takes_a_batch_of_no_rows() -> None:
    operation = Reshape((2, 3))
    assert operation.forward(np.zeros((0, 6))).shape == (0, 2, 3)
    assert operation.backward(np.zeros((0, 2, 3))).shape == (0, 6)


# What is refused


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: Reshape((2, 0)), "Reshape: shape must hold whole numbers of at least 1, "),
        (lambda: Reshape((2, 3)).forward(np.ones((4, 5))), "(batch, 6), not (4, 5)"),
        (lambda: Reshape((2, 3)).forward(np.ones(6)), "(batch, 6), not (6,)"),
        (lambda: Encoder(0), "Encoder: hidden_dim must be a whole number of at least 1, not 0"),
        (lambda: Encoder(2.0), "Encoder: hidden_dim must be a whole number"),  # type: ignore[arg-type]
        (lambda: Encoder(4, (3, 0)), "Encoder: channels must be two whole numbers of at"),
        (lambda: Decoder(None, (3, 2, 1)), "Decoder: channels must be two whole"),  # type: ignore[arg-type]
        (lambda: Autoencoder(weight_init="large"), "weight_init must be one of"),
        (lambda: Autoencoder(param_size=0), "Conv2D: param_size must be"),
        (lambda: Decoder((5, 4)).forward(np.ones((2, 4))), "(channels, height, width), not (5, 4)"),
        (lambda: small().decode(np.ones((2, 4))), "shape of the images is not known; give "),
        (lambda: small().forward(np.ones((2, 20))), "must have shape (batch, in, height, width)"),
    ],
)
def test_what_is_no_autoencoder_is_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


@pytest.mark.parametrize(
    "call, words",
    [
        # As many pixels, so that only the encoder can tell.
        (lambda net: net.encode(np.ones((2, 1, 4, 5))), "(2, 1, 4, 5) does not fit images of"),
        (lambda net: net.forward(np.ones((2, 3, 5, 4))), "(2, 3, 5, 4) does not fit images of"),
        (lambda net: net.decode(np.ones((2, 5))), "input of shape (2, 5) does not fit weights"),
        (lambda net: net.backward(np.ones((2, 1, 4, 5))), "not (3, 1, 5, 4) and (2, 1, 4, 5)"),
        (
            lambda net: net.backward(np.ones((3, 1, 5, 4)), np.ones((3, 5))),
            "Autoencoder code and code_grad must have the same shape, not (3, 4) and (3, 5)",
        ),
        (lambda net: net.train_batch(np.ones((3, 1, 5, 4)), np.ones((3, 20))), "not (3, 1, 5, 4)"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[Autoencoder], object], words: str) -> None:
    net = small()
    net.forward(images(3, 1, 5, 4))
    with pytest.raises(ValueError, match=re.escape(words)):
        call(net)


def test_there_is_no_way_back_before_the_way_there() -> None:
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        Autoencoder().backward(np.ones((1, 1, 28, 28)))


# A learner's, whose convolutions have no bias

LEARNERS: Any = runpy.run_path(str(project_root() / "examples" / "chapter_7.py"))["Autoencoder"]


class EncoderForgotten(LEARNERS):
    def backward(self, loss_grad: ndarray) -> None:
        for layer in reversed(self.decoder):
            loss_grad = layer.backward(loss_grad)
        for layer in reversed(self.encoder):
            loss_grad = layer.backward(np.zeros_like(loss_grad) if layer.params else loss_grad)


class DividedByRows(LEARNERS):
    def train_batch(self, x_batch: ndarray, y_batch: ndarray) -> float:
        error = self.forward(x_batch) - y_batch
        self.backward(2 * error / len(error))
        return float(np.sum(error**2) / len(error))


class LastCodeDecoded(LEARNERS):
    def decode(self, codes: ndarray) -> ndarray:
        images: ndarray = super().decode(self.code)
        return images


@pytest.mark.parametrize(
    "wrong, mistake",
    [
        (EncoderForgotten, "gradients of the encoder 0"),
        (DividedByRows, "loss over rows"),
        (LastCodeDecoded, "decode takes the last code"),
    ],
)
def test_a_mistake_is_named_without_a_bias_too(wrong: type, mistake: str) -> None:
    entry = component("Autoencoder")
    cases = [case for case in entry.cases if case.dtype == "float64"]
    runs = [check_in_process(entry, case, Implementation({"Autoencoder": wrong})) for case in cases]
    found = {failure.mutant and failure.mutant.name for failure in explain(entry, runs)}
    assert found == {mistake}


@pytest.mark.parametrize("count", [0, 6, 11])
def test_parameters_that_are_missing_are_asked_for_by_name(count: int) -> None:
    class Missing(Autoencoder):
        def params(self) -> Any:
            yield from list(super().params())[:count]

    entry = component("Autoencoder")
    [failure] = check_in_process(
        entry, entry.cases[1], Implementation({"Autoencoder": Missing})
    ).failures
    assert failure.difference.message.startswith("must hold 12 arrays (filters 1, bias 1, ")
    assert failure.difference.message.endswith(f"not {count}")
