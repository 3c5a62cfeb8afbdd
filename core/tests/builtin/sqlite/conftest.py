"""A catalog for each test."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.sqlite.catalog import SQLiteCatalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the catalog of a test lies; neither it nor its folder is there yet."""
    return str(tmp_path / "home" / "catalog.db")


@pytest.fixture
def catalog(path: str) -> Iterator[SQLiteCatalog]:
    """A new catalog that waits for nobody."""
    with closing(SQLiteCatalog(path, timeout=0.05)) as made:
        yield made
