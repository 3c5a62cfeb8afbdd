"""Serializer for pictures of matplotlib figures."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc import Serializer
from holdall.errors import HoldallWarning, SerializationError
from holdall_images.png import decoded_size, read_image

if TYPE_CHECKING:
    from holdall.types import Parts, Source

_warned: set[str] = set()


class PictureSerializer(Serializer):
    """Writes a matplotlib figure as a `.png` file of `dpi` dots an inch (the figure's own unless given).

    It is read as an image of Pillow, and not as a figure: the first one in a process warns of that.
    """

    slug: ClassVar[str] = "picture"
    media_type: ClassVar[str] = "image/png"
    suffix: ClassVar[str] = ".png"
    expands: ClassVar[bool] = True
    exact: ClassVar[bool] = True  # it warns of the loss itself

    dpi: float | None = None

    def dump(self, obj: Any, /) -> Parts:
        if not any(
            f"{base.__module__}.{base.__qualname__}" == "matplotlib.figure.Figure" for base in type(obj).__mro__
        ):
            raise SerializationError(
                f"The picture serializer cannot write this result: result is a {type(obj).__qualname__}, and no "
                'matplotlib.figure.Figure. Use result_serializer="pickle" for it.',
                path="result",
                value=obj,
            )
        if self.slug not in _warned:
            _warned.add(self.slug)
            warnings.warn(
                "A figure of matplotlib is kept as a picture, and comes back as an image of Pillow. "
                'result_serializer="pickle" keeps the figure itself.',
                HoldallWarning,
                stacklevel=2,
            )
        out = io.BytesIO()
        obj.savefig(out, format="png", dpi=self.dpi if self.dpi is not None else "figure")
        return [out.getbuffer()]

    def decoded_size(self, parts: Parts, /) -> int | None:
        return decoded_size(parts)

    def load(self, source: Source, /) -> Any:
        from PIL import Image

        return read_image(source, Image)
