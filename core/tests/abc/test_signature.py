"""Signers: who is believed, and what a scheme that misbehaves can do."""

from __future__ import annotations

import copy
import pickle
from typing import Any, ClassVar

import pytest

from holdall.abc.signature import Signer, Signers, Verifier
from holdall.builtin.hmac_sha256 import HMACSHA256
from holdall.errors import PluginBrokenError
from holdall.results.signing_keys import Texts

HMAC = HMACSHA256()
ONE, TWO = (Signer(scheme=HMAC, id=name, private=bytes([fill]) * 32) for fill, name in enumerate(("one", "two"), 1))


class Odd(HMACSHA256):
    """Answers what it is told to."""

    slug: ClassVar[str] = "odd"
    answer: Any = None

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> Any:
        if isinstance(self.answer, Exception) and signature:
            raise self.answer
        return self.answer

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        raise RuntimeError("no device")


@pytest.mark.parametrize("answer", [1, "yes", b"\x01", [True], object(), None, 0, False])
def test_nothing_but_true_is_yes(answer: Any) -> None:
    """A scheme's own idea of truth is none."""
    scheme = Odd()
    scheme.answer = answer

    assert Verifier(scheme=scheme, id="x", public=bytes(32)).verify(b"m", b"s") is False


def test_what_a_scheme_raises_is_its_plugins_fault() -> None:
    """And no answer."""
    scheme = Odd()
    scheme.answer = RuntimeError("no device")
    key = Signer(scheme=scheme, id="x", private=bytes(32))

    with pytest.raises(PluginBrokenError, match="cannot check a signature: RuntimeError: no device"):
        key.verify(b"m", b"s")
    with pytest.raises(PluginBrokenError, match="cannot sign: RuntimeError: no device"):
        key.sign(b"m")


def test_what_is_no_key_is_none() -> None:
    """Said when it is made, not when the first record comes."""
    with pytest.raises(ValueError, match="32 bytes"):
        Verifier(scheme=HMAC, id="x", public=b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        Signer(scheme=HMAC, id="x", private=b"short")


def test_signers_are_found_by_scheme_and_id() -> None:
    """And no others."""
    found = Signers((ONE, TWO), current=ONE)

    assert ONE is found.get("hmac-sha256", "one") is found.current
    assert [("hmac-sha256", "one"), ("hmac-sha256", "two")] == found.names
    assert found.get("ed25519", "one") is None
    assert found.get("hmac-sha256", "three") is None


@pytest.mark.parametrize(
    "revoked", [{"revoked": [(None, "one")]}, {"revoked": [("hmac-sha256", "one")]}, {"revoked_keys": [ONE]}]
)
def test_who_is_revoked_is_not_believed(revoked: Any) -> None:
    """Nor is the same key under another id."""
    alias = Signer(scheme=HMAC, id="alias", private=bytes([1]) * 32)
    found = Signers((ONE, TWO, alias), **revoked)

    assert [("hmac-sha256", "two")] == found.names
    assert [True, True, False] == [found.is_revoked("hmac-sha256", name) for name in ("one", "alias", "two")]
    assert found.get("hmac-sha256", "alias") is None


def test_an_id_of_one_scheme_is_not_revoked_in_another() -> None:
    """Unless it is revoked in all."""
    assert not Signers((ONE,), revoked=[("odd", "one")]).is_revoked("hmac-sha256", "one")


def test_a_scheme_that_fails_to_take_a_key_is_its_plugins_fault() -> None:
    """A library without the algorithm, for example."""

    class Failing(HMACSHA256):
        slug: ClassVar[str] = "failing"

        def public(self, private: bytes, /) -> bytes:
            raise RuntimeError("not built in")

        def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
            raise RuntimeError("not built in")

    with pytest.raises(PluginBrokenError, match="cannot take a key: RuntimeError: not built in"):
        Signer(scheme=Failing(), id="x", private=bytes(32))
    with pytest.raises(PluginBrokenError, match="cannot take a key: RuntimeError: not built in"):
        Verifier(scheme=Failing(), id="x", public=bytes(32))


def test_nothing_pickles_a_key() -> None:
    """Alone or among others."""
    for each in (ONE, Signers((ONE,), current=ONE)):
        with pytest.raises(TypeError, match="is not pickled"):
            pickle.dumps(each)
        with pytest.raises(TypeError, match="is not pickled"):
            copy.deepcopy(each)


def test_nothing_prints_a_key() -> None:
    """Ids alone, and of texts the places that they come from."""
    text = f"x:{'A' * 43}="
    assert "A" * 43 not in repr(Texts(signing=text, trusted=(text,), revoked=(text,)))
    assert ["Signer(hmac-sha256:one)", "Signers(hmac-sha256:one)"] == [repr(ONE), repr(Signers((ONE,), current=ONE))]
