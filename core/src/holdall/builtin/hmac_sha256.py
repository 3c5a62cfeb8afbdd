"""Signature scheme HMAC-SHA-256, of the standard library. Whoever can verify a signature can make one."""

from __future__ import annotations

from typing import ClassVar, Final

from holdall.abc.signature import SignatureScheme

SIZE: Final = 32
"""Size of a key in bytes."""


class HMACSHA256(SignatureScheme):
    """Signs with one secret of 32 bytes that all share."""

    slug: ClassVar[str] = "hmac-sha256"
    symmetric: ClassVar[bool] = True

    def generate(self) -> bytes:
        from secrets import token_bytes

        return token_bytes(SIZE)

    def public(self, private: bytes, /) -> bytes:
        return _checked(private)

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        import hmac

        return hmac.digest(_checked(private), message, "sha256")

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        import hmac

        return hmac.compare_digest(self.sign(message, public), signature)


def _checked(key: bytes) -> bytes:
    if len(key) != SIZE:
        raise ValueError(f"a key has {SIZE} bytes, and this one {len(key)}")
    return key
