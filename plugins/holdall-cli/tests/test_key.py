"""`holdall key new`: what it prints is what the settings take."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from holdall.blocks import secrets as vault
from holdall.results.signing_keys import Texts, parse
from holdall.security.keyring import KeyRing
from holdall.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_that_all_share(holdall: Any) -> None:
    """Alone on standard output, for `$(…)`; another one each time; for signing and encryption alike."""
    one, two = (holdall("key", "new").stdout.strip() for _ in range(2))
    named = holdall("key", "new", "--id", "2026-11").stdout.strip()

    assert one != two
    assert [1, 1] == [len(each.splitlines()) for each in (one, named)]
    assert ["2026-11", KeyRing.parse(one, source="x").current.id] == KeyRing.parse(f"{named},{one}", source="x").ids
    assert ("hmac-sha256", "2026-11") == parse(Texts(signing=named)).current.name  # type: ignore[union-attr]


@pytest.mark.secrets
def test_a_key_that_all_share_opens_saved_secrets(holdall: Any, tmp_path: Path) -> None:
    """As `HOLDALL_SECRET_KEY` takes it."""
    settings = Settings(home=str(tmp_path), environ={"HOLDALL_SECRET_KEY": holdall("key", "new").stdout.strip()})

    assert {"a": "b"} == vault.decrypt(vault.encrypt({"a": "b"}, settings, block="x/y"), settings, block="x/y")


def test_a_key_that_all_share_needs_no_library(holdall: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library makes it; a pair is made by the plugin that has the scheme."""
    monkeypatch.setitem(sys.modules, "cryptography", None)  # type: ignore[arg-type]  # as importlib documents it

    made = holdall("key", "new")

    assert (0, 44) == (made.exit_code, len(made.stdout.strip()))


def test_the_json_of_a_key(holdall: Any) -> None:
    """The id is that under which records name it."""
    found = json.loads(holdall("key", "new", "--json").stdout)

    assert {"kind", "id", "private", "public"} == set(found)
    assert ("hmac", None) == (found["kind"], found["public"])
    assert found["id"] == KeyRing.parse(found["private"], source="x").current.id


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 65, "ü"])
def test_an_id_that_is_none(holdall: Any, name: str) -> None:
    """No record could name it."""
    found = holdall("key", "new", "--id", name)

    assert (1, "") == (found.exit_code, found.stdout)
    assert "is no id of a key" in found.stderr


def test_a_kind_that_is_none(holdall: Any) -> None:
    """With those that there are."""
    found = holdall("key", "new", "--kind", "hmac-sha255")

    assert 1 == found.exit_code
    assert "No signature scheme is called 'hmac-sha255'. Did you mean 'hmac-sha256'?" in found.stderr
