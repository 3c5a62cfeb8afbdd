"""Tagged forms in MessagePack.

A form with text or bytes is one extension. A form with data inside is an array that starts with an empty extension, its
marker, which for forms with a class holds the class's name: `[Ext(32, b""), [1, 2]]` is the tuple `(1, 2)`. So large
containers are not packed twice, and a reader without this plugin can read their items.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgpack import ExtType, Timestamp  # type: ignore[import-untyped] # it ships no annotations

from holdall.errors import CorruptResultError
from holdall.serialization.typed import Reader, Writer
from holdall_msgpack.codes import CODES, PAYLOADS, SCALAR, TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH).days * _DAY
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH).days * _DAY + _DAY - 1


class MsgpackWriter(Writer):
    """Writer of typed values as plain data with extensions."""

    native_bytes: ClassVar[bool] = True
    native_nonfinite: ClassVar[bool] = True

    __slots__ = ()

    def tagged(
        self, tag: str, payload: Any, /, *, name: str | None = None, more: Mapping[str, Any] | None = None
    ) -> Any:
        kind = PAYLOADS[tag]
        if tag == "datetime" and payload.endswith("+00:00"):
            return _timestamp(payload)
        if kind == "text":
            return ExtType(CODES[tag], payload.encode())
        if kind == "blob":
            return ExtType(CODES[tag], payload)
        marker = ExtType(CODES[tag], b"" if name is None else name.encode())
        return [marker, payload, dict(more)] if more else [marker, payload]

    def blob(self, data: bytes | bytearray, /) -> bytes:
        return bytes(data)


class MsgpackReader(Reader):
    """Reader of typed values from plain data with extensions."""

    compound: ClassVar[frozenset[type]] = frozenset({dict, list, ExtType, Timestamp})

    __slots__ = ()

    def node(self, tree: Any, level: int, /) -> Any:
        kind = type(tree)
        if kind is dict:
            return self.fields(tree, level)
        if kind is list:
            if tree and type(tree[0]) is ExtType and tree[0].code not in SCALAR:
                return self._marked(tree, level)
            return self.items(tree, level)
        if kind is Timestamp:
            return self._moment(tree)
        if tree.code not in SCALAR:
            raise CorruptResultError("The stored msgpack data has an extension that is unknown or out of place.")
        tag = TAGS[tree.code]
        try:
            payload = str(tree.data, "utf-8") if PAYLOADS[tag] == "text" else tree.data
        except UnicodeDecodeError as error:
            raise CorruptResultError(f"The stored msgpack data has a malformed {tag}.") from error
        return self.form(tag, payload, level)

    def _marked(self, tree: list[Any], level: int) -> Any:
        marker, *rest = tree
        tag = TAGS.get(marker.code)
        more = rest[1] if len(rest) > 1 else {}
        if tag is None or len(rest) not in {1, 2} or type(more) is not dict:
            raise CorruptResultError("The stored msgpack data has a malformed or unknown form.")
        try:
            name = str(marker.data, "utf-8") if marker.data else None
        except UnicodeDecodeError as error:
            raise CorruptResultError(f"The stored msgpack data has a malformed {tag}.") from error
        return self.form(tag, rest[0], level, name=name, more=more)

    def _moment(self, stamp: Timestamp) -> datetime:
        microseconds, lost = divmod(stamp.nanoseconds, 1000)
        seconds = stamp.seconds
        if lost or not _FIRST <= seconds <= _LAST:
            raise CorruptResultError("The stored msgpack data has a timestamp that Python has no datetime for.")
        return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)

    def blob(self, payload: Any, /) -> bytes:
        if type(payload) is not bytes:
            raise TypeError(type(payload).__name__)
        return payload


def _timestamp(text: str) -> Timestamp:
    passed = datetime.fromisoformat(text) - _EPOCH
    return Timestamp(passed.days * _DAY + passed.seconds, passed.microseconds * 1000)
