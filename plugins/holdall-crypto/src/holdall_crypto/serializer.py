"""The encrypting serializer. The first value imports `cryptography`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, PrivateAttr

from holdall.errors import ConfigurationError
from holdall.security import MAKE_ONE
from holdall.serialization import WrappingSerializer
from holdall.serialization.wrapping import Wrapped
from holdall.types import CALLS, Trust
from holdall_crypto.decrypted_source import DecryptedSource
from holdall_crypto.frames import KEY_SIZE, LONGEST_HEADER, Header, encrypt
from holdall_crypto.providers import KeyProvider, RingProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.codec import Codec
    from holdall.security import Policy
    from holdall.types import Buffer, Parts, Source


class EncryptedSerializer(WrappingSerializer):
    """Encrypts the output of `serializer` with AES-256-GCM, each result with a data key of its own.

    Data keys are encrypted with one of `HOLDALL_ENCRYPTION_KEY`, or of the block's `encryption_key`, unless there is a
    `key_provider`: an instance, or `"module:name"` of one, which is stored for readers.

    `result_serializer="encrypted/json"` is short for `EncryptedSerializer(serializer="json")`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    slug: ClassVar[str] = "encrypted"
    media_type: ClassVar[str] = "application/octet-stream"

    key_provider: KeyProvider | str | None = None

    _ring: RingProvider | None = PrivateAttr(default=None)

    def __init__(
        self,
        *,
        serializer: str | Codec | Mapping[str, Any] = "pickle",
        key_provider: KeyProvider | str | None = None,
    ) -> None:
        """Raises `ConfigurationError` where `key_provider` is neither a provider nor the name of one."""
        if not (key_provider is None or isinstance(key_provider, KeyProvider | str)):
            raise ConfigurationError(
                f"key_provider is a holdall_crypto.KeyProvider or the name of one, as 'vault:provider', not a "
                f"{type(key_provider).__name__}."
            )
        if isinstance(key_provider, str) and not all(key_provider.partition(":")):
            raise ConfigurationError(f"key_provider={key_provider!r} is not of the form module:name.")
        super().__init__(serializer=serializer, key_provider=key_provider)

    @property
    def calls(self) -> frozenset[str]:
        named = {self.key_provider} if isinstance(self.key_provider, str) and not self.is_stored else ()
        return super().calls.union(named)

    @property
    def suffix(self) -> str:  # type: ignore[override]  # depends on what is inside, and stays read-only
        return f"{self.inner.suffix}.enc"

    def options(self) -> dict[str, Any]:
        """Returns the stored options. A provider without a name is not stored: readers have to give it."""
        named = {"key_provider": self.key_provider} if isinstance(self.key_provider, str) else {}
        return {"serializer": {"type": self.inner.slug, "options": self.inner.options()}, **named}

    def with_inner(self, inner: Codec, /) -> EncryptedSerializer:
        return self if inner is self.inner else self._with(inner, self._ring)

    def with_policy(self, policy: Policy, /) -> Codec:
        ring = None if policy.encryption is None else RingProvider(policy.encryption)
        return self._with(self.inner.with_policy(policy), ring)

    def _with(self, inner: Codec, ring: RingProvider | None) -> EncryptedSerializer:
        twin = self.model_copy(update={"serializer": inner})
        twin._ring = ring  # noqa: SLF001 - a copy of this very class
        return twin

    def check(self) -> None:
        super().check()
        self._provider(Trust())

    def wrap(self, parts: Parts, /) -> EncryptedParts:
        return EncryptedParts(parts, self._provider(Trust()))

    def unwrap(self, source: Source, /) -> DecryptedSource:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        header = Header.read(bytes(source.read_range(0, LONGEST_HEADER)))
        data_key = self._provider(source.trust).unwrap(header.key_id, header.wrapped)
        return DecryptedSource(source, header, AESGCM(_checked_key(data_key)))

    def _provider(self, trust: Trust) -> KeyProvider:
        path = self.key_provider
        if isinstance(path, KeyProvider):
            return path
        if path is not None:
            # A provider that is configured here, and not stored, is trusted.
            trusted = trust if self.is_stored else Trust(accept=frozenset({CALLS + path}))
            provider = trusted.called(path, needed_for="An encrypted result, as its key provider,")
            if not isinstance(provider, KeyProvider):
                raise ConfigurationError(
                    f"key_provider={path!r} is no holdall_crypto.KeyProvider, but a {type(provider).__name__}."
                )
            return provider
        if self._ring is None:
            raise ConfigurationError(
                "There is no encryption key here: set HOLDALL_ENCRYPTION_KEY, or encryption_key of the block, to the key of "
                f"this result, or to a new one for results to come, as id:KEY. Make one with: {MAKE_ONE}"
            )
        return self._ring


def _checked_key(data_key: bytes) -> bytes:
    if len(data_key) != KEY_SIZE:
        raise ConfigurationError(f"The key provider gave a key of {len(data_key)} bytes, and it has {KEY_SIZE}.")
    return data_key


class EncryptedParts(Wrapped):
    """Encrypted file of parts, with a data key that each iteration creates."""

    def __init__(self, inner: Parts, provider: KeyProvider) -> None:
        self.inner = inner
        self._provider = provider

    def __iter__(self) -> Iterator[Buffer]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data_key = os.urandom(KEY_SIZE)
        header = Header.make(*self._provider.wrap(data_key))
        return encrypt(self.inner, header, AESGCM(data_key))
