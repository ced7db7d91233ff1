"""Chapter 7's trainer for text in PyTorch: what it learns, in batches of all kinds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from reference.models import NextCharacterModel
from reference.text import (
    TextDataset,
    Vocabulary,
    contiguous_batches,
    sample,
    sequences_and_targets,
)
from reference.training import LSTMTrainer, PyTorchTrainer


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20190803)
        yield


def weights(trainer: PyTorchTrainer) -> list[Tensor]:
    return [param.detach().clone() for param in trainer.model.parameters()]


def assert_same(ones: list[Tensor], others: list[Tensor]) -> None:
    assert all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


PATTERN = "abcad" * 30
VOCABULARY = Vocabulary.of(PATTERN)


def text_trainer(carry_state: bool = True, **options: Any) -> LSTMTrainer:
    model = NextCharacterModel(len(VOCABULARY), 16, 10, carry_state)
    return LSTMTrainer(model, torch.optim.Adam(model.parameters(), lr=0.02), **options)


@pytest.mark.parametrize("carry_state", [True, False])
def test_lstm_learns_to_repeat_a_pattern(carry_state: bool) -> None:
    """From about ln 4 = 1.39 to under 0.1 where the past tells what comes; what it writes then goes
    on with the pattern.
    """
    trainer = text_trainer(carry_state, clip_value=2.0)
    X, y = sequences_and_targets(VOCABULARY.encode(PATTERN), 10)
    untrained = trainer.evaluate(X, y)
    assert untrained == pytest.approx(math.log(4), abs=0.15)
    history = trainer.fit(X, y, X, y, epochs=15, eval_every=15, batch_size=16)
    assert history.losses[0] < 0.1
    model: Any = trainer.model
    assert sample(model, VOCABULARY, "abcad", 10, temperature=0) == "abcadabcad"


def test_text_comes_in_loaders_too() -> None:
    """A loader of a dataset gives the sequences that are tensors otherwise."""
    indices = VOCABULARY.encode(PATTERN)
    X, y = sequences_and_targets(indices, 10)
    torch.manual_seed(1)
    by_tensors = text_trainer()
    torch.manual_seed(1)
    by_loaders = text_trainer()
    loader = DataLoader(TextDataset(indices, 10), 16)
    order = [torch.arange(len(X))]
    by_tensors.fit(X, y, X, y, epochs=1, eval_every=1, batch_size=16, orders=order)
    by_loaders.fit(train_dataloader=loader, test_dataloader=loader, epochs=1, eval_every=1)
    assert_same(weights(by_tensors), weights(by_loaders))


def test_parts_that_are_read_side_by_side_carry_their_state_on() -> None:
    trainer = text_trainer()
    batches = list(contiguous_batches(VOCABULARY.encode(PATTERN), 3, 10))
    history = trainer.fit(
        train_dataloader=batches, test_dataloader=batches[:1], epochs=2, eval_every=1
    )
    assert len(history.losses) == 2
    model: Any = trainer.model
    assert model.lstm.h_init.abs().max() > 0


def test_loss_is_the_mean_cross_entropy_over_all_characters() -> None:
    trainer = text_trainer(carry_state=False)
    X, y = sequences_and_targets(VOCABULARY.encode(PATTERN), 10)
    one_hot = nn.functional.one_hot(X, 4).float()
    log_p = trainer.model(one_hot).detach().log_softmax(dim=1)
    expected = -log_p.gather(1, y[:, None]).mean()
    assert trainer.evaluate(X, y) == pytest.approx(float(expected), rel=1e-5)


def test_evaluation_leaves_the_carried_state_as_it_was() -> None:
    trainer = text_trainer()
    X, y = sequences_and_targets(VOCABULARY.encode(PATTERN), 10)
    model: Any = trainer.model
    model(nn.functional.one_hot(X[:2], 4).float())
    before = [part.clone() for part in model.lstm.start_state()]
    assert trainer.evaluate(X, y) == trainer.evaluate(X, y)
    assert_same(before, list(model.lstm.start_state()))


@pytest.mark.parametrize("clip_value", [1e-4, 1e4, None])
def test_gradients_are_clipped_element_by_element(clip_value: float | None) -> None:
    """The gradients of the one batch are still there after the epoch."""
    torch.manual_seed(1)
    free = text_trainer()
    torch.manual_seed(1)
    trainer = text_trainer(clip_value=clip_value)
    X, y = sequences_and_targets(VOCABULARY.encode(PATTERN)[:12], 10)
    for each in (free, trainer):
        each.fit(X, y, X, y, epochs=1)
    bound = math.inf if clip_value is None else clip_value
    for one, other in zip(free.model.parameters(), trainer.model.parameters(), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert one.grad.abs().max() > 1e-4
        assert torch.equal(one.grad.clamp(-bound, bound), other.grad)


@pytest.mark.parametrize("clip_value", [0.0, -2.0, math.nan])
def test_impossible_clip_value_is_refused(clip_value: float) -> None:
    with pytest.raises(ValueError, match=r"^clip_value must be above 0, not "):
        text_trainer(clip_value=clip_value)


@pytest.mark.parametrize("number", [4, -1])
def test_number_that_is_no_characters_is_refused(number: int) -> None:
    X = torch.tensor([[0, 1, number]])
    words = rf"^characters' numbers must lie between 0 and 3, not between {min(number, 0)} and "
    with pytest.raises(ValueError, match=words):
        text_trainer().evaluate(X, X.clamp(0, 3))
