"""Identity of functions: their names, and digests of their definitions. Used by cache keys, replays and records.

*Who* is a module and a qualified name. *What* is the loaded definition with all that it is bound to: what it closes
over, its defaults, partial arguments, the state of a callable object, and, through decorators, what is decorated.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property, lru_cache, partial, partialmethod
from hashlib import sha256
from threading import local
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

from holdall.cache.naming import attributes, place, place_in, who
from holdall.cache.ownership import is_own
from holdall.cache.source import bytecode, decorators, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Owned",
    "Walk",
    "assuming",
    "definition",
    "fresh",
    "hashed",
    "identify",
    "is_definition",
    "noting",
    "owns",
    "owns_namespace",
    "stores",
    "type_name",
    "who",
]


class Walk(Protocol):
    """Traversal that computes content digests of values; calls `definition` for each value that is one."""

    def of(self, value: Any, /) -> bytes: ...


_DESCRIPTORS: Final = (
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)
_DEFINITIONS: Final = (
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    type,
    partial,
    partialmethod,
    property,
    cached_property,
    staticmethod,
    classmethod,
    *_DESCRIPTORS,
)


def identify(fn: Any, /, walk: Walk) -> bytes:
    """Returns the digest of the function that a task calls: its name and its definition.

    A value that it closes over and stores into (a counter, a memo) counts as it was at the first call of this: otherwise
    each call would make it another function.
    """
    digest = hashed(b"who", who(fn).encode(), definition(fn, Owned(walk)))
    texts.write_back()
    return digest


def is_definition(value: Any, /) -> bool:
    """Returns whether the value is a definition, not a value with content."""
    return isinstance(value, _DEFINITIONS) or "__wrapped__" in attributes(value)


def definition(obj: Any, walk: Walk, /) -> bytes:
    """Returns the digest of the definition of a function, method, class, builtin, partial or callable object: 32 bytes.

    Code of installed distributions and of the standard library counts by its name. What the methods of a class close over
    and store into (a list of calls, a memo) counts as it was at first: a call does not make it another class.

    Args:
        obj: A value for which `is_definition` is true, or a callable object.
        walk: Computes the content digests of the values that are bound to the definition.

    Raises:
        ConfigurationError: the walk cannot hash a value that is bound to it.
    """
    noted, known = _assumed.noted, _assumed.known
    if noted is not None:
        _assumed.noted = None  # what is inside belongs to this one
        try:
            found = _definition(obj, walk)
        finally:
            _assumed.noted = noted
        noted[id(obj)] = (obj, found)
        return found
    if known is not None and id(obj) in known:
        return known[id(obj)][1]
    return _definition(obj, walk)


def _definition(obj: Any, walk: Walk) -> bytes:
    if isinstance(obj, FunctionType):
        return _function(obj, walk)
    if isinstance(obj, type):
        from holdall.cache.classes import class_definition

        before, _assumed.in_class = _assumed.in_class, True
        try:
            return class_definition(obj, walk)
        finally:
            _assumed.in_class = before
    if isinstance(obj, MethodType):
        return hashed(b"method", walk.of(obj.__func__), walk.of(obj.__self__))
    if isinstance(obj, BuiltinFunctionType):
        return _builtin(obj, walk)
    if isinstance(obj, _DESCRIPTORS):
        return hashed(b"descriptor", type_name(obj.__objclass__), obj.__name__.encode())
    return hashed(type_name(type(obj)), *_members(obj, walk))


def _members(obj: Any, walk: Walk) -> Iterator[bytes]:
    """Yields the digests of what is bound to an object that holds other definitions."""
    if isinstance(obj, (partial, partialmethod)):
        yield walk.of(obj.func)
        yield from map(walk.of, obj.args)
        for name, value in sorted(obj.keywords.items()):
            yield name.encode()
            yield walk.of(value)
    elif isinstance(obj, (staticmethod, classmethod)):
        yield walk.of(obj.__func__)
    elif isinstance(obj, property):
        yield from map(walk.of, (obj.fget, obj.fset, obj.fdel))
    elif isinstance(obj, cached_property):
        yield walk.of(obj.func)
    else:
        yield from _wrapper(obj, walk)


def _wrapper(obj: Any, walk: Walk) -> Iterator[bytes]:
    """Yields the digests of a callable object that wraps a function: the function, and the state if the class is the user's."""
    if type(obj).__module__.partition(".")[0] == "holdall":
        yield walk.of(obj.fn)  # a task or a flow, which may be bound to an instance
        return
    if "__wrapped__" not in attributes(obj):
        yield walk.of(obj)
        return
    yield walk.of(obj.__wrapped__)
    if owns(walk, type(obj)):
        yield walk.of(type(obj))
        for name, value in sorted(vars(obj).items()):
            if not name.startswith("__"):
                yield name.encode()
                yield walk.of(value)


