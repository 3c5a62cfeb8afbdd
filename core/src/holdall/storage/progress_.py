"""Payloads on their way to a storage and back, with a bar for those that take long."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from holdall.abc.progress import arriving
from holdall.storage import guard, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from holdall.abc.storage import Storage
    from holdall.types import Buffer

_SMALL: Final = 1 << 20
"""Bytes: what is smaller is there, or has failed, before a bar would show."""


def send(storage: Storage, path: str, parts: Iterator[Buffer], /, *, label: str, size: int | None) -> None:
    """Put a payload; `size` is None where only its serializer will know it."""
    if (size is not None and size < _SMALL) or not progress.wanted():
        guard.put(storage, path, parts)
        return
    with progress.watched(f"Writing to {label}", size) as moved:
        guard.put(storage, path, _counted(parts, moved))


@contextmanager
def receiving(label: str, size: int, /) -> Iterator[None]:
    """What a storage says of arriving bytes is shown while the block runs."""
    if size < _SMALL or not progress.wanted():
        yield
        return
    with progress.watched(f"Reading from {label}", size) as moved:
        token = arriving.set(moved)
        try:
            yield
        finally:
            arriving.reset(token)


def counted(parts: Iterable[Buffer], what: str, size: int, /) -> Iterable[Buffer]:
    """The parts, with a bar while they are gone through."""
    return _watched(parts, what, size) if size >= _SMALL and progress.wanted() else parts


def _watched(parts: Iterable[Buffer], what: str, size: int) -> Iterator[Buffer]:
    with progress.watched(what, size) as moved:
        yield from _counted(parts, moved)


def _counted(parts: Iterable[Buffer], moved: Callable[[int], None]) -> Iterator[Buffer]:
    for part in parts:
        yield part
        moved(memoryview(part).nbytes)  # the next one is asked for when this one is on its way
