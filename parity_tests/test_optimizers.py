"""``scratch/optimizers.py`` against ``reference/optimizers.py``, and what holds beyond that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

from parity.catalogue.stubs import StubLayer, StubNetwork
from parity.checking.file import check_component
from parity.comparison import compare
from parity.runner.isolated import Limits
from reference import optimizers as reference
from reference.schedules import ExponentialDecay, LinearDecay
from scratch.models import linear_regression
from scratch.network import NeuralNetwork
from scratch.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    Optimizer,
    RegularizedSGD,
    RMSProp,
    SGDMomentum,
)

ALL = (SGD, SGDMomentum, RegularizedSGD, AdaGrad, RMSProp, Adam)
WITH_STATE = (SGDMomentum, AdaGrad, RMSProp, Adam)

each_optimizer = pytest.mark.parametrize("optimizer", ALL)


@pytest.mark.components("optimizers")
def test_equals_reference(parity_check: Callable[[], None]) -> None:
    parity_check()


def trained_once(dtype: str = "float64") -> NeuralNetwork:
    """A linear regression with parameters and the gradients of one batch."""
    net = linear_regression()
    net.train_batch(np.ones((4, 3), dtype), np.ones((4, 1), dtype))
    return net


@pytest.mark.parametrize("optimizer", [Optimizer, *ALL])
@pytest.mark.parametrize("lr", [-0.01, float("nan"), float("inf"), -float("inf")])
def test_impossible_learning_rate_is_refused(optimizer: type[Optimizer], lr: float) -> None:
    with pytest.raises(ValueError, match=r"learning rate must be .* not ") as error:
        optimizer(lr=lr)
    assert str(error.value).startswith(optimizer.__name__)
    assert str(error.value).endswith(str(lr))


@pytest.mark.parametrize(
    "optimizer, argument, value",
    [
        (SGDMomentum, "momentum", 1.0),
        (SGDMomentum, "momentum", -0.1),
        (SGDMomentum, "momentum", float("nan")),
        (RegularizedSGD, "alpha", -0.1),
        (AdaGrad, "eps", -1e-9),
        (AdaGrad, "eps_in", "product"),
        (RMSProp, "alpha", 1.0),
        (RMSProp, "eps", float("inf")),
        (Adam, "betas", (1.0, 0.9)),
        (Adam, "betas", (0.9, -0.1)),
        (Adam, "eps", -1e-9),
    ],
)
def test_impossible_arguments_are_refused_by_name(
    optimizer: Callable[..., Optimizer], argument: str, value: Any
) -> None:
    with pytest.raises(ValueError, match=rf"{argument}.* must be ") as error:
        optimizer(**{argument: value})
    wrong = value if not isinstance(value, tuple) else next(v for v in value if not 0 <= v < 1)
    assert str(error.value).endswith(f"not {wrong!r}")


@each_optimizer
def test_learning_rate_of_0_changes_nothing(optimizer: type[Optimizer]) -> None:
    net, optim = trained_once(), optimizer(lr=0)
    before = [param.copy() for param in net.params()]
    optim.net = net
    optim.step()
    for param, value in zip(net.params(), before, strict=True):
        np.testing.assert_array_equal(param, value)


@each_optimizer
@pytest.mark.parametrize("lr", [0.1, np.float64(0.1)])
def test_step_updates_in_place_in_the_type_of_the_parameters(
    optimizer: type[Optimizer], lr: Any
) -> None:
    net, optim = trained_once("float32"), optimizer(lr)
    optim.net = net
    arrays, before = list(net.params()), [param.copy() for param in net.params()]
    optim.step()
    for array, param, value in zip(arrays, net.params(), before, strict=True):
        assert param is array
        assert param.dtype == np.float32
        assert not np.array_equal(param, value)


def test_step_computes_in_the_type_of_the_parameters() -> None:
    """To the last bit: in float64 and back it would be rounded otherwise."""
    random = np.random.default_rng(0)
    param, grad = (random.standard_normal((784, 89), dtype="float32") for _ in range(2))
    net, optim = StubNetwork(StubLayer(param)), SGD(np.float64(0.1))
    net.layers[0].param_grads = [grad]
    optim.net = net
    expected, rounded_late = param - np.float32(0.1) * grad, param - 0.1 * grad.astype("float64")
    assert not np.array_equal(expected, rounded_late.astype("float32"))
    optim.step()
    np.testing.assert_array_equal(param, expected)


@each_optimizer
def test_step_leaves_the_gradients_alone(optimizer: type[Optimizer]) -> None:
    net, optim = trained_once(), optimizer(0.5)
    optim.net = net
    before = [grad.copy() for grad in net.param_grads()]
    for _ in range(2):
        optim.step()
    for grad, value in zip(net.param_grads(), before, strict=True):
        np.testing.assert_array_equal(grad, value)


@each_optimizer
def test_step_without_a_network_is_refused(optimizer: type[Optimizer]) -> None:
    with pytest.raises(ValueError, match=rf"{optimizer.__name__}.step: there is no network"):
        optimizer().step()


@each_optimizer
def test_step_without_gradients_is_refused(optimizer: type[Optimizer]) -> None:
    net, optim = linear_regression(), optimizer()
    net.forward(np.ones((4, 3)))
    optim.net = net
    with pytest.raises(ValueError, match="2 parameters but 0 gradients; run train_batch first"):
        optim.step()


@each_optimizer
def test_gradient_of_another_shape_is_refused_before_anything_changes(
    optimizer: type[Optimizer],
) -> None:
    """It would be broadcast."""
    net, optim = StubNetwork(StubLayer(np.ones((2, 3)), np.ones((4, 3)))), optimizer()
    net.layers[0].param_grads = [np.ones((2, 3)), np.ones((1, 3))]
    optim.net = net
    with pytest.raises(ValueError, match=r"shape \(4, 3\), its gradient \(1, 3\)"):
        optim.step()
    assert all(np.all(param == 1) for param in net.params())


def test_optimizer_without_a_step_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer must define step"):
        Optimizer().step()


class Pair:
    """A scratch optimizer and a PyTorch one, on equal parameters and gradients."""

    def __init__(self, ours: Optimizer, make: Callable[..., torch.optim.Optimizer], dtype: str):
        self.dtype = dtype
        self.random = np.random.default_rng(190119)
        self.params = [self.random.standard_normal(shape).astype(dtype) for shape in SHAPES]
        self.ours, self.net = ours, StubNetwork(StubLayer(*self.params))
        ours.net = self.net
        self.tensors = [torch.tensor(param, requires_grad=True) for param in self.params]
        self.theirs = make(self.tensors)

    def step(self) -> None:
        grads = [self.random.standard_normal(shape).astype(self.dtype) for shape in SHAPES]
        self.net.layers[0].param_grads = grads
        for tensor, grad in zip(self.tensors, grads, strict=True):
            tensor.grad = torch.tensor(grad)
        self.ours.step()
        self.theirs.step()
        for param, tensor in zip(self.params, self.tensors, strict=True):
            self.require_equal(param, tensor)

    def require_equal(self, ours: ndarray, theirs: torch.Tensor) -> None:
        difference = compare(ours, theirs.detach().numpy(), dtype=self.dtype)
        assert difference is None, difference.message

    def states(self, name: str) -> Iterator[torch.Tensor]:
        return (self.theirs.state[tensor][name] for tensor in self.tensors)


SHAPES = ((7, 3), (1, 3), (3, 2), (1, 2))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "ours, make, states",
    [
        (SGD(0.05), lambda p: torch.optim.SGD(p, lr=0.05), {}),
        (
            SGDMomentum(0.05, 0.8),
            lambda p: reference.SGDMomentum(p, 0.05, 0.8),
            {"velocities": "velocity"},
        ),
        (RegularizedSGD(0.05, 0.2), lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.2), {}),
        (AdaGrad(0.05), lambda p: torch.optim.Adagrad(p, lr=0.05), {"sum_squares": "sum"}),
        (
            AdaGrad(0.05, 1e-7, eps_in="sum"),
            lambda p: reference.AdaGrad(p, 0.05, 1e-7, "sum"),
            {"sum_squares": "sum"},
        ),
        (RMSProp(), torch.optim.RMSprop, {"mean_squares": "square_avg"}),
        (Adam(), torch.optim.Adam, {"mean_grads": "exp_avg", "mean_squares": "exp_avg_sq"}),
    ],
    ids=("SGD", "SGDMomentum", "RegularizedSGD", "AdaGrad", "AdaGrad-sum", "RMSProp", "Adam"),
)
def test_parameters_and_state_equal_pytorchs_over_100_steps(
    ours: Optimizer,
    make: Callable[..., torch.optim.Optimizer],
    states: dict[str, str],
    dtype: str,
) -> None:
    pair = Pair(deepcopy(ours), make, dtype)
    for step in range(1, 101):
        pair.step()
        for name, theirs in states.items():
            for state, tensor in zip(getattr(pair.ours, name), pair.states(theirs), strict=True):
                assert state.dtype == dtype
                pair.require_equal(state, tensor)
        if isinstance(pair.ours, Adam):
            assert [pair.ours.steps] * len(SHAPES) == [int(n) for n in pair.states("step")]
            assert pair.ours.steps == step


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_with_a_constant_rate_momentum_is_that_of_torch_whose_buffer_lacks_the_rate(
    dtype: str,
) -> None:
    lr = 0.05
    pair = Pair(SGDMomentum(lr), lambda p: torch.optim.SGD(p, lr=lr, momentum=0.9), dtype)
    assert isinstance(pair.ours, SGDMomentum)
    for _ in range(100):
        pair.step()
        buffers = pair.states("momentum_buffer")
        for velocity, buffer in zip(pair.ours.velocities, buffers, strict=True):
            pair.require_equal(velocity, lr * buffer)


@pytest.mark.parametrize(
    "decay_type, make", [("linear", LinearDecay), ("exponential", ExponentialDecay)]
)
def test_with_a_rate_that_decays_momentum_is_the_books_and_not_torchs(
    decay_type: str, make: Callable[..., Any]
) -> None:
    def run(theirs: Callable[..., torch.optim.Optimizer]) -> None:
        ours = SGDMomentum(0.2, final_lr=0.05, decay_type=decay_type)
        pair = Pair(ours, theirs, "float64")
        schedule = make(pair.theirs, 0.05, 10)
        ours.max_epochs = 10
        ours._setup_decay()
        for _ in range(10):
            for _ in range(10):
                pair.step()
            ours._decay_lr()
            schedule.step()

    run(lambda p: reference.SGDMomentum(p, 0.2))
    with pytest.raises(AssertionError, match="differs in"):
        run(lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.9))


def test_the_references_leave_out_what_has_no_gradient() -> None:
    for make in (reference.SGDMomentum, reference.AdaGrad):
        with_grad, without = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
        with_grad.grad = torch.ones(2)
        optimizer = make([with_grad, without], lr=0.5)
        assert optimizer.step(lambda: 7) == 7
        assert without.tolist() == [1, 1]
        assert with_grad.tolist() != [1, 1]


def test_the_reference_adds_eps_to_the_sums_of_what_it_updates() -> None:
    with_grad, without = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    with_grad.grad = torch.full((2,), 3.0)
    optimizer = reference.AdaGrad([with_grad, without], eps=0.5, eps_in="sum")
    for step in (1, 2):
        optimizer.step()
        assert optimizer.state[with_grad]["sum"].tolist() == [9.5 * step] * 2
    assert optimizer.state[without]["sum"].tolist() == [0, 0]


def test_the_reference_refuses_impossible_momentum() -> None:
    for arguments in ({"momentum": 1.0}, {"momentum": -0.1}, {"lr": -0.1}):
        with pytest.raises(ValueError, match="at least 0 and below 1"):
            reference.SGDMomentum([torch.ones(1)], **arguments)


def step_of(optim: Optimizer, net: NeuralNetwork) -> list[ndarray]:
    """What a step changes."""
    before = [param.copy() for param in net.params()]
    optim.net = net
    optim.step()
    return [param - value for param, value in zip(net.params(), before, strict=True)]


def equal(first: list[ndarray], second: list[ndarray]) -> bool:
    return all(np.allclose(a, b, rtol=1e-12, atol=0) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("optimizer", WITH_STATE)
def test_steps_with_one_gradient_differ_by_what_is_remembered(
    optimizer: type[Optimizer],
) -> None:
    net, optim = trained_once(), optimizer(0.1)
    if optimizer is Adam:  # whose corrections make equal gradients equal steps
        net.layers[0].param_grads = [grad * 2 for grad in net.param_grads()]
        step_of(optim, net)
        net.layers[0].param_grads = [grad / 2 for grad in net.param_grads()]
    first = step_of(optimizer(0.1), deepcopy(net))
    step_of(optim, net)
    assert not equal(step_of(optim, net), first)


@pytest.mark.parametrize("optimizer", WITH_STATE)
def test_another_network_starts_with_nothing_remembered(optimizer: type[Optimizer]) -> None:
    """As a ``Trainer`` that has stopped early hands the optimizer the best network."""
    net, optim = trained_once(), optimizer(0.1)
    copy = deepcopy(net)
    first = step_of(optim, net)
    step_of(optim, net)
    assert equal(step_of(optim, copy), first)


@pytest.mark.parametrize("optimizer", WITH_STATE)
def test_layers_set_up_anew_start_with_nothing_remembered(optimizer: type[Optimizer]) -> None:
    """The network is the same object and the shapes are the same; the arrays are others."""
    net, optim = trained_once(), optimizer(0.1)
    first = step_of(optim, net)
    step_of(optim, net)
    for layer in net.layers:
        layer.first = True
    net.train_batch(np.ones((4, 3)), np.ones((4, 1)))
    assert equal(step_of(optim, net), first)


@pytest.mark.parametrize("optimizer", WITH_STATE)
def test_parameters_of_other_shapes_start_with_nothing_remembered(
    optimizer: type[Optimizer],
) -> None:
    net, optim = trained_once(), optimizer(0.1)
    step_of(optim, net)
    for layer in net.layers:
        layer.first = True
    net.train_batch(np.ones((4, 5)), np.ones((4, 1)))
    changes = step_of(optim, net)
    assert changes[0].shape == (5, 1)
    assert equal(changes, step_of(optimizer(0.1), deepcopy_before(changes, net)))


def deepcopy_before(changes: list[ndarray], net: NeuralNetwork) -> NeuralNetwork:
    """A copy of a network as it was before these changes."""
    copy = deepcopy(net)
    for param, change in zip(copy.params(), changes, strict=True):
        param -= change
    return copy


@pytest.mark.parametrize("optimizer", WITH_STATE)
def test_a_copy_of_network_and_optimizer_goes_on_where_they_were(
    optimizer: type[Optimizer],
) -> None:
    net, optim = trained_once(), optimizer(0.1)
    step_of(optim, net)
    copied_optim, copied_net = deepcopy((optim, net))
    assert copied_optim.net is copied_net
    assert equal(step_of(copied_optim, copied_net), step_of(optim, net))


def rates(optim: Optimizer, epochs: int) -> list[float]:
    """The learning rate of each epoch, as a ``Trainer`` brings it about."""
    optim.max_epochs = epochs
    optim._setup_decay()
    found = []
    for _ in range(epochs):
        found.append(optim.lr)
        optim._decay_lr()
    return found


@each_optimizer
def test_every_optimizer_decays(optimizer: Callable[..., Optimizer]) -> None:
    optim = optimizer(lr=0.4, final_lr=0.1, decay_type="linear")
    assert rates(optim, 4) == pytest.approx([0.4, 0.3, 0.2, 0.1], rel=1e-15)
    optim = optimizer(lr=0.8, final_lr=0.1, decay_type="exponential")
    assert rates(optim, 4) == pytest.approx([0.8, 0.4, 0.2, 0.1], rel=1e-15)
    optim = optimizer(lr=0.8, final_lr=0.4, decay_type="cosine")
    assert rates(optim, 3) == pytest.approx([0.8, 0.6, 0.4], rel=1e-15)
    assert rates(optimizer(lr=0.8), 3) == [0.8] * 3


@pytest.mark.parametrize("decay_type", ["linear", "cosine"])
def test_decay_to_0_ends_at_0(decay_type: str) -> None:
    assert rates(SGD(0.3, decay_type=decay_type), 7)[-1] == 0


@pytest.mark.parametrize("decay_type", ["linear", "exponential", "cosine"])
def test_a_single_epoch_runs_at_the_first_rate(decay_type: str) -> None:
    assert rates(SGD(0.3, 0.1, decay_type), 1) == [0.3]
    assert rates(SGD(0.3, 0.1, decay_type), 0) == []


@pytest.mark.parametrize("decay_type", ["linear", "exponential", "cosine"])
def test_a_second_fit_starts_again_from_the_first_rate(decay_type: str) -> None:
    optim = SGD(0.3, 0.1, decay_type)
    first = rates(optim, 5)
    assert optim.lr == 0.1
    assert rates(optim, 5) == first
    assert rates(optim, 3)[0] == 0.3


def test_a_rate_set_by_hand_is_a_new_first_one() -> None:
    optim = SGD(0.3, 0.1, "linear")
    optim.lr = 0.5
    assert rates(optim, 3) == pytest.approx([0.5, 0.3, 0.1])
    optim.lr = 0.9
    assert rates(optim, 2) == [0.9, 0.1]
    constant = SGD(0.3)
    rates(constant, 2)
    constant.lr = 0.2
    assert rates(constant, 2) == [0.2, 0.2]


def test_on_a_plateau_the_rate_falls_with_the_losses_it_is_told() -> None:
    optim = SGD(0.3, 0.01, "plateau")
    optim.max_epochs = 40
    optim._setup_decay()
    for loss in range(20, 0, -1):
        optim._decay_lr(loss)
    assert optim.lr == 0.3
    for _ in range(11):
        optim._decay_lr(1.0)
    assert optim.lr == pytest.approx(0.03)
    for _ in range(11):
        optim._decay_lr(1.0)
    assert optim.lr == 0.01


def test_a_plateau_needs_the_loss() -> None:
    optim = SGD(0.3, 0.01, "plateau")
    optim.max_epochs = 4
    optim._setup_decay()
    with pytest.raises(ValueError, match="needs the loss of the epoch"):
        optim._decay_lr()


@pytest.mark.parametrize("optimizer", [Optimizer, *ALL])
def test_unknown_decay_is_refused_with_the_known_ones(optimizer: Callable[..., Optimizer]) -> None:
    known = r"None or one of 'linear', 'exponential', 'cosine', 'plateau', not 'lineal'"
    with pytest.raises(ValueError, match=rf"{optimizer.__name__}: decay_type must be {known}"):
        optimizer(decay_type="lineal")


def test_exponential_decay_to_0_is_refused() -> None:
    with pytest.raises(ValueError, match=r"SGD: exponential decay never reaches 0; .* linear"):
        SGD(0.1, decay_type="exponential")


@pytest.mark.parametrize("final_lr", [0.2, -0.1, float("nan")])
def test_final_rate_above_the_first_or_below_0_is_refused(final_lr: float) -> None:
    with pytest.raises(ValueError, match=r"final_lr must be between 0 and .* 0.1, not ") as error:
        SGD(0.1, final_lr, "linear")
    assert str(error.value).endswith(str(final_lr))


def test_final_rate_without_a_decay_is_refused() -> None:
    with pytest.raises(ValueError, match=r"final_lr=0.05 does nothing without a decay_type"):
        SGDMomentum(0.1, final_lr=0.05)


def test_decay_out_of_turn_says_what_comes_first() -> None:
    optim = SGD(0.1, decay_type="linear")
    with pytest.raises(ValueError, match="call _setup_decay before the first epoch"):
        optim._decay_lr()
    with pytest.raises(ValueError, match="set max_epochs before the learning rate can decay"):
        optim._setup_decay()


BOOKS_FORM = """
    import numpy as np


    class SGDMomentum:
        def __init__(self, lr=0.01, momentum=0.9, final_lr=0, decay_type=None):
            self.lr, self.momentum = lr, momentum
            self.final_lr, self.decay_type = final_lr, decay_type
            self.first = True

        def _setup_decay(self):
            if self.decay_type == "exponential":
                self.decay_per_epoch = {exponential}
            elif self.decay_type == "linear":
                self.decay_per_epoch = (self.lr - self.final_lr) / (self.max_epochs - 1)

        def _decay_lr(self):
            if self.decay_type == "exponential":
                self.lr *= self.decay_per_epoch
            elif self.decay_type == "linear":
                self.lr -= self.decay_per_epoch

        def step(self):
            if self.first:
                self.velocities = [np.zeros_like(param) for param in self.net.params()]
                self.first = False
            for param, grad, velocity in zip(
                self.net.params(), self.net.param_grads(), self.velocities
            ):
                velocity *= self.momentum
                velocity += self.lr * grad
                param -= velocity
