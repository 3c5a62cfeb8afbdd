"""The contract of signature schemes: what keeps to it, and that each of its tests can fail."""

from __future__ import annotations

import hashlib
import hmac
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall.builtin.hmac_sha256 import HMACSHA256
from holdall.testing.signatures import SignatureSchemeContract

if TYPE_CHECKING:
    from holdall.abc import SignatureScheme


class TestHMAC(SignatureSchemeContract):
    """What is built in."""

    @pytest.fixture
    def scheme(self) -> SignatureScheme:
        return HMACSHA256()


class Pair(HMACSHA256):
    """No pair at all, but it looks like one: for liars alone."""

    slug: ClassVar[str] = "pair"
    symmetric: ClassVar[bool] = False

    def public(self, private: bytes, /) -> bytes:
        return hashlib.sha256(super().public(private)).digest()

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        return HMACSHA256.sign(self, message, self.public(private))

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        return hmac.compare_digest(HMACSHA256.sign(self, message, public), signature)


class Shouting(HMACSHA256):
    """Has a name that no record can hold."""

    slug: ClassVar[str] = "HMAC:SHA"


class Yes(HMACSHA256):
    """Accepts everything."""

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        super().verify(message, signature, public)
        return True


class Truncated(HMACSHA256):
    """Accepts the beginning of a signature."""

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        return len(signature) > 0 and self.sign(message, public).startswith(signature)


class Tolerant(HMACSHA256):
    """Does not look at what stands behind a signature."""

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        return super().verify(message, signature[:32], public)


class Bodiless(HMACSHA256):
    """Signs nothing of the message."""

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        return super().sign(b"signed", private)


class Hasty(HMACSHA256):
    """Signs the first bytes of the message."""

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        return super().sign(message[:500_000], private)


class Silent(HMACSHA256):
    """Has no answer but yes."""

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> Any:
        return super().verify(message, signature, public) or None


class Raising(HMACSHA256):
    """Takes a signature of another length for a fault of its caller."""

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        if len(signature) != 32:
            raise RuntimeError("a signature has 32 bytes")
        return super().verify(message, signature, public)


class Deaf(HMACSHA256):
    """Never believes."""

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        super().verify(message, signature, public)
        return False


class Constant(HMACSHA256):
    """Gives everybody the same key."""

    def generate(self) -> bytes:
        return bytes(32)


class Open(Pair):
    """Hands the private key out as the public one, and does not say so."""

    def public(self, private: bytes, /) -> bytes:
        return HMACSHA256.public(self, private)


class Confusable(Pair):
    """Has keys whose text is that of a shared secret."""

    def public(self, private: bytes, /) -> bytes:
        return super().public(private)[:28]


class Lenient(HMACSHA256):
    """Takes any bytes for a key."""

    def public(self, private: bytes, /) -> bytes:
        return private

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        return hmac.digest(private, message, "sha256")


class Alone(HMACSHA256):
    """Serves one thread."""

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("another thread")
        return super().sign(message, private)


LIARS: list[tuple[str, type[SignatureScheme]]] = [
    ("test_describes_itself", Shouting),
    ("test_a_signature_is_believed", Deaf),
    ("test_every_byte_of_the_message_counts", Yes),
    ("test_every_byte_of_the_message_counts", Bodiless),
    ("test_every_byte_of_the_message_counts", Hasty),
    ("test_every_byte_of_the_message_counts", Silent),
    ("test_every_bit_of_the_signature_counts", Yes),
    ("test_every_bit_of_the_signature_counts", Truncated),
    ("test_every_bit_of_the_signature_counts", Tolerant),
    ("test_every_bit_of_the_signature_counts", Raising),
    ("test_noise_is_no_signature", Yes),
    ("test_noise_is_no_signature", Raising),
    ("test_each_key_is_another", Constant),
    ("test_who_checks_cannot_forge", Open),
    ("test_a_public_key_is_no_shared_secret", Confusable),
    ("test_what_is_no_key_is_a_value_error", Lenient),
    ("test_threads_share_it", Alone),
]


@pytest.mark.parametrize(("promise", "liar"), LIARS, ids=lambda each: getattr(each, "__name__", each))
def test_a_liar_is_found(promise: str, liar: type[SignatureScheme]) -> None:
    """By the test that is about what it lies about."""
    with pytest.raises((AssertionError, RuntimeError, pytest.fail.Exception)):
        getattr(SignatureSchemeContract(), promise)(liar())


def test_every_promise_has_a_liar() -> None:
    """So that none of them is true of everything."""
    assert {name for name in dir(SignatureSchemeContract) if name.startswith("test_")} == {name for name, _ in LIARS}
