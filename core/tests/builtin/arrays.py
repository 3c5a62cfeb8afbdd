"""Arrays as `.npy` files where holdall-numpy is not installed: the core has no type of its own for what `auto` is about."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

import holdall
from holdall.abc import Serializer
from holdall.errors import CorruptResultError, SerializationError
from holdall.plugins import registry

if TYPE_CHECKING:
    from holdall.types import Parts, Source


class NpySerializer(Serializer):
    """What the plugin does, in fewer words."""

    slug: ClassVar[str] = "numpy"
    media_type: ClassVar[str] = "application/x-npy"
    suffix: ClassVar[str] = ".npy"

    def dump(self, obj: Any, /) -> Parts:
        if obj.dtype.hasobject:
            raise SerializationError("objects", path="result", value=obj)
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(obj))
        return [head.getvalue(), *([obj.reshape(-1).view(np.uint8).data] if obj.nbytes else [])]

    def load(self, source: Source, /) -> Any:
        try:
            return np.load(io.BytesIO(source.buffer()))
        except Exception as error:  # whatever a damaged header makes of it
            raise CorruptResultError("no .npy file") from error


def register() -> None:
    """Unless the plugin is installed."""
    if "numpy" not in registry.names("serializers"):
        holdall.register(NpySerializer, types=[np.ndarray])
