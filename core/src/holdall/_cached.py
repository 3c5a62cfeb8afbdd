"""Cached property without a lock: threads that read it at once may each compute it, and all get the same value."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class cached(cached_property[T_co], Generic[T_co]):  # noqa: N801 - stands as a decorator, as the one of functools
    """`functools.cached_property` as Python 3.12 has it.

    That of Python 3.11 holds one lock for all instances of a class while it calls the function: a child that is forked
    meanwhile waits for it for ever.
    """

    if not TYPE_CHECKING:  # type checkers have the signatures of the base

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            values = instance.__dict__
            name = self.attrname
            return values[name] if name in values else values.setdefault(name, self.func(instance))
