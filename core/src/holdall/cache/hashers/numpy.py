"""Hashers of arrays, scalars and dtypes of NumPy: dtype, shape and items in C order, whatever the strides."""

from __future__ import annotations

import sys
from math import prod
from typing import TYPE_CHECKING, Any, Final

from holdall.cache.hashers.parts import Chunks, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK: Final = 1 << 20  # bytes at a time: small enough for the processor's cache
_COPIED: Final = 1 << 22  # bytes at a time of what has to be copied
_TILE: Final = 64


def array(value: Any) -> Any:
    import numpy as np

    plain = value.view(np.ndarray) if type(value) is not np.ndarray else value
    return dtype(value.dtype), value.shape, items(plain)


def scalar(value: Any) -> Any:
    import numpy as np

    return array(np.asarray(value))


def masked(value: Any) -> Any:
    """Hashes a masked array, data below the mask included, as it can be unmasked. No mask equals an empty one."""
    import numpy as np

    fill = value._fill_value  # noqa: SLF001 - asking for fill_value would make one
    if fill is None:
        fill = np.ma.default_fill_value(value.dtype) if value.dtype.names is None else value.copy().fill_value
    filled = array(np.asarray(fill).astype(value.dtype))
    mask = array(np.ma.getmaskarray(value))
    return array(np.ma.getdata(value)), mask, filled, bool(value.hardmask), dict(value._optinfo)  # noqa: SLF001 - its only face


def calendar(value: Any) -> Any:
    return array(value.weekmask), array(value.holidays)


def generator(value: Any) -> Any:
    """Hashes the position in the stream of random numbers, and the seed of spawned generators."""
    return Step(".bit_generator", bit_generator(value.bit_generator))


def bit_generator(value: Any) -> Any:
    return dict(value.state), Step(".seed_seq", value.seed_seq)


def seed_sequence(value: Any) -> Any:
    return dict(value.state)


def random_state(value: Any) -> Any:
    return dict(value.get_state(legacy=False))


def dtype(value: Any) -> Any:
    """Hashes name, byte order, unit, fields with offsets, metadata. An alignment that moves no field does not count."""
    metadata = dict(value.metadata) if value.metadata else None
    if value.subdtype is not None:
        base, shape = value.subdtype
        return "of", dtype(base), shape, metadata
    if value.names is not None:
        fields = tuple(
            (name, dtype(value.fields[name][0]), value.fields[name][1], value.fields[name][2:]) for name in value.names
        )
        return value.type.__name__, fields, value.itemsize, metadata
    if value.kind == "T":
        missing = getattr(value, "na_object", "none")
        return "text", bool(value.coerce), Step(".na_object", missing), metadata
    # Native order is one thing on every machine, and so is the other; letters like l and q for one size are none.
    order = "" if value.isnative else "swapped "
    if value.kind in "mM":
        return order + value.str[1:], metadata
    return f"{order}{value.kind}{value.itemsize}", metadata


def items(value: Any) -> Any:
    """Returns the items of a plain array in C order, without a copy of it."""
    kind = value.dtype
    if kind.hasobject or kind.kind == "T":
        return _objects(value)
    if kind.names is not None:
        return tuple((name, items(value[name])) for name in kind.names)  # what lies between fields does not count
    return Chunks(_buffers(value))


def _objects(value: Any) -> Any:
    if value.dtype.names is not None:
        return tuple((name, Step(f'["{name}"]', items(value[name]))) for name in value.dtype.names)
    listed = value.tolist() if value.ndim == 1 else value.ravel().tolist()
    return listed if value.ndim == 1 else Step(".flat", listed)


def _buffers(value: Any) -> Iterator[Any]:
    for block in _blocks(value):
        yield memoryview(_normal(block).reshape(-1).view("u1"))


def _blocks(value: Any) -> Iterator[Any]:
    """Yields contiguous pieces in C order; copies one at a time if the array is not in that order."""
    if not value.size or not value.dtype.itemsize:
        return
    if value.flags.c_contiguous:
        flat, step = value.reshape(-1), max(1, _BLOCK // value.dtype.itemsize)
        for start in range(0, flat.size, step):
            yield flat[start : start + step]
        return
    row = prod(value.shape[1:]) * value.dtype.itemsize
    if row > _COPIED and value.ndim > 1:
        for each in value:
            yield from _blocks(each)
        return
    step = max(1, _COPIED // row)
    for start in range(0, len(value), step):
        block = _copied(value[start : start + step]).reshape(-1)
        for first in range(0, len(block), _BLOCK):
            yield block[first : first + _BLOCK]


def _copied(value: Any) -> Any:
    """Returns a copy in C order, tile by tile: row by row, an array in Fortran order takes twice the time."""
    import numpy as np

    found = np.empty(value.shape, value.dtype)
    for first in range(0, value.shape[-1], _TILE):
        found[..., first : first + _TILE] = value[..., first : first + _TILE]
    return found


def _normal(block: Any) -> Any:
    """Returns a block as little-endian with one NaN for all; the block itself if that changes nothing."""
    import numpy as np

    kind = block.dtype.kind
    if kind == "V":
        return block
    if block.dtype.byteorder == ">" or (block.dtype.byteorder == "=" and sys.byteorder == "big"):
        block = block.astype(block.dtype.newbyteorder("<"))
    if kind == "c":
        size = block.dtype.itemsize // 2
        block = block.view(f"<f{size}" if size <= 8 else np.longdouble)
        kind = "f"
    if kind == "f":
        if (missing := np.isnan(block)).any():
            block = np.where(missing, block.dtype.type("nan"), block).astype(block.dtype)
        if block.dtype.itemsize > 8:
            block = _long(block)
    return block


def _long(block: Any) -> Any:
    """Returns the significant bytes of x86 extended floats: the padding is undefined."""
    import numpy as np

    if np.finfo(np.longdouble).nmant != 63:
        return block
    return np.ascontiguousarray(block.view("u1").reshape(-1, block.dtype.itemsize)[:, :10])
