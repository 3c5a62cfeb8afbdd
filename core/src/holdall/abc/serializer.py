"""A format that users configure and register."""

from __future__ import annotations

from abc import ABC
from typing import Any

from holdall.abc.codec import Codec
from holdall.abc.component import Component


class Serializer(Component, Codec, ABC):
    """A `Codec` with fields: `slug` is its name, as in `result_serializer="json"`."""

    def options(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True)
