"""A storage that users configure, save and name."""

from __future__ import annotations

from abc import ABC
from importlib import import_module
from typing import Any, Self

from holdall.abc.component import Component
from holdall.abc.storage import Storage


class StorageBlock(Component, Storage, ABC):
    """A `Storage` with fields: `slug` is its type name, as `s3` in the saved block `s3/prod`."""

    inline_limit: int = 8192

    def location(self) -> dict[str, Any]:
        return {name: value for name, value in self.plain_fields().items() if name != "inline_limit"}

    def save(self, name: str, /, *, overwrite: bool = False) -> str:
        """Keep this block in the catalog as `<slug>/<name>`, secrets encrypted; returns that slug.

        Raises:
            ConfigurationError: the name is taken and `overwrite` is false, or it is no name.
        """
        slug: str = import_module("holdall.blocks").save(self, name, overwrite=overwrite)
        return slug

    @classmethod
    def load(cls, slug: str, /) -> Self:
        """The block under `s3/prod`; on a block class of its own, `S3.load("prod")` will do.

        Looked up in this process, then the environment, then `holdall.toml`, then the catalog.

        Raises:
            UnknownBlockError: with the slugs that are known and the nearest spelling.
        """
        # The interface is the front door to blocks.py, which stands above it: the one import that goes up from here.
        block: Self = import_module("holdall.blocks").load(slug, expected=cls)
        return block
