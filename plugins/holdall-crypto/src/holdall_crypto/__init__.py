"""Results of holdall, encrypted."""

from __future__ import annotations

from holdall_crypto.providers import KeyProvider
from holdall_crypto.serializer import EncryptedSerializer

__all__ = ["EncryptedSerializer", "KeyProvider"]