"""


def test_the_books_form_passes_the_check(tmp_path: Path) -> None:
    right = "np.power(self.final_lr / self.lr, 1.0 / (self.max_epochs - 1))"
    file = tmp_path / "mine.py"
    file.write_text(dedent(BOOKS_FORM.format(exponential=right)), encoding="utf-8")
    for name in ("SGDMomentum", "SGDMomentum.decay_type"):
        verdict = check_component(file, name, "class", Limits())
        assert verdict.passed, verdict


def test_the_printed_exponent_is_named_in_a_check(tmp_path: Path) -> None:
    printed = "np.power(self.final_lr, 1.0 / (self.max_epochs - 1)) / self.lr"
    file = tmp_path / "mine.py"
    file.write_text(dedent(BOOKS_FORM.format(exponential=printed)), encoding="utf-8")
    assert check_component(file, "SGDMomentum", "class", Limits()).passed
    verdict = check_component(file, "SGDMomentum.decay_type", "class", Limits())
    assert {f.mutant.errata for f in verdict.failures if f.mutant is not None} == {"E10"}
    assert all(failure.mutant for failure in verdict.failures)


def test_defaults_are_the_same_on_both_sides() -> None:
    for name in ("SGD", "SGDMomentum", "RegularizedSGD", "AdaGrad", "RMSProp", "Adam"):
        ours = getattr(import_module("scratch.optimizers"), name)()
        [group] = getattr(reference, name)([torch.zeros(1)]).param_groups
        assert group["lr"] == ours.lr, name


def test_reference_refuses_another_place_for_epsilon() -> None:
    with pytest.raises(ValueError, match="eps_in must be 'root' or 'sum', not 'foo'"):
        reference.AdaGrad([torch.zeros(1)], eps_in="foo")
