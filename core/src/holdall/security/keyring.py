"""Secret keys by id: the first one is for what is made now, all of them are for what was made before."""

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
    """A key and the id that stands in what was made with it."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


class KeyRing:
    """Keys in the order of their age, the current one first. Prints ids alone."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[Key, ...], /) -> None:
        self._keys = {key.id: key for key in keys}

    @classmethod
    def parse(cls, text: str, /, *, source: str) -> KeyRing:
        """`KEY`, or `id:KEY,older-id:KEY,…`; a key is 32 bytes in URL-safe base64, and a bare one names itself.

        Raises:
            ConfigurationError: it is no such list. Names `source`, and never a key.
        """
        keys = tuple(_key(each.strip(), source) for each in text.split(","))
        if len({key.id for key in keys}) < len(keys):
            raise ConfigurationError(
                f"{source} gives two keys the same id. Give each key an id of its own, as 2026-11:KEY."
            )
        return cls(keys)

    @property
    def current(self) -> Key:
        return next(iter(self._keys.values()))

    @property
    def ids(self) -> list[str]:
        return list(self._keys)

    def get(self, key_id: str, /) -> Key | None:
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
