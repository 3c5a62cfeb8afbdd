"""Encryption and Ed25519 signatures of results."""

from __future__ import annotations

from holdall_crypto.ed25519 import Ed25519
from holdall_crypto.providers import KeyProvider
from holdall_crypto.serializer import EncryptedSerializer

__all__ = ["Ed25519", "EncryptedSerializer", "KeyProvider"]
