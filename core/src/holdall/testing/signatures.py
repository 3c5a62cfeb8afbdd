"""Contract suite of a signature scheme: subclass, define one fixture, and pytest runs it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from hashlib import shake_128
from typing import Any, Final

import pytest

from holdall.abc.signature import CHECK_SIZE, SignatureScheme

MESSAGES: Final = (b"", b"\0", b"holdall record 1\n{}", bytes(range(256)), b"x" * 1_000_003)
_SHARED_SIZE: Final = 32  # bytes of a text that is taken for a secret that all share


class SignatureSchemeContract:
    """Contract of a signature scheme, on which every reading of a signed record relies."""

    @pytest.fixture
    def scheme(self) -> SignatureScheme:
        """The scheme under test."""
        raise NotImplementedError

    def test_describes_itself(self, scheme: SignatureScheme) -> None:
        """Records and keys name it; readers need to know whether they could forge."""
        assert isinstance(scheme, SignatureScheme)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scheme.slug)
        assert len(scheme.slug) <= 32
        assert isinstance(scheme.symmetric, bool)

    def test_a_signature_is_believed(self, scheme: SignatureScheme) -> None:
        """Of messages of every length, by an instance of its own; it fits a record."""
        private = scheme.generate()
        for message in MESSAGES:
            signature = scheme.sign(message, private)

            assert isinstance(signature, bytes)
            assert 16 <= len(signature) <= 256
            assert type(scheme)().verify(message, signature, scheme.public(private)) is True

    def test_every_byte_of_the_message_counts(self, scheme: SignatureScheme) -> None:
        """One that is changed anywhere, cut, longer or empty is another one."""
        private = scheme.generate()
        public = scheme.public(private)
        for message in MESSAGES[1:]:
            signature = scheme.sign(message, private)
            places = {0, 1, len(message) // 2, len(message) - 1} if len(message) > 300 else set(range(len(message)))
            for at in places & set(range(len(message))):
                changed = bytearray(message)
                changed[at] ^= 1

                assert scheme.verify(bytes(changed), signature, public) is False
            for other in (b"", message[:-1], message[1:], message + b"\0", b"\0" + message):
                if other != message:
                    assert scheme.verify(other, signature, public) is False

    def test_every_bit_of_the_signature_counts(self, scheme: SignatureScheme) -> None:
        """And each of its bytes has to be there, with none behind."""
        private = scheme.generate()
        public, message = scheme.public(private), b"holdall record 1\n{}"
        signature = scheme.sign(message, private)
        for bit in range(len(signature) * 8):
            changed = bytearray(signature)
            changed[bit // 8] ^= 1 << bit % 8

            assert scheme.verify(message, bytes(changed), public) is False
        for size in range(len(signature)):
            assert scheme.verify(message, signature[:size], public) is False
        for longer in (signature + b"\0", signature + signature, b"\0" + signature):
            assert scheme.verify(message, longer, public) is False

    def test_noise_is_no_signature(self, scheme: SignatureScheme) -> None:
        """Nothing is raised whatever it is."""
        public = scheme.public(scheme.generate())
        for size in (0, 1, 15, 16, 32, 63, 64, 65, 256, 4096):
            for signature in (bytes(size), b"\xff" * size, shake_128(b"noise").digest(size)):
                assert scheme.verify(b"message", signature, public) is False

    def test_each_key_is_another(self, scheme: SignatureScheme) -> None:
        """What one has signed, no other has."""
        pairs = [(private, scheme.public(private)) for private in (scheme.generate() for _ in range(4))]
        for private, public in pairs:
            signature = scheme.sign(b"message", private)

            assert [public == other for _, other in pairs] == [
                scheme.verify(b"message", signature, other) for _, other in pairs
            ]
        assert len(pairs) == len({public for _, public in pairs}) == len({private for private, _ in pairs})

    def test_who_checks_cannot_forge(self, scheme: SignatureScheme) -> None:
        """Unless the scheme says that one secret does both."""
        private = scheme.generate()
        public = scheme.public(private)
        if scheme.symmetric:
            assert private == public
            return
        try:
            forged = scheme.sign(b"message", public)
        except ValueError:
            forged = b""

        assert private not in public
        assert scheme.verify(b"message", forged, public) is False

    def test_a_public_key_is_no_shared_secret(self, scheme: SignatureScheme) -> None:
        """The text of a key of a pair has another length than that of a key for HMAC, which thus takes none of them."""
        private = scheme.generate()

        assert {bytes} == {type(private), type(scheme.public(private))}
        if not scheme.symmetric:
            assert _SHARED_SIZE not in {len(private) + CHECK_SIZE, len(scheme.public(private)) + CHECK_SIZE}

    def test_what_is_no_key_is_a_value_error(self, scheme: SignatureScheme) -> None:
        """Also where nothing is signed or checked yet."""
        private = scheme.generate()
        public = scheme.public(private)
        for key in (b"", b"short", private + b"\0"):
            with pytest.raises(ValueError, match=r".*"):
                scheme.public(key)
            with pytest.raises(ValueError, match=r".*"):
                scheme.sign(b"message", key)
        for key in (b"", b"short", public + b"\0"):
            with pytest.raises(ValueError, match=r".*"):
                scheme.verify(b"message", b"", key)

    def test_threads_share_it(self, scheme: SignatureScheme) -> None:
        """One instance signs and checks for all."""
        private = scheme.generate()
        public = scheme.public(private)

        def round_trip(number: int) -> Any:
            message = b"%d" % number
            return scheme.verify(message, scheme.sign(message, private), public)

        with ThreadPoolExecutor(4) as pool:
            assert [True] * 40 == list(pool.map(round_trip, range(40)))
