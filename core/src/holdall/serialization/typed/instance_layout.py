"""Layout of the instances of a class: what one holds, and how to make one without code of the class."""

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

_CUSTOM_METHODS: Final = ("__new__", "__setstate__", "__getstate__", "__reduce__", "__reduce_ex__", "__del__")
"""Methods with which a class itself makes, stores or finalizes its instances."""
_GENERIC_ALIAS: Final = "__orig_class__"
"""What `typing` notes on instances of generic classes."""
_HASH_CACHE: Final = "_attrs_cached_hash"
"""The hash that attrs caches, which differs in the next process."""
_EMPTY: Final[dict[Callable[..., Any], Callable[[], Any]]] = {list: list, dict: dict, set: set}


class Layout:
    """Layout of a class whose state is an instance dict and slots, besides what `builtin` bases hold.

    Bases in `known` belong to a library whose part of the state has a form of its own.
    """

    __slots__ = ("_dict", "_dropped", "_slots", "kind", "own_hash")

    def __init__(self, kind: type, /, *, known: tuple[type, ...] = (), builtin: tuple[type, ...] = ()) -> None:
        """Raises `UnsupportedValue` if the class makes or stores its instances itself."""
        self.kind = kind
        self._dict: GetSetDescriptorType | None = None
        self._slots: dict[str, MemberDescriptorType] = {}
        self._dropped = {_GENERIC_ALIAS}
        self.own_hash = has_own_hash(kind)
        for base in ancestry(kind):
            if base is object or any(base is each for each in builtin):
                continue
            if not is_written_in_python(base):
                raise UnsupportedValue(f"is {described(kind)}, whose instances are a {qualname_of(base)} as well")
            members = names(base)
            descriptor = members.get("__dict__")
            if descriptor is not None and self._dict is None:
                if type(descriptor) is not GetSetDescriptorType:
                    raise UnsupportedValue(f"is {described(kind)}, which has a __dict__ of its own making")
                self._dict = descriptor
            if not any(base is each for each in known):
                self._add_members(members)
        _refuse_metaclass(kind)

    def _add_members(self, members: Mapping[str, Any]) -> None:
        for name in _CUSTOM_METHODS:
            if name in members and not is_generated(members[name]):
                raise UnsupportedValue(f"is {described(self.kind)}, which has its own {name}")
        for name, descriptor in members.items():
            if type(descriptor) is MemberDescriptorType:
                if self._slots.setdefault(name, descriptor) is not descriptor:
                    raise UnsupportedValue(f"is {described(self.kind)}, which has the slot {name!r} twice")
            elif descends(type(descriptor), cached_property):
                self._dropped.add(name)
        lazy = members.get("__getattr__")
        if type(lazy) is FunctionType and lazy.__code__.co_filename.startswith("<attrs generated"):
            # A cached property of an attrs class with slots: there its name is a slot.
            self._dropped.update(*(default for default in lazy.__defaults__ or () if type(default) is dict))

    def held(self, obj: Any, /) -> dict[str, Any]:
        """Returns all that the instance holds, by name, but for what is computed again."""
        if self._dict is None and not self._slots:
            return {}
        dropped = self._dropped
        attributes: dict[str, Any] = {} if self._dict is None else self._dict.__get__(obj)
        state = {name: value for name, value in attributes.items() if name not in dropped}
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

    def make(self, state: Mapping[str, Any], /) -> Any:
        """Returns a new instance that holds the state.

        Raises:
            SerializationError: there is no place for some of it.
        """
        instance: Any = object.__new__(self.kind)
        self.fill(instance, state)
        return instance

    def fill(self, instance: Any, state: Mapping[str, Any], /) -> None:
        """Puts the state into an instance that holds none."""
        slots = self._slots
        attributes: dict[str, Any] | None = None if self._dict is None else self._dict.__get__(instance)
        for name, value in state.items():
            if name in slots:
                slots[name].__set__(instance, value)
            elif attributes is not None:
                attributes[name] = value
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
    """Returns the default of a field, or `Missing`; `Missing` as an argument stands for no default or no factory.

    Raises:
        LookupError: it would have to be made by a function, which is code of the class.
    """
    if factory is Missing or factory is None:
        return default
    if type(factory) is type and factory in _EMPTY:
        return _EMPTY[factory]()
    raise LookupError("a default that a function makes")
