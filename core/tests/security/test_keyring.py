"""Keys by id."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from holdall.errors import ConfigurationError
from holdall.security.keyring import KeyRing

NEW, OLD = (urlsafe_b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))


def test_the_first_key_is_the_current_one() -> None:
    """The others are found by their ids."""
    ring = KeyRing.parse(f"2026:{NEW}, 2025:{OLD}", source="THE_VARIABLE")

    assert "2026" == ring.current.id
    assert ["2026", "2025"] == ring.ids
    assert ring.current == ring.get("2026")
    assert ring.current.secret != ring.get("2025").secret  # type: ignore[union-attr]
    assert ring.get("2024") is None


def test_a_bare_key_names_itself() -> None:
    """The same id wherever it is written, and another one for another key."""
    ids = {KeyRing.parse(text, source="x").current.id for text in (NEW, f" {NEW} ", OLD)}

    assert 2 == len(ids)


def test_nothing_prints_a_key() -> None:
    """Neither the ring nor one of its keys."""
    ring = KeyRing.parse(f"2026:{NEW}", source="x")

    assert "KeyRing(2026)" == repr(ring)
    assert "Key(id='2026')" == repr(ring.current) == str(ring.current)


@pytest.mark.parametrize("text", ["", "short", f":{NEW}", f"{NEW},", "a:b:c", f"{'i' * 65}:{NEW}", f"a\nb:{NEW}", "é"])
def test_what_is_no_key_is_refused_without_showing_it(text: str) -> None:
    """With the source, the form and a way to make one."""
    with pytest.raises(ConfigurationError, match="THE_VARIABLE is not a list of keys") as caught:
        KeyRing.parse(text, source="THE_VARIABLE")

    assert NEW not in str(caught.value)
    assert "Make one with: holdall key new" in str(caught.value)


def test_two_keys_of_one_id_are_refused() -> None:
    """Nobody could say which of them made what."""
    with pytest.raises(ConfigurationError, match="two keys the same id"):
        KeyRing.parse(f"a:{NEW},a:{OLD}", source="x")
