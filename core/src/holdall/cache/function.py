"""The function of one task or flow, as cache keys and replays ask for it."""

from __future__ import annotations

import sys
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from holdall.cache import identity
from holdall.cache.inputs import input_digests, markers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from holdall.cache.code import Reach
    from holdall.cache.digest import Walk
    from holdall.cache.inputs import Marker
    from holdall.cache.parts import Code


class Function:
    """Who a function is, what it is, and what it reaches; remembered for as long as its task lives."""

    __slots__ = ("_label", "_marked", "_reaches", "fn", "named", "warned", "who")

    def __init__(self, fn: Any, signature: Any, label: str, /, *, named: bool | None = None) -> None:
        """`label` is what errors call it: `task 'load'`. `named` is what was found of it where it was defined, if elsewhere."""
        self.fn = fn
        self.who = identity.who(fn)
        self._label = label
        self.named = _is_named(fn, self.who) if named is None else named
        self._marked: dict[str, Marker] = {} if signature is None else markers(fn, signature)
        self._reaches: dict[Code, Reach] = {}
        self.warned: set[tuple[Any, ...]] = set()

    def counted(self, walk: Walk, /) -> str:
        """The digest of the function as every policy counts it: by name where that tells it from all others.

        Lambdas, functions made inside functions, partials, callable objects, what closes over something, and functions
        of notebooks share their name with others: these count by their definition.
        """
        return "by name" if self.named else self.identified(walk)

    def identified(self, walk: Walk, /) -> str:
        """The digest of who it is, of its loaded definition, and of all that it is bound to and closes over."""
        return identity.identify(self.fn, walk).hex()

    def inputs(self, parameters: Mapping[str, Any], /, *, without: Collection[str] = ()) -> dict[str, str]:
        """The digest of each parameter that counts, by name.

        Raises:
            ConfigurationError: a parameter cannot be counted; names it and the path inside it.
        """
        return input_digests(parameters, marked=self._marked, without=without, unit=self._label)

    def reach(self, code: Code, /) -> Reach:
        """What the function reaches by name, within the borders of a `CODE` policy."""
        found = self._reaches.get(code)
        if found is None:
            from holdall.cache.code import reach  # noqa: PLC0415 - syntax trees, for the policies that count code

            found = reach(self.fn, include=code.include, exclude=code.exclude, also=code.also)
            self._reaches[code] = found
        return found


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
