"""The PyTorch side of chapter 6 by itself: whose modules it is, and what it does not train."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reference.optimizers import AdaGrad, SGDMomentum
from reference.recurrent import (
    GRULayer,
    LSTMLayer,
    RecurrentLayer,
    RNNLayer,
    RNNModel,
    clip_by_norm,
)
from reference.recurrent.cells import PeepholeLSTMCell, ResetBeforeGRUCell

LAYERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "RNN": (RNNLayer, {}),
    "GRU": (GRULayer, {}),
    "GRU reset after": (GRULayer, {"reset_after": True}),
    "LSTM": (LSTMLayer, {}),
    "LSTM with peepholes": (LSTMLayer, {"peepholes": True}),
}

each_kind = pytest.mark.parametrize("kind", LAYERS)


def make_layer(kind: str, **options: Any) -> RecurrentLayer:
    layer, given = LAYERS[kind]
    made: RecurrentLayer = layer(5, 4, 3, **given, **options).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, param in made.named_parameters():
            if "bias_hh" not in name:
                param.normal_(generator=draws)
    return made


def draw(*shape: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=draws, dtype=torch.float64)


# Whose modules


@pytest.mark.parametrize(
    ("kind", "name", "module"),
    [
        ("RNN", "rnn", nn.RNN),
        ("GRU reset after", "gru", nn.GRU),
        ("LSTM", "lstm", nn.LSTM),
    ],
)
def test_pytorch_has_the_layer(kind: str, name: str, module: type[nn.RNNBase]) -> None:
    layer = make_layer(kind)
    inner = getattr(layer, name)
    assert type(inner) is module
    x, state = draw(2, 6, 5), [part.expand(2, -1)[None] for part in layer.start_state()]
    hidden, _ = inner(x, tuple(state) if kind == "LSTM" else state[0])
    torch.testing.assert_close(layer(x), layer.projection(hidden), rtol=0, atol=0)


def test_the_gru_of_the_book_is_its_formulas() -> None:
    cell, x, h = ResetBeforeGRUCell(5, 4).double(), draw(7, 5), draw(7, 4, seed=1)
    W_xr, W_xu, W_xh = cell.of_input.weight.chunk(3)
    B_r, B_u, B_h = cell.of_input.bias.chunk(3)
    W_hr, W_hu = cell.of_state.weight.chunk(2)
    r = 1 / (1 + torch.exp(-(x @ W_xr.T + h @ W_hr.T + B_r)))
    u = 1 / (1 + torch.exp(-(x @ W_xu.T + h @ W_hu.T + B_u)))
    h_bar = torch.tanh(x @ W_xh.T + (r * h) @ cell.of_reset_state.weight.T + B_h)
    torch.testing.assert_close(cell(x, (h,)), (u * h + (1 - u) * h_bar,), rtol=1e-12, atol=1e-14)


def copy_to_gru_cell(cell: ResetBeforeGRUCell) -> nn.GRUCell:
    theirs = nn.GRUCell(5, 4).double()
    with torch.no_grad():
        theirs.weight_ih.copy_(cell.of_input.weight)
        theirs.bias_ih.copy_(cell.of_input.bias)
        theirs.weight_hh.copy_(torch.cat((cell.of_state.weight, cell.of_reset_state.weight)))
        theirs.bias_hh.zero_()
    return theirs


def test_the_gru_of_the_book_is_not_pytorchs() -> None:
    """They reset before and after the product, which is one where the reset gates are all open."""
    cell, x, h = ResetBeforeGRUCell(5, 4).double(), draw(7, 5), draw(7, 4, seed=1)
    (ours,) = cell(x, (h,))
    assert (ours - copy_to_gru_cell(cell)(x, h)).abs().max() > 1e-3
    with torch.no_grad():
        cell.of_input.bias[:4] = 100
    (ours,) = cell(x, (h,))
    torch.testing.assert_close(ours, copy_to_gru_cell(cell)(x, h), rtol=1e-12, atol=1e-14)


def test_the_lstm_with_peepholes_is_its_formulas() -> None:
    cell, x, h, c = PeepholeLSTMCell(5, 4).double(), draw(7, 5), draw(7, 4), draw(7, 4, seed=1)
    with torch.no_grad():
        cell.peepholes.copy_(draw(3, 4, seed=2))
    before = torch.cat((x, h), dim=1) @ cell.gates.weight.T + cell.gates.bias
    i, f, g, o = before.chunk(4, dim=1)
    P_i, P_f, P_o = cell.peepholes
    f, i = 1 / (1 + torch.exp(-(f + P_f * c))), 1 / (1 + torch.exp(-(i + P_i * c)))
    c_out = f * c + i * torch.tanh(g)
    h_out = torch.tanh(c_out) / (1 + torch.exp(-(o + P_o * c_out)))
    torch.testing.assert_close(cell(x, (h, c)), (h_out, c_out), rtol=1e-12, atol=1e-14)


def test_an_lstm_whose_peepholes_are_shut_is_pytorchs() -> None:
    cell, theirs = PeepholeLSTMCell(5, 4).double(), nn.LSTMCell(5, 4).double()
    with torch.no_grad():
        theirs.weight_ih.copy_(cell.gates.weight[:, :5])
        theirs.weight_hh.copy_(cell.gates.weight[:, 5:])
        theirs.bias_ih.copy_(cell.gates.bias)
        theirs.bias_hh.zero_()
    assert not cell.peepholes.any()
    x, state = draw(7, 5), (draw(7, 4, seed=1), draw(7, 4, seed=2))
    torch.testing.assert_close(cell(x, state), theirs(x, state), rtol=1e-12, atol=1e-14)


# The second bias


def second_bias(layer: RecurrentLayer) -> Tensor:
    """What is to stay 0 of it."""
    [bias] = [param for name, param in layer.named_parameters() if "bias_hh" in name]
    return bias[:8] if isinstance(layer, GRULayer) else bias


def saved_and_loaded(layer: RecurrentLayer) -> RecurrentLayer:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    loaded: RecurrentLayer = torch.load(file, weights_only=False)
    return loaded


@pytest.mark.parametrize("kind", ["RNN", "GRU reset after", "LSTM"])
@pytest.mark.parametrize("copied", [lambda layer: layer, copy.deepcopy, saved_and_loaded])
@pytest.mark.parametrize("optimizer", [SGDMomentum, AdaGrad])
def test_the_second_bias_is_not_trained(kind: str, copied: Any, optimizer: Any) -> None:
    layer = copied(make_layer(kind))
    before = [param.clone() for param in layer.parameters()]
    optim = optimizer(layer.parameters(), lr=0.1)
    for step in range(3):
        optim.zero_grad()
        layer(draw(2, 6, 5, seed=step)).square().sum().backward()
        optim.step()
    assert not second_bias(layer).any()
    moved = [(old != new).any() for old, new in zip(before, layer.parameters(), strict=True)]
    assert sum(moved) == len(moved) - (kind != "GRU reset after")


def test_what_gru_resets_of_its_second_bias_is_trained() -> None:
    layer = make_layer("GRU reset after")
    layer(draw(2, 6, 5)).sum().backward()
    assert isinstance(layer, GRULayer)
    grad = layer.gru.get_parameter("bias_hh_l0").grad
    assert grad is not None
    assert not grad[:8].any()
    assert grad[8:].all()


# States


@each_kind
def test_the_next_batch_starts_from_a_mean_without_a_history(kind: str) -> None:
    layer, x = make_layer(kind), draw(3, 6, 5)
    zeros = tuple(part.expand(3, -1) for part in layer.start_state())
    _, last = layer.forward_from(x, zeros)
    assert not any(part.any() for part in layer.start_state())
    layer(x)
    for part, end in zip(layer.start_state(), last, strict=True):
        torch.testing.assert_close(part, end.mean(0, keepdim=True), rtol=1e-12, atol=1e-14)
        assert part.shape == (1, 4)
        assert not part.requires_grad
    layer.reset_state()
    assert not any(part.any() for part in layer.start_state())


@each_kind
def test_without_carrying_the_start_stays(kind: str) -> None:
    layer = make_layer(kind, carry_state=False)
    layer(draw(3, 6, 5))
    assert not any(part.any() for part in layer.start_state())


@each_kind
def test_the_states_are_saved_with_the_parameters(kind: str) -> None:
    layer, other = make_layer(kind), make_layer(kind)
    layer(draw(3, 6, 5))
    other.load_state_dict(layer.state_dict())
    for ours, theirs in zip(layer.start_state(), other.start_state(), strict=True):
        assert torch.equal(ours, theirs)
        assert ours.any()


# Models


def make_model(many_to_one: bool = False) -> RNNModel:
    draws = torch.Generator().manual_seed(2)
    model = RNNModel([LSTMLayer(5, 4, 6), RNNLayer(6, 2, 3), GRULayer(3, 3, 2)], many_to_one)
    with torch.no_grad():
        for name, param in model.named_parameters():
            if "bias_hh" not in name:
                param.normal_(generator=draws)
    return model.double()


def test_a_model_passes_outputs_on_and_keeps_each_layers_state() -> None:
    model, x = make_model(), draw(2, 6, 5)
    out = model(x)
    model.reset_state()
    for layer in model.layers:
        x = layer(x)
    assert torch.equal(out, x)
    assert all(part.any() for layer in model.layers for part in layer.start_state())


def test_many_to_one_is_the_last_output() -> None:
    every, last, x = make_model(), make_model(many_to_one=True), draw(2, 6, 5)
    assert torch.equal(last(x), every(x)[:, -1])
    every.reset_state()
    assert torch.equal(last.forward_from(x)[0], every.forward_from(x)[0][:, -1])


def test_a_model_step_by_step_is_the_whole() -> None:
    """As text is written: a character in, the states on to the next."""
    model, x = make_model(), draw(2, 6, 5)
    whole, last = model.forward_from(x)
    states, outs = None, []
    for t in range(6):
        out, states = model.forward_from(x[:, t : t + 1], states)
        outs.append(out)
    torch.testing.assert_close(torch.cat(outs, dim=1), whole, rtol=1e-12, atol=1e-14)
    assert states is not None
    for state, other in zip(states, last, strict=True):
        torch.testing.assert_close(state, other, rtol=1e-12, atol=1e-14)
    assert not any(part.any() for layer in model.layers for part in layer.start_state())


def test_a_model_takes_a_state_for_each_layer() -> None:
    with pytest.raises(ValueError, match="shorter"):
        make_model().forward_from(draw(2, 6, 5), [])


# Clipping


@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e9])
def test_clipping_by_norm_is_pytorchs_but_for_its_millionth(max_norm: float) -> None:
    ours, theirs = make_layer("LSTM"), make_layer("LSTM")
    for layer in (ours, theirs):
        layer(draw(2, 6, 5)).square().sum().backward()
    norm = clip_by_norm(ours.parameters(), max_norm)
    assert norm == nn.utils.clip_grad_norm_(theirs.parameters(), max_norm).item() > 1
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        if a.grad is None or b.grad is None:
            continue
        share = min(1.0, max_norm / norm) / min(1.0, max_norm / (norm + 1e-6)) if max_norm else 1
        torch.testing.assert_close(a.grad, b.grad * share, rtol=1e-12, atol=0)
    if max_norm < norm:
        clipped = torch.stack([p.grad.norm() for p in ours.parameters() if p.grad is not None])
        assert clipped.norm().item() == pytest.approx(max_norm, rel=1e-12)
