"""Key providers, which wrap and unwrap the data key of each result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from holdall.errors import ConfigurationError, CorruptResultError

if TYPE_CHECKING:
    from holdall.security import KeyRing


class KeyProvider(ABC):
    """Interface of a key management service. All threads share one provider."""

    @abstractmethod
    def wrap(self, data_key: bytes, /) -> tuple[str, bytes]:
        """Encrypts a data key.

        Args:
            data_key: 32 bytes.

        Returns:
            The id of the key that was used, and the encrypted data key (at most 2,048 bytes). Both are stored in the
            clear before the encrypted result.
        """

    @abstractmethod
    def unwrap(self, key_id: str, wrapped: bytes, /) -> bytes:
        """Decrypts a data key that `wrap` encrypted; returns its 32 bytes.

        Raises:
            ConfigurationError: this provider has no such key, or may not use it.
            CorruptResultError: `wrapped` was not encrypted with the key.
        """


class RingProvider(KeyProvider):
    """Provider with the keys of a setting or a block, by AES key wrap (RFC 3394): the first one wraps, all unwrap."""

    def __init__(self, ring: KeyRing, /) -> None:
        self.ring = ring

    def wrap(self, data_key: bytes, /) -> tuple[str, bytes]:
        from cryptography.hazmat.primitives.keywrap import aes_key_wrap

        key = self.ring.current
        return key.id, aes_key_wrap(key.secret, data_key)

    def unwrap(self, key_id: str, wrapped: bytes, /) -> bytes:
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        key = self.ring.get(key_id)
        if key is None:
            raise ConfigurationError(
                f"This result is encrypted under the key {key_id!r}, and the encryption keys here are "
                f"{', '.join(self.ring.ids)}. Add that key behind the current one, as 2026-11:KEY,2025-11:KEY."
            )
        try:
            return aes_key_unwrap(key.secret, wrapped)
        except InvalidUnwrap as error:
            raise CorruptResultError(
                f"This encrypted result does not open with the key {key_id!r}: its header was changed, or the key has "
                "another id elsewhere."
            ) from error
