"""Serializer for images of Pillow as `.png` files. The first value imports Pillow."""

from __future__ import annotations

import io
import struct
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.abc import Serializer
from holdall.abc.bound import within
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from holdall.types import Parts, Source

_SIZE: Final = struct.Struct(">2I")
_SIZE_AT: Final = 16
_WIDEST: Final = 4
"""Most bytes of a pixel in memory; gray ones have fewer."""
_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


class PNGSerializer(Serializer):
    """Writes an image with its pixels, mode and palette, without the rest of its `info`.

    Images that Pillow has read from a file are read back as plain ones. Modes that PNG does not have (CMYK, F, …) and
    animations are rejected. `compress_level` is 0 (fastest) to 9 (smallest).
    """

    slug: ClassVar[str] = "png"
    media_type: ClassVar[str] = "image/png"
    suffix: ClassVar[str] = ".png"
    exact: ClassVar[bool] = True
    expands: ClassVar[bool] = True

    compress_level: int = 6

    def dump(self, obj: Any, /) -> Parts:
        from PIL import Image

        if not isinstance(obj, Image.Image):
            raise _refused(obj, f"is a {type(obj).__qualname__}, and no image of Pillow")
        if obj.mode not in _MODES:
            raise _refused(
                obj, f"is an image of mode {obj.mode}, which PNG has no form for (image.convert makes another)"
            )
        if getattr(obj, "n_frames", 1) > 1:
            raise _refused(obj, "is an animation")
        if not all(obj.size):
            raise _refused(obj, "is an image without pixels")
        out = io.BytesIO()
        more = {"transparency": obj.info["transparency"]} if "transparency" in obj.info else {}
        obj.save(out, "PNG", compress_level=self.compress_level, **more)
        return [out.getbuffer()]

    def decoded_size(self, parts: Parts, /) -> int | None:
        return decoded_size(parts)

    def load(self, source: Source, /) -> Any:
        from PIL import Image

        return read_image(source, Image)


def decoded_size(parts: Parts, /) -> int | None:
    """Returns the bytes of the image of a PNG file that `dump` wrote, from its first chunk."""
    head = next(iter(parts), b"")
    return _WIDEST * prod(_SIZE.unpack_from(head, _SIZE_AT)) if len(head) >= _SIZE_AT + _SIZE.size else None


def read_image(source: Source, library: Any, /) -> Any:
    """Reads the image of a PNG file.

    Raises:
        CorruptResultError: it is not a PNG file, or has more pixels than the record declares.
    """
    from PIL.PngImagePlugin import PngImageFile

    try:
        # Not `Image.open`, which has one limit for the whole process and all formats.
        with PngImageFile(io.BytesIO(source.buffer())) as image:
            within(source.trust, _WIDEST * prod(image.size))
            image.load()
            plain = library.Image()._new(image.im)  # noqa: SLF001 - a plain image on the same pixels, as `copy` makes it
            plain.palette = image.palette
    except CorruptResultError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise CorruptResultError(f"The stored bytes are no PNG image: {error}.") from error
    if "transparency" in image.info:
        plain.info["transparency"] = image.info["transparency"]
    return plain


def _refused(obj: Any, reason: str) -> SerializationError:
    return SerializationError(
        f'The png serializer cannot write this result: result {reason}. Use result_serializer="pickle" for it, or return '
        "something that png has a form for.",
        path="result",
        value=obj,
    )
