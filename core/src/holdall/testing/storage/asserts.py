"""Assertions and data that the parts of the storage contract share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc.storage import Storage
    from holdall.types import Buffer

_P = ParamSpec("_P")
_Error = TypeVar("_Error", bound=BaseException)


def pattern(size: int, /) -> bytes:
    """Makes so many bytes, with a period that no block size has."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def pieces(size: int, /, *, stamp: int = 0) -> Iterator[memoryview]:
    """Yields so many bytes in pieces of at most 1 MiB, no two alike; every piece is the same buffer, filled anew."""
    length = min(size // 5 + 1, 1 << 20)
    buffer = bytearray(pattern(length))
    for number in range(-(-size // length)):
        head = b"%d:%d:" % (stamp, number)
        buffer[: len(head)] = head
        yield memoryview(buffer)[: size - number * length]


def difference(expected: bytes, found: Buffer, /) -> str:
    """Describes the first difference in a few words; empty if there is none. A comparison by pytest would print megabytes."""
    if len(expected) == len(found) and expected == bytes(found):
        return ""
    place = next((n for n, (one, other) in enumerate(zip(expected, bytes(found), strict=False)) if one != other), None)
    return f"{len(found)} bytes for {len(expected)}, and the first that is wrong is {place}"


def raised(kind: type[_Error], call: Callable[_P, object], /, *args: _P.args, **kwargs: _P.kwargs) -> _Error:
    """Returns the error that the call raises; fails the test if it raises none, or another."""
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return caught.value


def operations(storage: Storage, /) -> dict[str, Callable[[], object]]:
    """Returns each operation on an absent key, by the name that its errors carry."""
    return {
        "put": partial(storage.put, "not/there", [b"1"]),
        "get": partial(storage.get, "not/there"),
        "head": partial(storage.head, "not/there"),
        "delete": partial(storage.delete, "not/there"),
        "scan": lambda: list(storage.scan()),
    }
