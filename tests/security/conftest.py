"""A place and a role for each test."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from tests.security.roles import KEYS, Roles

from holdall import settings
from holdall.catalog.open import close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with a home and a user's configuration of the test's own."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    gc.collect()
    recorder_for(open_catalog(settings.current())).close()
    close_catalogs()


@pytest.fixture(params=KEYS.values(), ids=KEYS)
def roles(request: pytest.FixtureRequest, place: Path, monkeypatch: pytest.MonkeyPatch) -> Roles:
    """Without keys, with those of HMAC, with those of Ed25519; the writer, to begin with."""
    assert place.is_dir()
    made = Roles(request.param, monkeypatch)
    made.writer()
    return made
