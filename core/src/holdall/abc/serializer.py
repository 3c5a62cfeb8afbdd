"""A format that users configure and register."""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar

from holdall.abc.codec import Codec
from holdall.abc.component import Component


class Serializer(Component, Codec, ABC):
    """A `Codec` with fields: `slug` is its name, as in `result_serializer="json"`."""

    priority: ClassVar[int] = 0
    """Of several that are for one type, `auto` takes the one with the highest."""

    def options(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True)
