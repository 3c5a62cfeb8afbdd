"""Images of Pillow as `.png` files. Pillow is imported when the first value moves."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.abc import Serializer
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from holdall.types import Parts, Source

_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


class PNGSerializer(Serializer):
    """An image with its pixels, mode and palette; what else its `info` says is not kept.

    Images that Pillow has read from a file come back as plain ones. Modes that PNG has no form for (CMYK, F, …) are refused,
    and so are animations. `compress_level` is 0 (fastest) to 9 (smallest).
    """

    slug: ClassVar[str] = "png"
    media_type: ClassVar[str] = "image/png"
    suffix: ClassVar[str] = ".png"
    exact: ClassVar[bool] = True

    compress_level: int = 6

    def dump(self, obj: Any, /) -> Parts:
        from PIL import Image  # noqa: PLC0415 - when the first value moves

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

    def load(self, source: Source, /) -> Any:
        from PIL import Image  # noqa: PLC0415 - as in dump

        return opened(source, Image)


def opened(source: Source, library: Any, /) -> Any:
    """The image of a PNG file.

    Raises:
        CorruptResultError: it is none, or one that claims more pixels than anybody has.
    """
    try:
        with library.open(io.BytesIO(source.buffer()), formats=["PNG"]) as image:
            image.load()
            plain = library.Image()._new(image.im)  # noqa: SLF001 - a plain image on the same pixels, as `copy` makes it
            plain.palette = image.palette
    except (OSError, SyntaxError, ValueError, EOFError, library.DecompressionBombError) as error:
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
