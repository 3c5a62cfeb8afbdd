"""Key rings: secret keys by id. The first signs or encrypts; all of them verify or decrypt."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import Error
from hashlib import sha256
from typing import Final, NamedTuple

from holdall.errors import ConfigurationError

SIZE: Final = 32
"""Bytes of a key."""
MAKE_ONE: Final = "holdall key new"
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Key(NamedTuple):
    """Secret key, and the id that is stored with what it signs or encrypts."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


class KeyRing:
    """Keys by id, the current one first. Its `repr` has the ids alone."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[Key, ...], /) -> None:
        self._keys = {key.id: key for key in keys}

    @classmethod
    def parse(cls, text: str, /, *, source: str) -> KeyRing:
        """Parses `KEY`, or `id:KEY,older-id:KEY,…`; a key is 32 bytes in URL-safe base64, and the id of a bare one is a digest.

        Raises:
            ConfigurationError: it is not such a list. Names `source`, and never a key.
        """
        keys = tuple(_key(each.strip(), source) for each in text.split(","))
        if len({key.id for key in keys}) < len(keys):
            raise ConfigurationError(
                f"{source} gives two keys the same id. Give each key an id of its own, as 2026-11:KEY."
            )
        return cls(keys)

    @property
    def current(self) -> Key:
        """The key that signs or encrypts."""
        return next(iter(self._keys.values()))

    @property
    def ids(self) -> list[str]:
        """The ids, the current one first."""
        return list(self._keys)

    def get(self, key_id: str, /) -> Key | None:
        """Returns the key with the id."""
        return self._keys.get(key_id)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"


def _key(text: str, source: str) -> Key:
    name, colon, encoded = text.rpartition(":")
    try:
        secret = urlsafe_b64decode(encoded.encode("ascii"))
    except (Error, ValueError):
        secret = b""
    if len(secret) != SIZE or (colon and not _ID.fullmatch(name)):
        raise ConfigurationError(
            f"{source} is not a list of keys: each is {SIZE} bytes in URL-safe base64, with an id before it where there "
            f"are several, as 2026-11:KEY,2025-11:KEY. Make one with: {MAKE_ONE}"
        )
    return Key(name or sha256(b"holdall key id" + secret).hexdigest()[:16], secret)
