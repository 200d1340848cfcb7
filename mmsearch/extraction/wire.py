"""Messages between the main process and a worker: a JSON header and raw array buffers over a stream socket.

One message is a prefix (magic, length of the JSON, length of all buffers), the JSON, and the buffers one after the
other. It is never a pickle: a decoder that a hostile file has taken over must not be able to run code in the main
process. Everything that arrives is checked against limits before memory is allocated for it.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

Message = tuple[dict[str, Any], "list[np.ndarray]"]

JSON_LIMIT = 32 << 20  # bytes
ARRAYS_LIMIT = 512 << 20  # bytes of all arrays of one message together
ARRAY_COUNT_LIMIT = 1 << 16
DIMENSION_LIMIT = 8
DTYPES = ("uint8", "uint16", "uint32", "int16", "int32", "int64", "float16", "float32", "float64")

_MAGIC = b"mms1"
_PREFIX = struct.Struct("<4sIQ")
# An escaped half of a surrogate pair: never sent by us, and not valid text for SQLite or a terminal.
_SURROGATE = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")


class WireError(Exception):
    """A message that is malformed, or values that can't be sent as one."""


class HungUp(WireError):
    """The other side closed the connection, before a message or within one."""


class Oversized(WireError):
    """A message that is larger than either side accepts."""


def _no_tick() -> None:
    """The tick of a worker: it does nothing while it waits."""


def send(
    sock: socket.socket,
    header: dict[str, Any],
    arrays: Sequence[np.ndarray] = (),
    tick: Callable[[], None] = _no_tick,
) -> None:
    """Send one message. Where `sock` has a timeout, `tick` is called at least that often and may raise to end the call.

    Raises `Oversized`, `HungUp`, or `WireError` where the header holds what JSON can't or an array's dtype is none of
    `DTYPES`; in the first and last case nothing was sent.
    """
    send_packed(sock, pack(header, arrays), tick)


def pack(header: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> list[memoryview]:
    """A message as the buffers to send; contiguous arrays are not copied. Raises as `send`."""
    import numpy as np

    for array in arrays:
        if array.dtype.name not in DTYPES or array.ndim > DIMENSION_LIMIT or not array.dtype.isnative:
            raise WireError(f"an array of {array.dtype} with {array.ndim} dimensions can't be sent")
    total = sum(array.nbytes for array in arrays)
    shapes = [[array.dtype.name, list(array.shape)] for array in arrays]
    try:
        body = json.dumps({"header": header, "arrays": shapes}, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"the header is not made of JSON values: {error}") from error
    encoded = body.encode("utf-8", "replace")  # a lone surrogate becomes a question mark
    if len(encoded) > JSON_LIMIT or total > ARRAYS_LIMIT or len(arrays) > ARRAY_COUNT_LIMIT:
        raise Oversized(f"{len(encoded)} bytes of JSON and {len(arrays)} arrays of {total} bytes")
    views = [memoryview(_PREFIX.pack(_MAGIC, len(encoded), total) + encoded)]
    views += [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays if array.nbytes]
    return views


def send_packed(sock: socket.socket, parts: Sequence[memoryview], tick: Callable[[], None] = _no_tick) -> None:
    """Send the result of `pack`; `tick` as in `send`. Raises `HungUp`."""
    for part in parts:
        _send_all(sock, part, tick)


def receive(sock: socket.socket, tick: Callable[[], None] = _no_tick) -> Message:
    """Wait for one message. Returns its header and arrays; `tick` as in `send`.

    Raises `HungUp`, `Oversized`, or `WireError` when what arrives is no message. After an error the connection
    can't be used any more.
    """
    import numpy as np

    prefix = bytearray(_PREFIX.size)
    _receive_into(sock, memoryview(prefix), tick)
    magic, json_bytes, array_bytes = _PREFIX.unpack(prefix)
    if magic != _MAGIC:
        raise WireError("this is no message")
    if json_bytes > JSON_LIMIT or array_bytes > ARRAYS_LIMIT:
        raise Oversized(f"{json_bytes} bytes of JSON and {array_bytes} bytes of arrays")
    body = bytearray(json_bytes)
    _receive_into(sock, memoryview(body), tick)
    header, shapes = _parse(bytes(body), array_bytes)
    arrays = []
    for name, shape in shapes:
        array = np.empty(shape, dtype=name)
        if array.nbytes:
            _receive_into(sock, array.reshape(-1).view(np.uint8).data, tick)
        arrays.append(array)
    return header, arrays


def _parse(body: bytes, array_bytes: int) -> tuple[dict[str, Any], list[tuple[str, tuple[int, ...]]]]:
    """The header and (dtype, shape) of each array, checked against each other and the announced length."""
    import numpy as np

    try:
        text = body.decode("utf-8")
        outer = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is not JSON: {type(error).__name__}") from error
    if _SURROGATE.search(body):
        raise WireError("the header holds half a surrogate pair")
    if not isinstance(outer, dict) or set(outer) != {"header", "arrays"}:
        raise WireError("the header has another form")
    header, described = outer["header"], outer["arrays"]
    if not isinstance(header, dict) or not isinstance(described, list) or len(described) > ARRAY_COUNT_LIMIT:
        raise WireError("the header has another form")
    shapes = [_shape(entry) for entry in described]
    announced = 0
    for name, shape in shapes:
        announced += np.dtype(name).itemsize * math.prod(shape)
    if announced != array_bytes:
        raise WireError("the arrays are not as large as announced")
    return header, shapes


def _shape(entry: Any) -> tuple[str, tuple[int, ...]]:
    """One array's description, or `WireError`."""
    match entry:
        case [str(name), [*lengths]] if name in DTYPES and len(lengths) <= DIMENSION_LIMIT:
            whole = all(type(length) is int and length >= 0 for length in lengths)
            if whole and math.prod(max(length, 1) for length in lengths) <= ARRAYS_LIMIT:
                return name, tuple(lengths)
    raise WireError("an array is described in another form")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    """A number of JSON as a float. Raises `ValueError` for one that overflows to infinity, such as `1e999`."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError(digits)
    return value


def _send_all(sock: socket.socket, view: memoryview, tick: Callable[[], None]) -> None:
    while view:
        try:
            sent = sock.send(view)
        except TimeoutError:
            sent = 0
        except OSError as error:
            raise HungUp(f"the other side is gone: {error.strerror}") from error
        view = view[sent:]
        tick()


def _receive_into(sock: socket.socket, view: memoryview, tick: Callable[[], None]) -> None:
    while view:
        try:
            received = sock.recv_into(view)
        except TimeoutError:
            tick()
            continue
        except OSError as error:
            raise HungUp(f"the other side is gone: {error.strerror}") from error
        if received == 0:
            raise HungUp("the other side hung up")
        view = view[received:]
        tick()
