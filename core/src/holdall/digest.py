"""One digest for the same inputs in every process: what cache keys and replays compare."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    import pickle
    from collections.abc import Callable

# sha256, not xxh3: a key may be derived from sensitive values, and a collision would return a wrong result.
_SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes})


def digest(value: Any, /) -> str:
    """The sha256 of a canonical form, as 64 hexadecimal digits.

    Dicts and sets count without regard to order, and types count: `1`, `1.0` and `True` differ. Other objects count by
    their pickle, with large buffers taken as they lie in memory.

    Raises:
        ConfigurationError: something in it can be neither walked nor pickled.
    """
    return _digest(value, ()).hex()


def _digest(value: Any, above: tuple[int, ...]) -> bytes:
    kind = type(value)
    if kind in _SCALARS:
        return hashlib.sha256(f"{kind.__name__}:{value!r}".encode("utf-8", "surrogatepass")).digest()
    walk = _CONTAINERS.get(kind)
    if walk is None:
        return _pickled(value)
    if id(value) in above:
        raise ConfigurationError("An input that contains itself has no digest; pass cache_key_fn to name the key.")
    return walk(value, (*above, id(value)))


def _ordered(value: Any, above: tuple[int, ...]) -> bytes:
    hasher = hashlib.sha256(type(value).__name__.encode())
    for item in value:
        hasher.update(_digest(item, above))
    return hasher.digest()


def _unordered(value: Any, above: tuple[int, ...]) -> bytes:
    hasher = hashlib.sha256(type(value).__name__.encode())
    for each in sorted(_digest(item, above) for item in value):
        hasher.update(each)
    return hasher.digest()


def _mapping(value: Any, above: tuple[int, ...]) -> bytes:
    hasher = hashlib.sha256(b"dict")
    for each in sorted(_digest(key, above) + _digest(item, above) for key, item in value.items()):
        hasher.update(each)
    return hasher.digest()


_CONTAINERS: Final[dict[type, Callable[[Any, tuple[int, ...]], bytes]]] = {
    list: _ordered,
    tuple: _ordered,
    set: _unordered,
    frozenset: _unordered,
    dict: _mapping,
}


def _pickled(value: Any) -> bytes:
    hasher = hashlib.sha256(f"{type(value).__module__}.{type(value).__qualname__}:".encode())
    sink = _HashingFile(hasher)
    buffers: list[pickle.PickleBuffer] = []
    try:
        _pickler()(sink, protocol=5, buffer_callback=buffers.append).dump(value)
        for buffer in buffers:
            hasher.update(buffer.raw())
    except Exception as error:  # a user's __reduce__ may raise anything
        raise ConfigurationError(
            f"An input of type {type(value).__qualname__} has no digest: it cannot be pickled ({error}). Leave it out "
            "of the cache key with a cache_key_fn, or pass something that names it."
        ) from error
    return hasher.digest()


def _pickler() -> type[pickle.Pickler]:
    from cloudpickle import Pickler  # noqa: PLC0415 - 30 ms that plain inputs do not need

    return Pickler  # type: ignore[no-any-return]


class _HashingFile(io.RawIOBase):
    def __init__(self, hasher: hashlib._Hash) -> None:
        self._hasher = hasher

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._hasher.update(data)
        return len(data)
