"""Tagged forms in JSON: an object with the key `$type`."""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.errors import CorruptResultError
from holdall.serialization.typed import Reader, Writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.types import Buffer

TAG: Final = "$type"
CLASS: Final = "class"
VALUE: Final = "value"

_KEY: Final = b'"$type"'
_STEP: Final = 1 << 20


def may_hold_forms(data: Buffer, /) -> bool:
    """Whether an object here can have the key `$type`, plain or escaped; if not, the tree is plain data."""
    if isinstance(data, memoryview):  # which has no search of its own, and is not copied whole for one
        starts = range(0, len(data), _STEP)
        return any(may_hold_forms(bytes(data[start : start + _STEP + len(_KEY) - 1])) for start in starts)
    return _KEY in data or b"\\u00" in data


class JSONWriter(Writer):
    """Writes `{"$type": tag, "class": name, "value": payload}`, `class` only if the form has one; bytes in base64."""

    reserved_key: ClassVar[str | None] = TAG

    __slots__ = ()

    def tagged(
        self, tag: str, payload: Any, /, *, name: str | None = None, more: Mapping[str, Any] | None = None
    ) -> Any:
        if name is None:
            return {TAG: tag, VALUE: payload}
        return {TAG: tag, CLASS: name, VALUE: payload, **(more or {})}

    def blob(self, data: bytes | bytearray, /) -> str:
        return b64encode(data).decode("ascii")


class JSONReader(Reader):
    """Reads every object that has the key `$type` as a form: a user's dict with that key was written as one."""

    __slots__ = ()

    def node(self, tree: Any, level: int, /) -> Any:
        if type(tree) is list:
            return self.items(tree, level)
        if TAG not in tree:
            return self.fields(tree, level)
        tag = tree.pop(TAG)
        if VALUE not in tree:
            raise CorruptResultError(f"The stored {self.serializer} data has a form without a value.")
        payload = tree.pop(VALUE)
        name = tree.pop(CLASS, None)
        return self.form(tag, payload, level, name=name, more=tree)

    def blob(self, payload: Any, /) -> bytes:
        if type(payload) is not str:
            raise TypeError(type(payload).__name__)
        return a2b_base64(payload.encode("ascii"), strict_mode=True)
