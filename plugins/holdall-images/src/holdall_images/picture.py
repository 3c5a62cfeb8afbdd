"""What a figure of matplotlib looks like."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc import Serializer
from holdall.errors import HoldallWarning, SerializationError
from holdall_images.png import decoded, opened

if TYPE_CHECKING:
    from holdall.types import Parts, Source

_said: set[str] = set()


class PictureSerializer(Serializer):
    """A figure of matplotlib as a `.png` file of `dpi` dots an inch (the figure's own unless given).

    It comes back as an image of Pillow, and no figure: that is said once in a process, with a warning.
    """

    slug: ClassVar[str] = "picture"
    media_type: ClassVar[str] = "image/png"
    suffix: ClassVar[str] = ".png"
    expands: ClassVar[bool] = True
    exact: ClassVar[bool] = True  # it says itself what it does not keep

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
        if self.slug not in _said:
            _said.add(self.slug)
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
        return decoded(parts)

    def load(self, source: Source, /) -> Any:
        from PIL import Image

        return opened(source, Image)