def _function(fn: FunctionType, walk: Walk) -> bytes:
    namespace = fn.__globals__
    code = fn.__code__
    own = owns_namespace(walk, namespace)
    if own:
        module = place_in(namespace.get("__name__"), namespace, code.co_filename)
        parts = [b"function", module.encode(), b":", *_code(fn, namespace)]
    else:
        parts = [b"installed", f"{namespace.get('__name__')}:{code.co_qualname}".encode()]
        if code.co_freevars == () and "__wrapped__" not in fn.__dict__:
            return hashed(*parts)
    if own:
        parts += map(walk.of, fn.__defaults__ or ())
        for name, value in sorted((fn.__kwdefaults__ or {}).items()):
            parts += [name.encode(), walk.of(value)]
    parts += _cells(fn, walk, own=own)
    if "__wrapped__" in fn.__dict__:
        parts += [b"wrapped", walk.of(fn.__dict__["__wrapped__"])]
    return hashed(*parts)


def _code(fn: FunctionType, namespace: dict[str, Any]) -> tuple[bytes, ...]:
    code = fn.__code__
    found = texts.find(code, namespace)
    if found is not None:
        seen = not decorators.leave_hints_alone(found.decorators, namespace)
        return b"syntax", bytes.fromhex(found.full if seen else found.plain)
    from holdall.cache.classes import hint

    hints = sorted((name, hint(each)) for name, each in getattr(fn, "__annotations__", {}).items())
    return b"bytecode", bytecode.VERSION.encode(), bytecode.digest(code), ascii(hints).encode()


def _cells(fn: FunctionType, walk: Walk, *, own: bool) -> Iterator[bytes]:
    names = fn.__code__.co_freevars
    settles = _assumed.in_class or isinstance(walk, Owned)
    stored = stores(fn) if settles and own and names else frozenset()
    for name, cell in sorted(zip(names, fn.__closure__ or (), strict=True)):
        yield name.encode()
        try:
            value = cell.cell_contents
        except ValueError:
            yield b"empty"
            continue
        if not own and not (is_definition(value) or type(value) in _SIMPLE):
            # A library's decorator closes over what it is given, and over caches and locks of its own.
            yield type_name(type(value))
        elif name in stored or hasattr(type(value), "__next__"):  # an iterator, which next() moves
            yield _settled_at(fn, name, value, walk)
        else:
            yield walk.of(value)


_SIMPLE: Final = frozenset({type(None), bool, int, float, complex, str, bytes, tuple, frozenset})


def stores(fn: FunctionType, /) -> frozenset[str]:
    """Returns the global and closed-over names that the function assigns or stores into."""
    names = bytecode.names(fn.__code__)
    found = texts.find(fn.__code__, fn.__globals__)
    into = {each.partition(".")[0] for each in found.stored} if found is not None else set()
    return names.stored | {chain[0] for chain in names.changed} | into


def _builtin(obj: Any, walk: Walk) -> bytes:
    owner = obj.__self__
    name = obj.__qualname__.encode()
    if owner is None or isinstance(owner, ModuleType):
        module = sys.modules.get(obj.__module__ or "")
        if (
            module is not None
            and owns_namespace(walk, vars(module))
            and isinstance(file := vars(module).get("__file__"), str)
        ):
            return hashed(b"compiled", name, _content(file, os.stat(file).st_mtime_ns))
        return hashed(b"builtin", f"{obj.__module__}:".encode(), name)
    return hashed(b"method", name, walk.of(owner))


@lru_cache(maxsize=64)
def _content(path: str, _changed: int) -> bytes:
    with open(path, "rb") as file:
        return sha256(file.read()).digest()


# ------------------------------------------------------------------------------------------------------------- walks

_settled: WeakKeyDictionary[FunctionType, dict[str, bytes]] = WeakKeyDictionary()


