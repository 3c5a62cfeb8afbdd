"""One digest for the same inputs in every process: what cache keys and replays compare."""

from __future__ import annotations

import copyreg
import hashlib
import pickle
from collections import OrderedDict
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.identity import definition, is_definition
from holdall.errors import ConfigurationError, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# sha256, not xxh3: a key may be derived from sensitive values, and a collision would return a wrong result.
_SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})
_SHORT: Final = frozenset({type(None), bool, float, str})  # bytes may be large, and long integers refuse to be written
_CHUNK: Final = 1000
_PROTOCOL: Final = 5  # of __reduce_ex__: large buffers as views


def digest(value: Any, /) -> str:
    """The sha256 of a canonical form, as 64 hexadecimal digits.

    Dicts and sets count without regard to order, and types count: `1`, `1.0` and `True` differ. Other objects count by
    what they would be pickled from, walked in the same way; large buffers are taken as they lie in memory.

    Raises:
        ConfigurationError: something in it can be neither walked nor pickled, or it is nested too deeply.
    """
    try:
        return Walk().of(value).hex()
    except RecursionError:
        raise ConfigurationError(
            "An input is nested too deeply to have a digest. Leave it out of the cache key with a cache_key_fn, or "
            "pass something that names it."
        ) from None


def captured(fn: Any, /) -> dict[str, Any]:
    """The plain values (numbers, texts, and containers of them) that a function closes over, by name."""
    code, cells = getattr(fn, "__code__", None), getattr(fn, "__closure__", None) or ()
    found = {}
    for name, cell in zip(code.co_freevars if code is not None else (), cells, strict=False):
        try:
            value = cell.cell_contents
        except ValueError:
            continue  # not filled yet
        if _is_plain(value):
            found[name] = value
    return found


def _is_plain(value: Any, depth: int = 0) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return True
    if depth > _DEEPEST_PLAIN or kind not in {list, tuple, set, frozenset, dict}:
        return False
    items: Iterable[Any] = [*value.keys(), *value.values()] if kind is dict else value
    return all(_is_plain(each, depth + 1) for each in items)


_DEEPEST_PLAIN: Final = 8


class Walk:
    """One walk through a value; remembers objects that it has seen, so that shared and circular ones cost one visit."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        # The object beside its digest, as an id is its own only while it lives. While it is being walked: its number.
        self._seen: dict[int, tuple[bytes, Any]] = {}

    def of(self, value: Any) -> bytes:
        kind = type(value)
        if kind in _SCALARS:
            return _scalar(kind, value)
        if (kind is list or kind is tuple) and _SCALARS.issuperset(map(type, value)):
            return _flat(kind, value)  # rows of a long table need no remembering
        seen = self._seen.get(id(value))
        if seen is not None:
            return seen[0]
        self._seen[id(value)] = (_hashed(b"seen", len(self._seen).to_bytes(8, "big")), value)
        found = self._walked(kind, value)
        self._seen[id(value)] = (found, value)
        return found

    def _walked(self, kind: type, value: Any) -> bytes:
        if kind is list or kind is tuple:
            return _hashed(kind.__name__.encode(), *map(self.of, value))
        if kind is dict:
            return self._mapping(b"dict", value.items())
        if isinstance(value, (set, frozenset)):
            own = self.of(getattr(value, "__dict__", None))
            return _hashed(_name(kind), own, *sorted(map(self.of, value)))
        leaf = _LEAVES.get(kind)
        if leaf is not None:
            return leaf(self, value)
        if is_definition(value):
            return definition(value, self)
        return self._reduced(kind, value)

    def _mapping(self, name: bytes, items: Iterable[tuple[Any, Any]]) -> bytes:
        return _hashed(name, *sorted(self.of(key) + self.of(item) for key, item in items))

    def _reduced(self, kind: type, value: Any) -> bytes:
        reduce = copyreg.dispatch_table.get(kind)
        try:
            made = reduce(value) if reduce is not None else value.__reduce_ex__(_PROTOCOL)
        except RecursionError:
            raise
        except Exception as error:  # a user's __reduce__ may raise anything
            raise ConfigurationError(
                f"An input of type {kind.__qualname__} has no digest: it cannot be pickled ({told(error)}). Leave it "
                "out of the cache key with a cache_key_fn, or pass something that names it."
            ) from error
        if isinstance(made, str):
            return _hashed(b"global", _name(kind), made.encode())
        function, args, state, items, pairs = (*made, None, None, None, None)[:5]
        if isinstance(state, dict) and "__pydantic_fields_set__" in state:
            # Which fields were given and which left to their defaults: two models that differ there are equal.
            state = {name: each for name, each in state.items() if name != "__pydantic_fields_set__"}
        parts = [_name(kind), self.of(kind), self.of(function), self.of(args), self.of(state)]
        if items is not None:
            parts += [b"items", *map(self.of, items)]
        if pairs is not None and isinstance(value, OrderedDict):
            parts += [b"ordered", *(self.of(key) + self.of(item) for key, item in pairs)]
        elif pairs is not None:
            parts.append(self._mapping(b"pairs", pairs))
        return _hashed(*parts)

    def buffer(self, value: Any) -> bytes:
        return _hashed(b"buffer", value.raw())

    def raw(self, value: Any) -> bytes:
        return _hashed(_name(type(value)), memoryview(value).cast("B") if len(value) else b"")

    def module(self, value: ModuleType) -> bytes:
        return _hashed(b"module", value.__name__.encode())


_LEAVES: Final[dict[type, Callable[[Walk, Any], bytes]]] = {
    pickle.PickleBuffer: Walk.buffer,
    bytearray: Walk.raw,
    memoryview: Walk.raw,
    ModuleType: Walk.module,
}


def _scalar(kind: type, value: Any) -> bytes:
    name = f"{kind.__name__}:".encode()
    if kind is str:
        return _hashed(name, value.encode("utf-8", "surrogatepass"))
    if kind is bytes:
        return _hashed(name, value)
    # In hexadecimal, as Python refuses to write very long integers in decimal.
    return _hashed(name, (f"{value:x}" if kind is int else repr(value)).encode())


def _flat(kind: type, values: Any) -> bytes:
    """A list or tuple of scalars: a column of texts has a million, and a hash of each would take a second."""
    hasher = hashlib.sha256(f"{kind.__name__} of scalars:".encode())
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        if _SHORT.issuperset(map(type, part)):
            # Of these types it differs where values or types do, and unlike repr it is the same in every Python.
            hasher.update(ascii(part).encode())
        else:
            for each in part:
                hasher.update(_scalar(type(each), each))
    return hasher.digest()


def _hashed(first: bytes, *rest: Any) -> bytes:
    hasher = hashlib.sha256(first)
    for each in rest:
        hasher.update(each)
    return hasher.digest()


def _name(value: Any) -> bytes:
    return f"{getattr(value, '__module__', '')}.{value.__qualname__}:".encode()
