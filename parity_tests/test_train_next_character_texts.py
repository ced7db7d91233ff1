"""What a text must be like to be trained on; a bad one is refused in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from parity.cli import train as train_command
from parity.training.next_character import train
from parity.training.text_experiment import (
    SEED,
    TextError,
    TextExperiment,
    as_characters,
    read_text,
)
from parity_tests.rhymes import RHYME, SMALL, rhyme

OPTIONS = ("--hidden", 8, "--length", 5, "--batch-size", 4, "--steps", 12)


def call(*args: object) -> Result:
    arguments = ["next-character", *map(str, args)]
    return CliRunner(env={"COLUMNS": "80"}).invoke(train_command.command, arguments)


def test_the_play_is_the_default_and_its_last_tenth_is_held_out() -> None:
    name, play = read_text(None)
    characters = as_characters(name, play, TextExperiment())
    assert (name, len(characters.vocabulary)) == ("Coriolanus", 66)
    assert (len(characters.training), len(characters.held_out)) == (148_472, 16_497)
    assert characters.vocabulary.decode(characters.held_out) == play[148_472:]


def test_line_ends_and_a_byte_order_mark_are_no_characters(tmp_path: Path) -> None:
    path = tmp_path / "windows.txt"
    path.write_bytes("\ufeffone\r\ntwo\r\n".encode())
    assert read_text(path) == ("windows.txt", "one\ntwo\n")


def test_a_text_without_line_ends_is_trained_on_too() -> None:
    assert as_characters("flat", RHYME.replace("\n", " "), SMALL).start == "t"
    assert rhyme().start == "\n"


@pytest.mark.parametrize(
    "content, options, words",
    [
        (b"", (), "bad.txt is empty: there is nothing to learn from."),
        (
            b"a" * 300,
            (),
            "bad.txt has one character only, 'a': there is nothing to predict; take another text.",
        ),
        (
            b"\xff\xfea\x00",
            (),
            "bad.txt is not a text in UTF-8: byte 0 (0xff) cannot be read.",
        ),
        (
            b"abcdef",
            (),
            "bad.txt is too short: it has 5 characters to train on, and a sequence of 5 with its "
            "targets takes 6; take a longer text, or less for --length.",
        ),
        (
            b"abcdefghij",
            (),
            "bad.txt is too short: it has 9 characters to train on, and contiguous batches of 4 "
            "sequences of 5 take 21; take a longer text, or less for --batch-size or --length.",
        ),
        (
            b"abcdefghi",
            ("--batches", "shuffled"),
            "bad.txt is too short: it has 8 characters to train on, and shuffled batches of 4 "
            "sequences of 5 take 9; take a longer text, or less for --batch-size or --length.",
        ),
        (
            b"ab" * 15,
            ("--held-out", "0.04"),
            "bad.txt is too short: of its 30 characters --held-out 0.04 leaves 1 to test on, and "
            "a prediction needs 2.",
        ),
        (
            ("ab" * 20 + "aé\x1bb").encode(),
            (),
            "the last 4 characters of bad.txt, which are held out, have 2 that the training part "
            r"lacks ('\x1b', '\xe9'): replace them in the text, or try another --held-out.",
        ),
    ],
)
def test_a_bad_text_is_refused_in_a_sentence(
    content: bytes, options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(content)
    result = call(*OPTIONS, *options, "--text", bad, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.replace(f"{tmp_path}/", "") == f"Error: {words}\n"
    assert list(tmp_path.iterdir()) == [bad]


def test_the_shortest_texts_are_long_enough(tmp_path: Path) -> None:
    text = "ab" * 20
    for batches_, needed in (("contiguous", 21), ("shuffled", 9)):
        experiment = replace(SMALL, batches=batches_, steps=2)  # type: ignore[arg-type]
        share = 1 - needed / 40
        characters = as_characters("short", text, experiment, share)
        assert len(characters.training) == needed
        assert train("scratch", experiment, characters, SEED).done == 2
        with pytest.raises(TextError, match="is too short"):
            as_characters("short", text, experiment, share + 1 / 40)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"missing\.txt cannot be read: No such file"):
        read_text(tmp_path / "missing.txt")
