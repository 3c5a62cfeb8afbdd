"""Keys as texts: what is a key, what is refused, and that nothing else is raised."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.abc.signature import Signer
from holdall.builtin.hmac_sha256 import HMACSHA256
from holdall.errors import ConfigurationError, HoldallError
from holdall.results.signing_keys import Texts, is_id, own_id, parse, scheme, text_of

SECRET = urlsafe_b64encode(bytes([1]) * 32).decode()
PIECES = st.sampled_from(
    ["id", "a-b", ":", ",", "ed25519", "hmac-sha256", "-private", "-public", SECRET, SECRET[:-1], "=", " ", "é", ""]
)


def test_a_shared_secret_is_written_as_ever() -> None:
    """With an id, or naming itself."""
    found = parse(Texts(signing=f"2026:{SECRET}, {SECRET}"))

    assert [("hmac-sha256", "2026"), ("hmac-sha256", own_id(bytes([1]) * 32))] == found.names
    assert found.current is found.get("hmac-sha256", "2026")


def test_the_text_of_a_secret_is_read_again() -> None:
    """As the command prints it."""
    signer = Signer(scheme=HMACSHA256(), id="x", private=bytes([7]) * 32)

    assert signer.sign(b"m") == parse(Texts(signing=text_of(signer, "private", bytes([7]) * 32))).current.sign(b"m")  # type: ignore[union-attr]


def test_the_built_in_scheme_is_looked_up_by_its_name() -> None:
    """And no other scheme is known by a name that is near."""
    assert isinstance(scheme("hmac-sha256"), HMACSHA256)
    with pytest.raises(ConfigurationError, match="No signature scheme is called 'hmac-sha512'"):
        scheme("hmac-sha512")


@pytest.mark.parametrize("part", ["private", "public"])
@pytest.mark.parametrize("place", ["signing", "trusted"])
def test_the_built_in_scheme_has_no_pairs(part: str, place: str) -> None:
    """A secret that is trusted like a public key would let its readers forge."""
    text = f"x:hmac-sha256-{part}:{SECRET}"
    texts = Texts(signing=text) if place == "signing" else Texts(trusted=(text,))

    with pytest.raises(ConfigurationError, match=r"has one secret for all|has a p(ublic|rivate) key") as caught:
        parse(texts)
    assert SECRET not in str(caught.value)


def test_nobody_is_somebody() -> None:
    """A list of nobody believes nobody, and signs nothing."""
    found = parse(Texts(trusted=()))

    assert ([], None) == (found.names, found.current)


@pytest.mark.parametrize("text", ["a", "A.b_c-9", "x" * 64])
def test_an_id(text: str) -> None:
    """As it may stand in a record."""
    assert is_id(text)
    assert text == parse(Texts(signing=f"{text}:{SECRET}")).current.id  # type: ignore[union-attr]


def said_of(texts: Texts) -> str:
    """What the error says, if there is one."""
    try:
        parse(texts)
    except HoldallError as error:
        return str(error)
    return ""


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=8).map("".join)))
def test_any_text_is_keys_or_an_error_of_ours(text: str) -> None:
    """In every list, and no error shows a secret."""
    for texts in (
        Texts(signing=text),
        Texts(trusted=(text,)),
        Texts(revoked=(text,)),
        Texts(trusted=(), revoked=(text,)),
    ):
        assert SECRET not in said_of(texts)


@given(st.binary(min_size=1, max_size=64))
def test_no_other_size_is_a_secret(key: bytes) -> None:
    """So that what is longer, as the text of a key of a pair, is none."""
    text = urlsafe_b64encode(key).decode()
    with suppress(ConfigurationError):
        parse(Texts(signing=f"x:{text}"))
        assert 32 == len(key)
