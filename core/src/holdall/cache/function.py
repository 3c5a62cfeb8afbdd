"""Identity and digests of the function of one task or flow, for cache keys and replays."""

from __future__ import annotations

import sys
import threading
from operator import is_
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from holdall._cached import cached
from holdall.cache import identity
from holdall.cache.digest import Walk
from holdall.cache.inputs import markers
from holdall.types import UNSET

if TYPE_CHECKING:
    from types import CellType

    from holdall.cache.code.reach import Reach
    from holdall.cache.inputs import Marker
    from holdall.cache.parts import Code


class Function:
    """Name of a function and digests of what it is and reaches, memoized for the lifetime of its task."""

    def __init__(self, fn: Any, signature: Any, /, *, named: bool | None = None) -> None:
        """`named`: whether the name identifies the function, as determined in the process that defined it."""
        self.fn = fn
        self.who = identity.who(fn)
        self._asking = threading.Lock()
        self._first: tuple[list[Any], str] | None = None
        self.named = _is_named(fn, self.who) if named is None else named
        self.marked: dict[str, Marker] = {} if signature is None else markers(fn, signature)
        self._reaches: dict[Code, Reach] = {}
        self._warned: set[tuple[Any, ...]] = set()

    @cached
    def alone(self) -> Reach:
        """Reach of the function's own definition, with all that it is bound to and closes over."""
        from holdall.cache.code.reach import alone

        return alone(self.fn)

    def as_task(self) -> str:
        """Returns the digest for replays: the one of the first call, as long as the function closes over the same objects.

        What a task closes over changes while its flow runs (counters, iterators, connections), and it stays the same task.
        """
        closed_over = [_content(cell) for cell in getattr(self.fn, "__closure__", None) or ()]
        with self._asking:  # concurrent threads all get the digest of the first
            if self._first is None or not _same(self._first[0], closed_over):
                self._first = closed_over, identity.identify(self.fn, Walk()).hex()
            return self._first[1]

    def is_news(self, about: tuple[Any, ...], /) -> bool:
        """Returns whether this is the first call about the subject."""
        with self._asking:
            news = about not in self._warned
            self._warned.add(about)
        return news

    def reach(self, code: Code, /) -> Reach:
        """Returns what the function reaches by name within the borders of a `CODE` policy."""
        known = self._reaches.get(code)
        if known is None:
            from holdall.cache.code.reach import reach

            # Concurrent threads all get that of the first.
            known = self._reaches.setdefault(
                code, reach(self.fn, include=code.include, exclude=code.exclude, also=code.also)
            )
        return known


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return UNSET  # not filled yet


def _same(before: list[Any], now: list[Any]) -> bool:
    return len(before) == len(now) and all(map(is_, before, now))


def _is_named(fn: Any, who: str) -> bool:
    """Returns whether the name identifies this function in the program."""
    inner = fn.__func__ if isinstance(fn, MethodType) else fn
    if type(inner) is not FunctionType or inner.__closure__ or who.startswith(":") or "<" in who:
        return False
    found: Any = sys.modules.get(inner.__module__)
    for part in inner.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    if not isinstance(found, FunctionType):
        found = getattr(found, "fn", None) or getattr(found, "__func__", None)
    # The same code is the same function, executed once more as the main module of a worker process.
    return getattr(found, "__code__", inner.__code__) == inner.__code__
