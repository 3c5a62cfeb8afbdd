"""Serializer of a text, as a file that any editor opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc.serializer import Serializer
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from holdall.types import Parts, Source


class TextSerializer(Serializer):
    """Writes a `str` in UTF-8. The empty one is refused: a failed write also leaves an empty file."""

    slug: ClassVar[str] = "text"
    media_type: ClassVar[str] = "text/plain"
    suffix: ClassVar[str] = ".txt"
    exact: ClassVar[bool] = True

    def dump(self, obj: Any, /) -> Parts:
        if type(obj) is not str or not obj:
            what = "an empty text" if type(obj) is str else f"a {type(obj).__qualname__}"
            raise SerializationError(
                f"The text serializer cannot write this result: result is {what}, and it writes texts that are not "
                'empty. Use result_serializer="json" for it.',
                path="result",
                value=obj,
            )
        try:
            return [obj.encode()]
        except UnicodeEncodeError as error:
            raise SerializationError(
                f"The text serializer cannot write this result: result is a text with a lone surrogate at {error.start}, "
                'which is no Unicode. Use result_serializer="pickle" for it.',
                path="result",
                value=obj,
            ) from error

    def load(self, source: Source, /) -> Any:
        data = bytes(source.buffer())
        if not data:
            raise CorruptResultError("The stored text is empty, and no empty one is ever stored.")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise CorruptResultError(f"The stored text is no UTF-8: {error}.") from error
