"""Messages between the two processes: a JSON header and arrays as raw bytes. Never pickles."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy import ndarray

_LENGTH = struct.Struct(">Q")

#: The largest array that is taken over, in bytes.
ARRAY_LIMIT = 64 * 2**20

#: The largest header, in bytes.
HEADER_LIMIT = 2**20


class Readable(Protocol):
    """What messages are read from."""

    def read(self, size: int, /) -> bytes:
        """As many bytes, fewer at the end."""


class FrameError(Exception):
    """What came over the pipe is no message."""


def write_message(stream: BinaryIO, header: dict[str, Any], arrays: Sequence[ndarray] = ()) -> None:
    """Write one message; ``arrays`` must be of a numeric type."""
    described = [{"dtype": array.dtype.str, "shape": array.shape} for array in arrays]
    encoded = json.dumps({"header": header, "arrays": described}).encode()
    stream.write(_LENGTH.pack(len(encoded)))
    stream.write(encoded)
    for array in arrays:
        stream.write(np.ascontiguousarray(array).tobytes())
    stream.flush()


def read_message(stream: Readable) -> tuple[dict[str, Any], list[ndarray]] | None:
    """Read one message; None at the end of the stream.

    Raises:
        FrameError: the stream ends within a message, or holds something else.
    """
    start = stream.read(_LENGTH.size)
    if not start:
        return None
    try:
        message = json.loads(_read(stream, _LENGTH.unpack(start)[0], HEADER_LIMIT))
        arrays = [_read_array(stream, entry) for entry in message["arrays"]]
        header = message["header"]
    except FrameError:
        raise
    except Exception as error:  # whatever json and NumPy raise when they are fed with nonsense
        raise FrameError(f"not a message: {error}") from None
    if not isinstance(header, dict):
        raise FrameError("not a message: no header")
    return header, arrays


def _read_array(stream: Readable, entry: dict[str, Any]) -> ndarray:
    dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
    if dtype.kind not in "fiubc" or any(not isinstance(n, int) or n < 0 for n in shape):
        raise FrameError(f"not an array of numbers: {entry}")
    data = _read(stream, math.prod(shape) * dtype.itemsize, ARRAY_LIMIT)
    return np.frombuffer(data, dtype=dtype).reshape(shape).copy()


def _read(stream: Readable, size: int, limit: int) -> bytes:
    if size > limit:
        raise FrameError(f"{size} bytes are too many")
    data = stream.read(size)
    if len(data) < size:
        raise FrameError("the message is cut off")
    return data
