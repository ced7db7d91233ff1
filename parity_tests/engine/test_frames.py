"""Messages between the processes: what goes in comes out, and nonsense is refused."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy import ndarray

from parity.catalogue.component import arrange
from parity.runner.frames import (
    ARRAY_LIMIT,
    HEADER_LIMIT,
    FrameError,
    read_message,
    write_message,
)


def through(header: dict[str, Any], sent: list[ndarray]) -> tuple[dict[str, Any], list[ndarray]]:
    stream = BytesIO()
    write_message(stream, header, sent)
    stream.seek(0)
    message = read_message(stream)
    assert message is not None
    assert stream.read() == b""
    return message


def framed(content: Any) -> BytesIO:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return BytesIO(struct.pack(">Q", len(data)) + data)


numbers = arrays.arrays(
    st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?", "c16", ">f8"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(st.lists(numbers, max_size=3))
def test_arrays_come_through_bit_by_bit(sent: list[ndarray]) -> None:
    _, received = through({}, sent)
    assert [array.tobytes() for array in received] == [array.tobytes() for array in sent]
    assert [array.shape for array in received] == [array.shape for array in sent]
    assert [array.dtype for array in received] == [array.dtype for array in sent]


@pytest.mark.parametrize("layout", ["strided", "reversed", "transposed"])
def test_layouts_in_memory_come_through_as_values(layout: str) -> None:
    array = np.arange(6.0).reshape(2, 3)
    [received] = through({}, [arrange(array, layout)])[1]
    np.testing.assert_array_equal(received, array)


def test_received_arrays_can_be_written_to() -> None:
    [received] = through({}, [np.ones(2)])[1]
    received += 1
    assert received.tolist() == [2, 2]


def test_headers_come_through() -> None:
    header = {"event": "raised", "message": "naïve → \ud800", "nested": [1, None, {"a": True}]}
    assert through(header, [])[0] == header


def test_messages_follow_one_another_until_the_stream_ends() -> None:
    stream = BytesIO()
    write_message(stream, {"n": 1}, [np.zeros(2)])
    write_message(stream, {"n": 2})
    stream.seek(0)
    first, second, end = read_message(stream), read_message(stream), read_message(stream)
    assert first is not None
    assert second is not None
    assert (first[0], second[0], end) == ({"n": 1}, {"n": 2}, None)


def test_a_message_that_is_cut_off_is_refused_wherever_it_is_cut() -> None:
    stream = BytesIO()
    write_message(stream, {"n": 1}, [np.zeros(3)])
    data = stream.getvalue()
    for length in range(1, len(data)):
        with pytest.raises(FrameError):
            read_message(BytesIO(data[:length]))


def array_of(dtype: Any, shape: Any) -> BytesIO:
    return framed({"header": {}, "arrays": [{"dtype": dtype, "shape": shape}]})


@pytest.mark.parametrize(
    "stream",
    [
        BytesIO(b"garbage garbage garbage"),
        BytesIO(struct.pack(">Q", 2**63) + b"{}"),
        framed(b"\xff\xfe"),
        framed(b"not json"),
        framed(b"[" * 100_000),
        framed([]),
        framed("text"),
        framed({"header": {}}),
        framed({"arrays": []}),
        framed({"header": [], "arrays": []}),
        framed({"header": {}, "arrays": 3}),
        framed({"header": {}, "arrays": [None]}),
        array_of("O", [1]),
        array_of("U5", [1]),
        array_of("M8[s]", [1]),
        array_of("f8,f8", [1]),
        array_of("V8", [1]),
        array_of("((", [1]),
        array_of(["f8"], [1]),
        array_of(None, [1]),
        array_of("f8", 3),
        array_of("f8", [-1]),
        array_of("f8", [1.5]),
        array_of("f8", ["a"]),
        array_of("f8", [0, 10**30]),
        array_of("f8", [10**30]),
        array_of("f8", [1] * 100),
    ],
    ids=range(27),
)
def test_nonsense_is_refused(stream: BytesIO) -> None:
    with pytest.raises(FrameError):
        read_message(stream)


@given(st.binary(max_size=200))
def test_no_bytes_lead_to_anything_but_a_message_or_a_refusal(data: bytes) -> None:
    try:
        read_message(BytesIO(data))
        read_message(framed(data))
    except FrameError:
        pass


def test_nothing_is_unpickled() -> None:
    """An array of objects would be pointers; a pickle could run code."""
    stream = BytesIO()
    write_message(stream, {}, [np.array([print, None], dtype=object)])
    stream.seek(0)
    with pytest.raises(FrameError, match="numbers"):
        read_message(stream)


@pytest.mark.parametrize("shape", [(ARRAY_LIMIT // 8 + 1,), (2**20, 2**20)])
def test_an_array_that_is_too_large_is_refused_before_it_is_read(shape: tuple[int, ...]) -> None:
    with pytest.raises(FrameError, match="too many"):
        read_message(array_of("f8", shape))


def test_a_header_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError, match="too many"):
        read_message(BytesIO(struct.pack(">Q", HEADER_LIMIT + 1)))
