"""Incremental encoder of plain data as MessagePack, without a second copy of large values in memory."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from msgpack import Packer, packb  # type: ignore[import-untyped] # it ships no annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer

_NESTING: Final = frozenset({dict, list, bytes})
_FEW: Final = 64
_BATCH: Final = 2048
_PIECE: Final = 64 << 10


def pieces(tree: Any, /) -> Iterator[Buffer]:
    """Encodes `tree` in parts of about 64 KiB; bytes of at least that size are parts of their own, without a copy.

    Raises:
        ValueError, OverflowError: a value is longer than the format allows (4 GiB, or 2**32 items).
    """
    if _shallow(tree) or (type(tree) is dict and len(tree) <= _FEW and all(map(_shallow, tree.values()))):
        yield packb(tree)
        return
    packer = Packer(autoreset=False)
    yield from _node(packer, tree)
    yield from _flush(packer)


def _node(packer: Packer, node: Any) -> Iterator[Buffer]:
    kind = type(node)
    if _shallow(node):
        packer.pack(node)
        with memoryview(packer.getbuffer()) as view:
            full = view.nbytes >= _PIECE
        if full:
            yield from _flush(packer)
    elif kind is bytes:
        yield from _flush(packer)
        yield _bin_header(len(node))
        yield node
    elif kind is dict:
        packer.pack_map_header(len(node))
        for key, value in node.items():
            packer.pack(key)
            yield from _node(packer, value)
    else:
        packer.pack_array_header(len(node))
        for start in range(0, len(node), _BATCH):
            yield from _items(packer, node[start : start + _BATCH])


def _items(packer: Packer, items: list[Any]) -> Iterator[Buffer]:
    """Encodes items without a header. Many small ones are packed in C, as a list whose header is cut off."""
    if _NESTING.isdisjoint(map(type, items)) or all(map(_shallow, items)):
        yield from _flush(packer)
        yield memoryview(packb(items))[1 if len(items) < 16 else 3 :]  # a fixarray ends at 15 items
    else:
        for item in items:
            yield from _node(packer, item)


def _shallow(node: Any) -> bool:
    """Whether a node is small enough, as far as one level tells, to be packed in one go."""
    kind = type(node)
    if kind not in _NESTING:
        return True
    if kind is bytes:
        return len(node) < _PIECE
    if len(node) > _FEW:
        return False
    items = node.values() if kind is dict else node
    return _NESTING.isdisjoint(map(type, items)) or all(map(_leaf, items))


def _leaf(node: Any) -> bool:
    kind = type(node)
    return kind not in _NESTING or (kind is bytes and len(node) < _FEW) or (kind is list and len(node) == 0)


def _flush(packer: Packer) -> Iterator[Buffer]:
    if data := packer.bytes():
        packer.reset()
        yield data


def _bin_header(length: int) -> bytes:
    if length >= 1 << 32:
        raise ValueError("bytes of 4 GiB and more")
    return struct.pack(">BI", 0xC6, length)
