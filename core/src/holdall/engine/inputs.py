"""Futures and states among the inputs of a call: search, waiting, and replacement by their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdall.engine.future import Future, Futures
from holdall.engine.state import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DEFERRED: Final = frozenset({Future, State})
_CONTAINERS: Final = frozenset({list, tuple, dict, set, Futures})
MATTER: Final = _DEFERRED | _CONTAINERS


def has_deferred(values: Iterable[Any]) -> bool:
    """Returns whether a future or state is among the values or in the containers among them.

    Types are compared in C, so that a long list of numbers costs one pass.
    """
    return _holds(list(values))


def _holds(value: Any) -> bool:
    if type(value) in _DEFERRED:
        return True
    waiting, seen = [value], {id(value)}
    while waiting:
        container = waiting.pop()
        items = container.values() if type(container) is dict else container
        kinds = set(map(type, items))
        if not _DEFERRED.isdisjoint(kinds):
            return True
        if _CONTAINERS.isdisjoint(kinds):
            continue
        for item in items:
            if type(item) in _CONTAINERS and id(item) not in seen:
                seen.add(id(item))
                waiting.append(item)
    return False


def resolved(value: Any) -> Any:
    """Returns the value with every future and state replaced by its result; rebuilds only containers that hold one.

    Raises:
        Exception: what the first failed run among them raised.
    """
    kind = type(value)
    if kind in _DEFERRED:
        return value.result()
    if kind not in _CONTAINERS or not _holds(value):
        return value
    if kind is dict:
        return {key: resolved(item) for key, item in value.items()}
    rebuilt = [resolved(item) for item in value]
    return rebuilt if kind in {list, Futures} else kind(rebuilt)


def listed(wait_for: Any) -> list[Any]:
    """Returns `wait_for` as a list; a single future or state becomes a list of one."""
    if wait_for is None:
        return []
    return [wait_for] if type(wait_for) in _DEFERRED else list(wait_for)


def pending(value: Any) -> Iterator[Future[Any]]:
    """Yields every future in the value that is not done."""
    kind = type(value)
    if kind is Future:
        if not value.done():
            yield value
    elif kind in _CONTAINERS and _holds(value):
        for item in value.values() if kind is dict else value:
            yield from pending(item)


class unmapped:  # noqa: N801 - reads as a function, as in the field's other tools
    """Marks an iterable that every call of a `.map()` gets whole."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value
