"""A storage that users configure, save and name."""

from __future__ import annotations

from abc import ABC
from typing import Any

from holdall.abc.component import Component
from holdall.abc.storage import Storage


class StorageBlock(Component, Storage, ABC):
    """A `Storage` with fields: `slug` is its type name, as `s3` in the saved block `s3/prod`."""

    inline_limit: int = 8192

    def location(self) -> dict[str, Any]:
        return self.plain_fields()
