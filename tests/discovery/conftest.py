"""Fake distributions, each of one serializer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall.testing.distributions import write_distribution

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLASS = """
from holdall.abc import Serializer


class {name}(Serializer):
    slug = {slug!r}
    api_version = {api}
    media_type = "text/plain"
    suffix = ".txt"

    def dump(self, obj, /):
        return [str(obj).encode()]

    def load(self, source, /):
        return bytes(source.buffer()).decode()
"""


@pytest.fixture
def make_plugin(tmp_path: Path) -> Callable[..., Path]:
    """Distribution `NAME` has module `NAME` (underscored) with a serializer class `Shout`, slug `shout`."""

    def make(
        distribution: str,
        /,
        *,
        slug: str = "shout",
        version: str = "1.0",
        module: str | None = None,
        source: str | None = None,
        target: str | None = None,
        api: int = 1,
        folder: str | None = None,
    ) -> Path:
        module = module or distribution.replace("-", "_")
        code = CLASS.format(name="Shout", slug=slug, api=api) if source is None else source
        return write_distribution(
            tmp_path / (folder or distribution),
            distribution,
            version=version,
            entry_points={"holdall.serializers": {slug: target or f"{module}:Shout"}},
            modules={module: code},
        )

    return make
