"""Ed25519 signatures (RFC 8032): the public key verifies, the private key signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from holdall.abc.signature import SignatureScheme

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Ed25519(SignatureScheme):
    """Signature scheme with keys of 32 bytes and signatures of 64. The first operation imports `cryptography`."""

    slug: ClassVar[str] = "ed25519"

    def generate(self) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (
            Ed25519PrivateKey,
        )

        return Ed25519PrivateKey.generate().private_bytes_raw()

    def public(self, private: bytes, /) -> bytes:
        return _private_key(private).public_key().public_bytes_raw()

    def sign(self, message: bytes, private: bytes, /) -> bytes:
        return _private_key(private).sign(message)

    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = Ed25519PublicKey.from_public_bytes(public)
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _private_key(private: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(private)
