"""How records are signed: a scheme a plugin, HMAC-SHA-256 built in; and whose signatures a reader believes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

from holdall.errors import PluginBrokenError, describe_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHECK_SIZE: Final = 4
"""Bytes of a digest behind a key in its text: one with a typing error, or of the other half of the pair, is no key."""


class SignatureScheme(ABC):
    """A way to sign bytes. Made without arguments; one instance serves all threads.

    An entry point of the group `holdall.signatures` leads to the class, under its `slug`: that name stands in records and
    in keys. Import the library inside the methods, so that who signs nothing does not pay for it.
    """

    slug: ClassVar[str]
    api_version: ClassVar[int] = 1
    symmetric: ClassVar[bool] = False
    """Whether one secret makes and checks signatures, so that nobody can check without being able to forge: the built-in
    HMAC. Keys of a plugin come in pairs."""

    @abstractmethod
    def generate(self) -> bytes:
        """A new private key, from the operating system's source of randomness."""

    @abstractmethod
    def public(self, private: bytes, /) -> bytes:
        """What checks the signatures of a private key; where the scheme is symmetric, the key itself.

        Raises:
            ValueError: `private` is no key of this scheme.
        """

    @abstractmethod
    def sign(self, message: bytes, private: bytes, /) -> bytes:
        """The signature: 16 to 256 bytes.

        Raises:
            ValueError: `private` is no key of this scheme.
        """

    @abstractmethod
    def verify(self, message: bytes, signature: bytes, public: bytes, /) -> bool:
        """Whether it is the signature of exactly this message, whole, by the private key that `public` belongs to.

        Whatever `signature` is, the answer is a bool. Compares in constant time where the scheme is symmetric.

        Raises:
            ValueError: `public` is no key of this scheme.
        """


class Verifier:
    """A key that checks signatures, the id that stands in what it checks, and its scheme. Prints no key."""

    __slots__ = ("id", "public", "scheme")

    def __init__(self, *, scheme: SignatureScheme, id: str, public: bytes) -> None:  # noqa: A002 - as records call it
        """Raises `ValueError` where `public` is no key of the scheme, `PluginBrokenError` where the scheme cannot say."""
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
        """The scheme's slug and the id: ids of two schemes are two names."""
        return self.scheme.slug, self.id

    def verify(self, message: bytes, signature: bytes, /) -> bool:
        """Raises `PluginBrokenError` where the scheme cannot say."""
        try:
            return self.scheme.verify(message, signature, self.public) is True
        except Exception as error:  # the boundary to plugins
            raise _broken(self.scheme, "check a signature", error) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}({':'.join(self.name)})"

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"{self!r} is not pickled: keys go to other processes another way")


class Signer(Verifier):
    """A key that signs as well."""

    __slots__ = ("_private",)

    def __init__(self, *, scheme: SignatureScheme, id: str, private: bytes) -> None:  # noqa: A002 - as above
        """Raises `ValueError` where `private` is no key of the scheme, `PluginBrokenError` where the scheme cannot say."""
        try:
            public = scheme.public(private)
        except ValueError:
            raise
        except Exception as error:  # the boundary to plugins
            raise _broken(scheme, "take a key", error) from error
        super().__init__(scheme=scheme, id=id, public=public)
        self._private = private

    def sign(self, message: bytes, /) -> bytes:
        """Raises `PluginBrokenError` where the scheme cannot sign."""
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
    """Whose signatures are believed, and who signs here: `current`, or None where this process only reads.

    Empty, it believes nobody: that is not the same as no policy at all. `revoked` are pairs of a scheme's slug, or None for
    every scheme, and an id; a key that one of them has had is believed under no other id either. `plugins` are the
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
        """Scheme and id of those that are believed."""
        return list(self._believed)

    def get(self, scheme: str, key_id: str, /) -> Verifier | None:
        return self._believed.get((scheme, key_id))

    def is_revoked(self, scheme: str, key_id: str, /) -> bool:
        return (scheme, key_id) in self._revoked or (None, key_id) in self._revoked

    def __repr__(self) -> str:
        return f"Signers({', '.join(map(':'.join, self._believed))})"
