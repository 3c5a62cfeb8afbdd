"""The function of one task or flow, as cache keys and replays ask for it."""

from __future__ import annotations

import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from holdall.cache import identity

if TYPE_CHECKING:

    from holdall.cache.code import Reach
    from holdall.cache.digest import Walk
    from holdall.cache.parts import Code


class Function:
    """Who a function is, what it is, and what it reaches; remembered for as long as its task lives."""

    __slots__ = ("_named", "_reaches", "fn", "who")

    def __init__(self, fn: Any, /) -> None:
        self.fn = fn
        self.who = identity.who(fn)
        self._named = _is_named(fn, self.who)
        self._reaches: dict[Code, Reach] = {}

    def counted(self, walk: Walk, /) -> bytes:
        """The digest of the function as every policy counts it: by name where that tells it from all others.

        Lambdas, functions made inside functions, partials, callable objects, what closes over something, and functions
        of notebooks share their name with others: these count by their definition.
        """
        return b"by name" if self._named else self.definition(walk)

    def definition(self, walk: Walk, /) -> bytes:
        """The digest of the loaded definition, and of all that it is bound to and closes over."""
        return identity.definition(self.fn, walk)

    def reach(self, code: Code, /) -> Reach:
        """What the function reaches by name, within the borders of a `CODE` policy."""
        found = self._reaches.get(code)
        if found is None:
            from holdall.cache.code import reach  # noqa: PLC0415 - syntax trees, for the policies that count code

            found = reach(self.fn, include=code.include, exclude=code.exclude, also=code.also)
            self._reaches[code] = found
        return found


def _is_named(fn: Any, who: str) -> bool:
    """Whether the name leads back to this function and to no other of the program."""
    inner = fn.__func__ if isinstance(fn, MethodType) else fn
    if not isinstance(inner, FunctionType) or inner.__closure__ or who.startswith(":"):
        return False
    found: Any = sys.modules.get(inner.__module__)
    for part in inner.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return inner in {found, getattr(found, "fn", None), getattr(found, "__func__", None)}
