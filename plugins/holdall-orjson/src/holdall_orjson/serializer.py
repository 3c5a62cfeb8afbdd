"""The orjson serializer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc import Serializer
from holdall.errors import CorruptResultError, SerializationError
from holdall.serialization.typed.json import JSONReader, JSONWriter, may_hold_forms

if TYPE_CHECKING:
    from holdall.types import Parts, Source


class OrjsonSerializer(Serializer):
    """Writes the same bytes as `json` with `jsonlib="orjson"`; each reads what the other wrote.

    Plain data is passed to orjson directly.
    """

    slug: ClassVar[str] = "orjson"
    exact: ClassVar[bool] = True
    media_type: ClassVar[str] = "application/json"
    suffix: ClassVar[str] = ".json"

    def dump(self, obj: Any, /) -> Parts:
        from holdall_orjson.encoder import encode, encode_plain

        data = encode_plain(obj)
        if data is None:
            tree = JSONWriter(self.slug).write(obj)
            try:
                data = encode(tree)
            except TypeError as error:  # the object was changed meanwhile
                raise SerializationError(f"orjson refused plain data: {error}.", value=obj) from error
        return [data]

    def load(self, source: Source, /) -> Any:
        from holdall_orjson.encoder import decode

        data = source.buffer()
        try:
            tree = decode(data)
        except ValueError as error:
            raise CorruptResultError(f"The stored bytes are not the JSON that was written: {error}") from error
        return JSONReader(self.slug, source.trust).read(tree) if may_hold_forms(data) else tree
