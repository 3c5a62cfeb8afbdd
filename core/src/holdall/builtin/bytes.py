"""Serializer of bytes, which are written as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from holdall.abc.serializer import Serializer
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from holdall.abc.codec import Codec
    from holdall.types import Parts, Source


class BytesSerializer(Serializer):
    """Writes `bytes` or a `bytearray`, and reads the same: `type` says which of them, and is set when one is written.

    Empty ones are refused: a failed write also leaves an empty file.
    """

    slug: ClassVar[str] = "bytes"
    media_type: ClassVar[str] = "application/octet-stream"
    suffix: ClassVar[str] = ".bin"
    exact: ClassVar[bool] = True

    type: Literal["bytes", "bytearray"] = "bytes"

    def dump(self, obj: Any, /) -> Parts:
        return self.dump_as(obj)[1]

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        kind = obj.__class__
        if kind not in {bytes, bytearray} or not obj:
            what = f"an empty {kind.__name__}" if kind in {bytes, bytearray} else f"a {kind.__qualname__}"
            raise SerializationError(
                f"The bytes serializer cannot write this result: result is {what}, and it writes bytes and bytearrays "
                'that are not empty. Use result_serializer="json" for it.',
                path="result",
                value=obj,
            )
        return (self if kind.__name__ == self.type else BytesSerializer(type=kind.__name__)), [obj]

    def load(self, source: Source, /) -> Any:
        data = source.buffer()
        if not len(data):
            raise CorruptResultError("The stored bytes are none, and no empty ones are ever stored.")
        if self.type == "bytes":
            return bytes(data)
        return data if isinstance(data, bytearray) else bytearray(data)
