"""``scratch/dropout.py`` against ``reference/dropout.py``, and what holds beyond that."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.bridge import SharedDropout, to_reference
from reference import dropout as reference
from reference.dense import DenseLayer
from reference.losses import MeanSquaredError as TorchMeanSquaredError
from scratch.activations import Tanh
from scratch.dense import Dense
from scratch.dropout import Dropout, InvertedDropout
from scratch.losses import MeanSquaredError
from scratch.network import NeuralNetwork

FORMS = [Dropout, InvertedDropout]

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)


@pytest.mark.components("dropout")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def torch_mask(module: torch.nn.Module, x: ndarray) -> ndarray:
    """What PyTorch's next pass over ``x`` will keep, as 0 and 1."""
    state = torch.get_rng_state()
    kept: ndarray = module(torch.ones(x.shape, dtype=torch.float64)).numpy() != 0
    torch.set_rng_state(state)
    return kept.astype(float)


@each_form
@pytest.mark.parametrize("keep_prob", [0.2, 0.8, 0.99])
def test_under_one_mask_output_and_gradient_equal_pytorchs(
    form: type[Dropout], keep_prob: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ``nn.Dropout`` itself, times ``keep_prob`` for the book's form."""
    draws = np.random.default_rng(3)
    x, grad = draws.standard_normal((2, 60, 89))
    with torch.random.fork_rng(devices=[]):
        torch.random.manual_seed(0)
        module = torch.nn.Dropout(1 - keep_prob)
        mask = torch_mask(module, x)
        tensor = torch.tensor(x, requires_grad=True)
        expected = module(tensor)
    expected.backward(torch.tensor(grad))
    assert tensor.grad is not None
    factor = keep_prob if form is Dropout else 1.0

    dropout = form(keep_prob)
    shared = mask if form is Dropout else mask / keep_prob
    monkeypatch.setattr(dropout, "_draw_mask", lambda: shared)
    output = dropout.forward(x)
    np.testing.assert_allclose(output, factor * expected.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(dropout.backward(grad), factor * tensor.grad.numpy(), rtol=1e-14)
    assert 0 < mask.mean() < 1


@each_form
def test_inference_equals_pytorchs_evaluation(form: type[Dropout]) -> None:
    x = np.random.default_rng(3).standard_normal((7, 5))
    module = getattr(reference, form.__name__)(0.7).eval()
    tensor = torch.tensor(x, requires_grad=True)
    module(tensor).sum().backward()
    dropout = form(0.7)
    np.testing.assert_allclose(
        dropout.forward(x, inference=True), module(tensor).detach().numpy(), rtol=1e-15
    )
    assert tensor.grad is not None
    np.testing.assert_allclose(dropout.backward(np.ones_like(x)), tensor.grad.numpy(), rtol=1e-15)


@each_form
@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8])
def test_share_left_out_is_within_binomial_bounds(form: type[Dropout], keep_prob: float) -> None:
    """Five standard deviations: a right one is further off once in two million times."""
    n = 1_000_000
    zeros = np.sum(form(keep_prob, seed=20190119).forward(np.ones((1000, 1000))) == 0)
    deviation = math.sqrt(n * keep_prob * (1 - keep_prob))
    assert abs(zeros - n * (1 - keep_prob)) < 5 * deviation


@each_form
def test_expected_output_is_the_same_in_training_and_inference(form: type[Dropout]) -> None:
    dropout, x = form(0.8, seed=1), np.full((1000, 1000), 3.0)
    training, inference = dropout.forward(x).mean(), dropout.forward(x, inference=True).mean()
    assert abs(training - inference) < 0.01


@each_form
def test_backward_uses_the_mask_of_its_forward_pass_and_the_next_one_is_new(
    form: type[Dropout],
) -> None:
    dropout, x = form(0.5, seed=1), np.ones((20, 20))
    first = dropout.forward(x)
    for _ in range(2):
        np.testing.assert_array_equal(dropout.backward(x), first)
    assert not np.array_equal(dropout.forward(x), first)


