"""The function of one task or flow, as cache keys and replays ask for it."""

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
    """Who a function is, what it is, and what it reaches; remembered for as long as its task lives."""

    def __init__(self, fn: Any, signature: Any, /, *, named: bool | None = None) -> None:
        """`named` is what was found of it where it was defined, if that was elsewhere."""
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
        """The function's own definition, and all that it is bound to and closes over, at the moment of each question."""
        from holdall.cache.code.reach import alone

        return alone(self.fn)

    def as_task(self) -> str:
        """The same as it was at the first question, while it closes over the same objects: for replays.

        What a task closes over changes while its flow runs (counters, iterators, connections), and it stays that task.
        """
        closed_over = [_content(cell) for cell in getattr(self.fn, "__closure__", None) or ()]
        with self._asking:  # of threads that ask at once, all get the answer of the first
            if self._first is None or not _same(self._first[0], closed_over):
                self._first = closed_over, identity.identify(self.fn, Walk()).hex()
            return self._first[1]

    def is_news(self, about: tuple[Any, ...], /) -> bool:
        """Whether nobody has been warned of it yet; each thing is once."""
        with self._asking:
            news = about not in self._warned
            self._warned.add(about)
        return news

    def reach(self, code: Code, /) -> Reach:
        """What the function reaches by name, within the borders of a `CODE` policy."""
        found = self._reaches.get(code)
        if found is None:
            from holdall.cache.code.reach import reach

            # Of threads that ask at once, all get that of the first.
            found = self._reaches.setdefault(
                code, reach(self.fn, include=code.include, exclude=code.exclude, also=code.also)
            )
        return found


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return UNSET  # not filled yet


def _same(before: list[Any], now: list[Any]) -> bool:
    return len(before) == len(now) and all(map(is_, before, now))


def _is_named(fn: Any, who: str) -> bool:
    """Whether the name tells this function from all others of the program."""
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