class Owned:
    """Traversal of the definitions that belong to one function; other values go to the walk of values."""

    __slots__ = ("_lowest", "_open", "_seen", "_within", "walk")

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        # An object beside its digest, as an id is its own only while it lives.
        self._seen: dict[int, tuple[bytes, Any]] = {}
        self._within: dict[int, tuple[bytes, Any]] = {}  # digests that hold inside what is asked for now
        self._open: dict[int, int] = {}
        self._lowest = 0

    def of(self, value: Any, /) -> bytes:
        if type(value) in _SCALARS:
            return self.walk.of(value)
        key = id(value)
        seen = self._seen.get(key) or self._within.get(key)
        if seen is not None:
            return seen[0]
        depth = self._open.get(key)
        if depth is not None:
            # By its distance: a digest depends neither on what is around a cycle nor on earlier calls.
            self._lowest = min(self._lowest, depth)
            return hashed(b"around", (len(self._open) - depth).to_bytes(4, "big"))
        if not is_definition(value):
            return self.value(value)
        return self._new(value)

    def _new(self, value: Any) -> bytes:
        depth = len(self._open)
        before, self._lowest = self._lowest, depth
        self._open[id(value)] = depth
        try:
            found = definition(value, self)
        finally:
            del self._open[id(value)]
        alone = self._lowest >= depth
        (self._seen if alone else self._within)[id(value)] = (found, value)
        self._lowest = before if alone else min(before, self._lowest)
        if not self._open:
            self._within.clear()
        return found

    def value(self, value: Any, /) -> bytes:
        return self.walk.of(value)


def _settled_at(fn: FunctionType, name: str, value: Any, walk: Walk) -> bytes:
    """Returns the digest of a value that a function closes over and stores into, as it was at the first call."""
    known = _settled.setdefault(fn, {})
    found = known.get(name)
    if found is None:
        # Concurrent threads all get the digest of the first.
        found = known.setdefault(name, Owned(fresh(walk.walk if isinstance(walk, Owned) else walk)).of(value))
    return found


def fresh(walk: Walk, /) -> Walk:
    """Returns an unused walk of the same kind: a digest must not depend on earlier calls."""
    unused: Walk = getattr(walk, "fresh", type(walk))()
    return unused


class _Assumed(local):
    """State of a thread: digests of definitions that are unchanged, those of definitions met now, and the context."""

    known: Mapping[int, tuple[Any, bytes]] | None = None
    noted: dict[int, tuple[Any, bytes]] | None = None
    in_class: bool = False


_assumed: Final = _Assumed()


def noting(walk: Walk, value: Any, /) -> tuple[bytes, dict[int, tuple[Any, bytes]]]:
    """Returns the digest of a value, and those of the definitions in it by their ids."""
    before, _assumed.noted = _assumed.noted, {}
    try:
        return walk.of(value), _assumed.noted
    finally:
        _assumed.noted = before


def assuming(known: Mapping[int, tuple[Any, bytes]], walk: Walk, value: Any, /) -> bytes:
    """Returns the digest of a value; digests of definitions in it are taken from `known`."""
    before, _assumed.known = _assumed.known, known
    try:
        return walk.of(value)
    finally:
        _assumed.known = before


_SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})


def owns_namespace(walk: Walk, namespace: Mapping[str, Any], /) -> bool:
    """Returns whether the walk goes into a module: a policy may include and exclude some."""
    decide = getattr(walk, "owns", is_own)
    return bool(decide(namespace))


def owns(walk: Walk, cls: type, /) -> bool:
    """Returns whether the walk goes into the module of a class."""
    module = sys.modules.get(cls.__module__)
    return owns_namespace(walk, {"__name__": cls.__module__} if module is None else vars(module))


def type_name(cls: type, /) -> bytes:
    """Returns the module and qualified name of a class in the form of `who`."""
    return f"{place(cls.__module__)}:{cls.__qualname__}".encode()


def hashed(first: bytes, /, *rest: bytes) -> bytes:
    """Returns the sha256 of parts, each with its length, so that different lists of parts never hash the same bytes."""
    hasher = sha256(len(first).to_bytes(4, "big") + first)
    for each in rest:
        hasher.update(len(each).to_bytes(4, "big") + each)
    return hasher.digest()
