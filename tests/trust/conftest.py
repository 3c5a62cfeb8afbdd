"""A home and a working directory for each test of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from holdall.catalog import open as catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "home"
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOLDALL_HOME", str(folder))
    yield folder
    catalogs.close_catalogs()
