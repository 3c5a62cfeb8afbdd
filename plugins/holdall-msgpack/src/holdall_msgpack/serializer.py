"""The MessagePack serializer."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from msgpack import Unpacker  # type: ignore[import-untyped] # it ships no annotations
from msgpack.exceptions import UnpackException  # type: ignore[import-untyped] # as above

from holdall.abc import Serializer
from holdall.errors import CorruptResultError, SerializationError
from holdall_msgpack.encoder import pieces
from holdall_msgpack.forms import MsgpackReader, MsgpackWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, Parts, Source

_READ = 256 << 10


class MsgpackSerializer(Serializer):
    """Stores the types that `json` stores; bytes, datetimes in UTC, infinities and not-a-number need no tag here.

    Large results are packed while they are written and unpacked while they are read.
    """

    slug: ClassVar[str] = "msgpack"
    exact: ClassVar[bool] = True
    media_type: ClassVar[str] = "application/vnd.msgpack"
    suffix: ClassVar[str] = ".msgpack"

    def dump(self, obj: Any, /) -> Parts:
        parts = self._packed(MsgpackWriter(self.slug).write(obj), obj)
        first = next(parts)
        second = next(parts, None)
        return [first] if second is None else chain((first, second), parts)

    def _packed(self, tree: Any, obj: Any) -> Iterator[Buffer]:
        try:
            yield from pieces(tree)
        except (ValueError, OverflowError) as error:
            raise SerializationError(
                f"The msgpack serializer cannot write this result: a part of it is too long for the format ({error}). "
                f'Use result_serializer="pickle" for it.',
                value=obj,
            ) from error

    def load(self, source: Source, /) -> Any:
        size = source.size
        if size == 0:
            raise CorruptResultError("The stored msgpack data is empty.")
        with source.open() as file:
            # No length in the data can make it allocate more memory than the data has bytes.
            unpacker = Unpacker(
                file,
                read_size=min(size, _READ),
                max_buffer_size=size,
                max_array_len=size,
                max_map_len=size,
                object_pairs_hook=_unique,
            )
            try:
                tree = unpacker.unpack()
            except (UnpackException, ValueError, TypeError, RecursionError) as error:
                raise CorruptResultError(
                    f"The stored bytes are not the MessagePack that was written: {error or type(error).__name__}."
                ) from error
            if unpacker.tell() != size:
                raise CorruptResultError("The stored MessagePack goes on after its end.")
        return MsgpackReader(self.slug, source.trust).read(tree)


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("the same key twice in one map")
    return mapping
