"""Chapter 6 in PyTorch: text as numbers, in batches of sequences, and text written by a model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from reference.recurrent import RNNModel


class Vocabulary:
    """Characters and their numbers, counted from 0 in the order given.

    Raises:
        ValueError: there is no character, or one comes twice.
    """

    def __init__(self, characters: str) -> None:
        if not characters or len(set(characters)) < len(characters):
            raise ValueError(f"a vocabulary has each character once, not {characters!r:.60}")
        self.characters = characters
        self._indices = {character: index for index, character in enumerate(characters)}

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The characters that occur in a text, in the order of their code points."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Tensor:
        """The numbers of a text's characters, shape ``(characters,)``.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        unknown = sorted(set(text) - set(self._indices))
        if unknown:
            raise ValueError(f"the vocabulary does not have {', '.join(map(repr, unknown[:5]))}")
        return torch.tensor([self._indices[character] for character in text], dtype=torch.int64)

    def decode(self, indices: Tensor) -> str:
        """The text of numbers of shape ``(characters,)``."""
        return "".join(self.characters[index] for index in indices.tolist())


def one_hot_sequences(indices: Tensor, size: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """``F.one_hot``: ``(batch, time)`` to ``(batch, time, size)``.

    Chapter 6, "Representing Data for a Character-Level RNN-Based Language Model".
    """
    return F.one_hot(indices, size).to(dtype)


def sequences_and_targets(indices: Tensor, sequence_length: int) -> tuple[Tensor, Tensor]:
    """All sequences of a text, and the same one character later.

    Both have shape ``(n - sequence_length, sequence_length)``.

    Raises:
        ValueError: the text has not at least one character more than a sequence.
    """
    _require_text(len(indices), sequence_length)
    windows = indices.unfold(0, sequence_length + 1, 1)
    return windows[:, :-1].clone(), windows[:, 1:].clone()


class TextDataset(Dataset[tuple[Tensor, Tensor]]):
    """The sequences of a text with their targets, made when they are asked for.

    Args:
        indices: numbers of the text's characters, shape ``(n,)``.
        sequence_length: characters in a sequence.

    Raises:
        ValueError: the text has not at least one character more than a sequence.
    """

    def __init__(self, indices: Tensor, sequence_length: int) -> None:
        _require_text(len(indices), sequence_length)
        self.indices = indices
        self.sequence_length = sequence_length

    def __len__(self) -> int:
        return len(self.indices) - self.sequence_length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        window = self.indices[index : index + self.sequence_length + 1]
        return window[:-1], window[1:]


def shuffled_batches(
    indices: Tensor,
    batch_size: int,
    sequence_length: int,
    order: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """All sequences of a text in a random order, in batches; the last takes what is left.

    Args:
        indices: numbers of the text's characters, shape ``(n,)``.
        batch_size: sequences in a batch.
        sequence_length: characters in a sequence.
        order: a permutation of the sequences, to be used instead of a new one.
        generator: where a new permutation comes from.

    Raises:
        ValueError: the text is too short for a sequence or for a batch.
    """
    dataset = TextDataset(indices, sequence_length)
    if batch_size > len(dataset):
        raise ValueError(f"there are {len(dataset)} sequences, not the {batch_size} of a batch")
    if order is None:
        order = torch.randperm(len(dataset), generator=generator)
    loader = DataLoader(dataset, batch_size, sampler=order.tolist())
    return ((inputs, targets) for inputs, targets in loader)


def contiguous_batches(
    indices: Tensor, batch_size: int, sequence_length: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """A text cut into ``batch_size`` parts that are read side by side; what is left is left out.

    Raises:
        ValueError: no part has a whole sequence.
    """
    _require_text(len(indices), sequence_length)
    part = (len(indices) - 1) // batch_size
    if part < sequence_length:
        raise ValueError(
            f"{batch_size} parts need {batch_size * sequence_length + 1} characters, "
            f"not {len(indices)}"
        )
    pairs = torch.stack([indices[:-1], indices[1:]])[:, : batch_size * part]
    whole = pairs.unflatten(1, (batch_size, part))[..., : part - part % sequence_length]
    return ((inputs, targets) for inputs, targets in whole.split(sequence_length, dim=-1))


def next_character_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``F.softmax(logits / temperature)``; at 0 the most probable character has all of it.

    Raises:
        ValueError: the temperature is negative or not finite, or ``logits`` holds NaN or infinity.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be a number of at least 0, not {temperature}")
    if not logits.isfinite().all():
        raise ValueError("logits hold NaN or infinity")
    if temperature == 0:
        return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    # In float64 a float32 model's outputs can be divided by anything. The difference of the largest
    # numbers there are is halved, and so finite.
    half = logits.double() / 2
    scaled = (half - half.amax(dim=-1, keepdim=True)) / temperature * 2
    return F.softmax(scaled, dim=-1).to(logits.dtype)


def sample(
    model: RNNModel,
    vocabulary: Vocabulary,
    start: str,
    length: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    uniforms: Tensor | None = None,
) -> str:
    """Let a model write: read ``start``, then draw one character after the other.

    Chapter 6, "Putting It All Together". The model starts from states of 0; it runs in evaluation
    mode and without gradients, and is left as it was.

    Args:
        model: trained to predict the next character.
        vocabulary: of its inputs and outputs.
        start: what the model reads first, at least one character.
        length: how many characters are drawn.
        temperature: as for ``next_character_probabilities``.
        generator: where ``torch.multinomial`` draws from.
        uniforms: numbers between 0 and 1, one for each character, to be used instead: the character
            drawn is the first at which the probabilities so far exceed the number.

    Returns:
        The characters drawn, without ``start``.

    Raises:
        ValueError: ``start`` is empty or has an unknown character.
    """
    if not start:
        raise ValueError("start is empty; the model needs at least one character to read")
    modes = {module: module.training for module in model.modules()}
    dtype = next(model.parameters()).dtype
    read, states = vocabulary.encode(start), None
    drawn: list[Tensor] = []
    model.eval()
    try:
        with torch.no_grad():
            for step in range(length):
                x = one_hot_sequences(read[None], len(vocabulary), dtype)
                output, states = model.forward_from(x, states)
                logits = output.reshape(-1, len(vocabulary))[-1]
                probabilities = next_character_probabilities(logits, temperature)
                if uniforms is None:
                    read = torch.multinomial(probabilities, 1, generator=generator)
                else:
                    so_far = probabilities.double().cumsum(dim=-1)
                    read = torch.searchsorted(so_far, uniforms[step, None] * so_far[-1], right=True)
                drawn.append(read)
    finally:
        for module, training in modes.items():
            module.training = training
    return vocabulary.decode(torch.cat(drawn)) if drawn else ""


def _require_text(characters: int, sequence_length: int) -> None:
    if sequence_length < 1 or characters <= sequence_length:
        raise ValueError(
            f"a text of {characters} characters has no sequence of {sequence_length} with a target "
            "after it"
        )