@each_form
def test_equal_seeds_make_equal_masks_and_a_stream_draws_on(form: type[Dropout]) -> None:
    x = np.ones((20, 20))
    one, other = form(0.5, seed=7).forward(x), form(0.5, seed=7).forward(x)
    np.testing.assert_array_equal(one, other)
    stream = np.random.default_rng(7)
    assert not np.array_equal(form(0.5, stream).forward(x), form(0.5, stream).forward(x))


@each_form
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_type_is_kept_and_no_memory_is_shared(form: type[Dropout], dtype: str) -> None:
    x = np.ones((7, 3), dtype)
    x.setflags(write=False)
    dropout = form(np.float64(0.5))
    for inference in (False, True):
        for result in (dropout.forward(x, inference), dropout.backward(x)):
            assert result.dtype == dtype
            assert not np.shares_memory(result, x)


@each_form
@pytest.mark.parametrize("keep_prob", [0, -0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(form: type[Dropout], keep_prob: float) -> None:
    with pytest.raises(
        ValueError, match=f"{form.__name__}: keep_prob must be above 0.*{keep_prob}"
    ):
        form(keep_prob)
    with pytest.raises(ValueError, match="keep_prob must be above 0"):
        Dense(3, dropout=keep_prob)


def test_a_layer_that_keeps_everything_has_no_dropout() -> None:
    layer = Dense(3, Tanh(), seed=1, dropout=1.0)
    layer.forward(np.ones((2, 4)))
    assert len(layer.operations) == 3


def test_one_dropout_object_in_two_layers_is_refused() -> None:
    dropout = Dropout(0.5)
    layers = [Dense(3, dropout=dropout), Dense(3, dropout=dropout)]
    with pytest.raises(ValueError, match="share one activation or dropout object"):
        NeuralNetwork(layers, MeanSquaredError())


@each_form
def test_network_and_its_twin_train_alike_under_shared_masks(form: type[Dropout]) -> None:
    draws = np.random.default_rng(0)
    X, y = draws.standard_normal((8, 5)), draws.standard_normal((8, 2))
    layers = [Dense(20, Tanh(), dropout=form(0.6, seed=5)), Dense(2, dropout=form(0.9, seed=6))]
    net = NeuralNetwork(layers, MeanSquaredError(), seed=1)
    net.forward(X)
    model = to_reference(net, share_masks=True)
    loss = net.train_batch(X, y)
    expected = TorchMeanSquaredError()(model(torch.from_numpy(X)), torch.from_numpy(y))
    expected.backward()
    assert (net.layers[1].output == 0).any()
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-12)
    for ours, param in zip(net.param_grads(), model.parameters(), strict=True):
        assert param.grad is not None
        theirs = param.grad.numpy().T.reshape(ours.shape)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(
        model.eval()(torch.from_numpy(X)).detach().numpy(),
        net.forward(X, inference=True),
        rtol=1e-12,
    )


@each_form
def test_twin_has_pytorchs_own_masks_unless_told_otherwise(form: type[Dropout]) -> None:
    net = NeuralNetwork([Dense(20, Tanh(), dropout=form(0.6))], MeanSquaredError())
    net.forward(np.ones((2, 5)))
    [layer] = to_reference(net)
    assert type(layer.dropout) is getattr(reference, form.__name__)
    [layer] = to_reference(net, share_masks=True)
    assert isinstance(layer.dropout, SharedDropout)


def test_integer_seed_draws_masks_from_the_networks_one_stream() -> None:
    def outputs(seed: int) -> ndarray:
        layers = [Dense(50, Tanh(), dropout=0.5), Dense(50, Tanh(), dropout=0.5)]
        return NeuralNetwork(layers, MeanSquaredError(), seed).forward(np.ones((3, 50)))

    np.testing.assert_array_equal(outputs(1), outputs(1))
    assert not np.array_equal(outputs(1), outputs(2))


@pytest.mark.parametrize("keep_prob", [1.5, -0.5])
def test_reference_layer_refuses_what_is_no_probability(keep_prob: float) -> None:
    with pytest.raises(ValueError, match="has to be between 0 and 1"):
        DenseLayer(3, 2, dropout=keep_prob)
