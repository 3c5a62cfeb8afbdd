"""How instances of a class are laid out: what one holds, and how one is made that holds it, with no code of the class."""

from __future__ import annotations

from functools import cached_property
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import SerializationError
from holdall.serialization.typed.errors import UnsupportedValue, described
from holdall.serialization.typed.static_lookup import (
    Missing,
    ancestry,
    descends,
    has_own_hash,
    is_generated,
    is_written_in_python,
    names,
    qualname_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OWN_WAYS: Final = ("__new__", "__setstate__", "__getstate__", "__reduce__", "__reduce_ex__", "__del__")
"""Methods with which a class says itself how its instances are made, stored or let go."""
_NOTE: Final = "__orig_class__"
"""A note of `typing` for itself."""
_HASH_CACHE: Final = "_attrs_cached_hash"
"""What attrs remembers of a hash, which is another one in the next process."""
_EMPTY: Final[dict[Callable[..., Any], Callable[[], Any]]] = {list: list, dict: dict, set: set}


class Layout:
    """The layout of a class whose state is an instance dict and slots, behind what `builtin` bases hold.

    Bases in `known` belong to a library that says itself how its part is stored.
    """

    __slots__ = ("_dict", "_dropped", "_slots", "kind", "own_hash")

    def __init__(self, kind: type, /, *, known: tuple[type, ...] = (), builtin: tuple[type, ...] = ()) -> None:
        """Raises `UnsupportedValue` where the class has ways of its own."""
        self.kind = kind
        self._dict: GetSetDescriptorType | None = None
        self._slots: dict[str, MemberDescriptorType] = {}
        self._dropped = {_NOTE}
        self.own_hash = has_own_hash(kind)
        for base in ancestry(kind):
            if base is object or any(base is each for each in builtin):
                continue
            if not is_written_in_python(base):
                raise UnsupportedValue(f"is {described(kind)}, whose instances are a {qualname_of(base)} as well")
            held = names(base)
            found = held.get("__dict__")
            if found is not None and self._dict is None:
                if type(found) is not GetSetDescriptorType:
                    raise UnsupportedValue(f"is {described(kind)}, which has a __dict__ of its own making")
                self._dict = found
            if not any(base is each for each in known):
                self._look_at(held)
        _refuse_metaclass(kind)

    def _look_at(self, held: Mapping[str, Any]) -> None:
        for name in _OWN_WAYS:
            if name in held and not is_generated(held[name]):
                raise UnsupportedValue(f"is {described(self.kind)}, which has its own {name}")
        for name, found in held.items():
            if type(found) is MemberDescriptorType:
                if self._slots.setdefault(name, found) is not found:
                    raise UnsupportedValue(f"is {described(self.kind)}, which has the slot {name!r} twice")
            elif descends(type(found), cached_property):
                self._dropped.add(name)
        lazy = held.get("__getattr__")
        if type(lazy) is FunctionType and lazy.__code__.co_filename.startswith("<attrs generated"):
            # A cached property of an attrs class with slots: there its name is a slot.
            self._dropped.update(*(each for each in lazy.__defaults__ or () if type(each) is dict))

    def held(self, obj: Any, /) -> dict[str, Any]:
        """All that the instance holds, by name, but for what is made anew."""
        if self._dict is None and not self._slots:
            return {}
        dropped = self._dropped
        found: dict[str, Any] = {} if self._dict is None else self._dict.__get__(obj)
        state = {name: value for name, value in found.items() if name not in dropped}
        for name, slot in self._slots.items():
            if name not in dropped:
                try:
                    value = slot.__get__(obj)
                except AttributeError:
                    continue
                if name in state:
                    raise UnsupportedValue(f"is {described(self.kind)}, which holds {name!r} twice")
                state[name] = value
        if _HASH_CACHE in state:
            state[_HASH_CACHE] = None
        return state

    def made(self, state: Mapping[str, Any], /) -> Any:
        """An instance that holds the state.

        Raises:
            SerializationError: there is no place for some of it.
        """
        made: Any = object.__new__(self.kind)
        self.fill(made, state)
        return made

    def fill(self, made: Any, state: Mapping[str, Any], /) -> None:
        """Put the state into an instance that holds none."""
        slots = self._slots
        held: dict[str, Any] | None = None if self._dict is None else self._dict.__get__(made)
        for name, value in state.items():
            if name in slots:
                slots[name].__set__(made, value)
            elif held is not None:
                held[name] = value
            else:
                raise SerializationError(
                    f"The stored {qualname_of(self.kind)} holds {name!r}, for which the class has no place here."
                )


def _refuse_metaclass(kind: type) -> None:
    for meta in ancestry(type(kind)):
        if meta is type:
            return
        if "__call__" in names(meta) and not is_generated(names(meta)["__call__"]):
            raise UnsupportedValue(f"is {described(kind)}, whose metaclass has its own way of making instances")


def default_of(default: Any, factory: Any, /) -> Any:
    """What a field holds that is not stored, or `Missing`; `Missing` stands for a default or a factory that is not there.

    Raises:
        LookupError: it would have to be made by a function, which is code of the class.
    """
    if factory is Missing or factory is None:
        return default
    if type(factory) is type and factory in _EMPTY:
        return _EMPTY[factory]()
    raise LookupError("a default that a function makes")
