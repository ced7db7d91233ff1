"""What chapter 6 draws of its one-hot example, and what its text and the layers want of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parity.checking.file import check_file
from scratch.recurrent import RNNLayer
from scratch.text import Vocabulary, one_hot_sequences

VOCABULARY = Vocabulary("abcd")

#: The book's matrices of "abcdb" and "bcdba": a row for each character of the vocabulary.
DRAWN = np.array(
    [
        [[1, 0, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]],
        [[0, 0, 0, 0, 1], [1, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]],
    ],
    dtype=np.float64,
)


def test_e21_drawn_form_is_transposed_and_the_texts_shape_is_ours() -> None:
    indices = np.stack([VOCABULARY.encode("abcdb"), VOCABULARY.encode("bcdba")])
    ours = one_hot_sequences(indices, len(VOCABULARY))
    assert DRAWN.shape == (2, 4, 5)
    assert ours.shape == (2, 5, 4)
    np.testing.assert_array_equal(ours, DRAWN.transpose(0, 2, 1))


def test_e21_layer_takes_the_drawn_forms_characters_for_time_steps() -> None:
    layer = RNNLayer(hidden_size=3, output_size=4, seed=1)
    assert layer.forward(DRAWN).shape == (2, 4, 4)
    with pytest.raises(ValueError, match=r"has 4 features, the layer was set up for 5$"):
        layer.forward(DRAWN.transpose(0, 2, 1))


def test_e21_is_named_in_a_learners_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def one_hot_sequences(indices, size):\n"
        "    return np.stack([np.eye(size)[:, row] for row in indices])\n"
    )
    [verdict] = check_file(file, ["one_hot_sequences"]).verdicts
    assert not verdict.passed
    assert {f.mutant.errata for f in verdict.failures if f.mutant is not None} == {"E21"}
