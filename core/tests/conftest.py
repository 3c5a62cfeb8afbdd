"""A home, a working directory and a process-wide state of its own for every test."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from holdall.catalog.open import close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of the test, with its catalog under `home`."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    gc.collect()
    recorder_for(open_catalog(settings.current())).close()
    close_catalogs()


@pytest.fixture
def no_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core as it is installed alone: importing `cryptography` fails as where it is not there, whether or not it is."""
    monkeypatch.setitem(sys.modules, "cryptography", None)  # type: ignore[arg-type]  # as importlib documents it
