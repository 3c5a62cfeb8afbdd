"""Signatures of records: schemes (HMAC-SHA-256 and those of plugins), keys that sign and verify, and trusted signers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

from holdall.errors import PluginBrokenError, describe_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHECK_SIZE: Final = 4
"""Bytes of the check digest in the text of a key, which finds typing errors and the other half of a pair."""


class SignatureScheme(ABC):
    """Signature scheme. Made without arguments; one instance serves all threads.

    An entry point of the group `holdall.signatures` leads to the class, under its `slug`: that name stands in records and
    in keys. Import the library inside the methods, so that only processes that sign pay for it.
    """

    slug: ClassVar[str]
    api_version: ClassVar[int] = 1
    symmetric: ClassVar[bool] = False
    """Whether one secret both signs and verifies, as in the built-in HMAC. Keys of a plugin come in pairs."""

    @abstractmethod
    def generate(self) -> bytes:
        """Returns a new private key, from the operating system's source of randomness."""

    @abstractmethod
    def public(self, private: bytes, /) -> bytes:
        """Returns the public key of a private key; of a symmetric scheme, the key itself.

        Raises:
            ValueError: `private` is not a key of this scheme.
        """

    @abstractmethod
    def sign(self, message: bytes, private: bytes, /) -> bytes:
        """Signs a message; a signature has 16 to 256 bytes.

        Raises:
            ValueError: `private` is not a key of this scheme.
        """

    @abstractmethod
    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        """Returns whether it is the signature of exactly this message by the private key of `public`.

        Returns a bool whatever `signature` is. Compares in constant time if the scheme is symmetric.

        Raises:
            ValueError: `public` is not a key of this scheme.
        """


class Verifier:
    """Public key with its id and its scheme. Its `repr` has no key."""

    __slots__ = ("id", "public", "scheme")

    def __init__(self, *, scheme: SignatureScheme, id: str, public: bytes) -> None:  # noqa: A002 - as records call it
        """Raises `ValueError` if `public` is not a key of the scheme, `PluginBrokenError` if the scheme fails."""
        try:
            scheme.verify(b"", b"", public)
        except ValueError:
            raise
        except Exception as error:  # the boundary to plugins
            raise _broken(scheme, "take a key", error) from error
        self.scheme = scheme
        self.id = id
        self.public = public

    @property
    def name(self) -> tuple[str, str]:
        """Slug of the scheme, and id: equal ids of two schemes are two names."""
        return self.scheme.slug, self.id

    def verify(self, message: bytes, signature: bytes, /) -> bool:
        """Returns whether the key made the signature; raises `PluginBrokenError` if the scheme fails."""
        try:
            return self.scheme.verify(message, signature, self.public) is True
        except Exception as error:  # the boundary to plugins
            raise _broken(self.scheme, "check a signature", error) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}({':'.join(self.name)})"

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not pickled: keys go to other processes another way")


class Signer(Verifier):
    """Private key, which signs as well."""

    __slots__ = ("_private",)

    def __init__(self, *, scheme: SignatureScheme, id: str, private: bytes) -> None:  # noqa: A002 - as above
        """Raises `ValueError` if `private` is not a key of the scheme, `PluginBrokenError` if the scheme fails."""
        try:
            public = scheme.public(private)
        except ValueError:
            raise
        except Exception as error:  # the boundary to plugins
            raise _broken(scheme, "take a key", error) from error
        super().__init__(scheme=scheme, id=id, public=public)
        self._private = private

    def sign(self, message: bytes, /) -> bytes:
        """Signs a message; raises `PluginBrokenError` if the scheme fails."""
        try:
            return self.scheme.sign(message, self._private)
        except Exception as error:  # the boundary to plugins
            raise _broken(self.scheme, "sign", error) from error


def _broken(scheme: SignatureScheme, what: str, error: Exception) -> PluginBrokenError:
    return PluginBrokenError(
        f"The signature scheme {scheme.slug!r} ({type(scheme).__module__}.{type(scheme).__qualname__}) cannot {what}: "
        f"{describe_error(error)}. Upgrade the plugin that it comes with."
    )


class Signers:
    """Trusted signers of a reader, and the one that signs here: `current`, or None if this process only reads.

    If it is empty, no signature is trusted: that is not the same as no policy. `revoked` are pairs of a scheme's slug, or
    None for every scheme, and an id; a key that had one of these ids is trusted under no other id either. `plugins` are the
    distributions that bring schemes, for messages.
    """

    __slots__ = ("_believed", "_revoked", "current", "plugins")

    def __init__(
        self,
        believed: Iterable[Verifier],
        /,
        *,
        current: Signer | None = None,
        revoked: Iterable[tuple[str | None, str]] = (),
        revoked_keys: Iterable[Verifier] = (),
        plugins: Mapping[str, str] | None = None,
    ) -> None:
        known = {each.name: each for each in believed}
        gone = set(revoked) | {each.name for each in revoked_keys}
        by_id = [each for name, each in known.items() if name in gone or (None, name[1]) in gone]
        keys = {(each.scheme.slug, each.public) for each in (*by_id, *revoked_keys)}
        gone |= {name for name, each in known.items() if (each.scheme.slug, each.public) in keys}
        self._revoked = frozenset(gone)
        self._believed = {name: each for name, each in known.items() if not self.is_revoked(*name)}
        self.current = current
        self.plugins = plugins or {}

    @property
    def names(self) -> list[tuple[str, str]]:
        """Scheme and id of each trusted signer."""
        return list(self._believed)

    def get(self, scheme: str, key_id: str, /) -> Verifier | None:
        return self._believed.get((scheme, key_id))

    def is_revoked(self, scheme: str, key_id: str, /) -> bool:
        return (scheme, key_id) in self._revoked or (None, key_id) in self._revoked

    def __repr__(self) -> str:
        return f"Signers({', '.join(map(':'.join, self._believed))})"
