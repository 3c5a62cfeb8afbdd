"""Signing and verification keys from texts: `id:KEY` is shared, `id:ed25519-private:KEY` and `-public:` are a pair."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, NoReturn, cast

from holdall.abc.signature import CHECK_SIZE, Signer, Signers, Verifier
from holdall.builtin.hmac_sha256 import HMACSHA256
from holdall.errors import ConfigurationError
from holdall.plugins import registry
from holdall.plugins.known import KNOWN
from holdall.security.keyring import MAKE_ONE, KeyRing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdall.abc.signature import SignatureScheme

Part = Literal["private", "public"]
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PAIRED: Final = re.compile(
    r"(?:(?P<id>[A-Za-z0-9._-]{1,64}):)?(?P<scheme>[a-z0-9]+(?:-[a-z0-9]+)*)-(?P<part>private|public):(?P<key>[A-Za-z0-9_=-]+)"
)
_PLUGINS: Final = {slug: distribution for slug, (distribution, _) in KNOWN["signatures"].items()}
MAKE_A_PAIR: Final = "holdall key new --kind ed25519"


class Texts(NamedTuple):
    """Lists of keys: each text, and the name of its source for messages. None: there is no such list."""

    signing: str | None = None
    trusted: tuple[str, ...] | None = None
    revoked: tuple[str, ...] = ()
    signing_source: str = "HOLDALL_SIGNING_KEY"
    trusted_source: str = "HOLDALL_TRUSTED_SIGNERS"
    revoked_source: str = "HOLDALL_REVOKED_SIGNERS"

    def __repr__(self) -> str:
        return f"Texts({self.signing_source}, {self.trusted_source}, {self.revoked_source})"


def parse(texts: Texts, /) -> Signers:
    """Parses the lists into signers. The first signing key is the current one.

    Raises:
        ConfigurationError: a text is no key, or one of the wrong kind; two keys have one id; the current key is revoked.
            Names the source, and never a key.
        PluginError: the plugin of a key's scheme is missing or broken.
    """
    own = [_signer(each, texts.signing_source) for each in _items(texts.signing)]
    trusted = [_verifier(each, texts.trusted_source) for each in texts.trusted or ()]
    revoked_keys = [_verifier(each, texts.revoked_source) for each in texts.revoked if ":" in each]
    revoked_ids = [each for each in texts.revoked if ":" not in each]
    for each in revoked_ids:
        if not is_id(each):
            raise ConfigurationError(
                f"{texts.revoked_source} has a text that is no id of a key: letters, digits, dots, underscores and "
                "hyphens, or the whole public key as it stood in the list of trusted signers."
            )
    _refuse_doubles(own, texts.signing_source)
    _refuse_doubles(trusted, texts.trusted_source)
    _refuse_contradictions(own, trusted, texts)
    found = Signers(
        (*own, *trusted),
        current=own[0] if own else None,
        revoked=((None, each) for each in revoked_ids),
        revoked_keys=revoked_keys,
        plugins=_PLUGINS,
    )
    if found.current is not None and found.is_revoked(*found.current.name):
        raise ConfigurationError(
            f"The first key of {texts.signing_source}, {found.current.id!r}, is revoked here ({texts.revoked_source}), so "
            f"nobody would believe what it signs. Put a new one first; make it with: {_make(found.current.scheme)}"
        )
    return found


def text_of(verifier: Verifier, part: Part, key: bytes, /) -> str:
    """Returns a key in the form that `parse` reads, under the verifier's id."""
    scheme = verifier.scheme
    if scheme.symmetric:
        return f"{verifier.id}:{urlsafe_b64encode(key).decode()}"
    encoded = urlsafe_b64encode(key + _check(scheme.slug, part, key)).decode()
    return f"{verifier.id}:{scheme.slug}-{part}:{encoded}"


def scheme(slug: str, /) -> SignatureScheme:
    """Returns the signature scheme of that name.

    Raises:
        PluginMissingError: with the install line. ConfigurationError: nobody knows it.
    """
    if slug == HMACSHA256.slug:
        return HMACSHA256()
    return cast("SignatureScheme", registry.load("signatures", slug)())


def is_id(text: str, /) -> bool:
    return _ID.fullmatch(text) is not None


def own_id(public: bytes, /) -> str:
    """Returns the id of a key that has none: the same for the same key."""
    return sha256(b"holdall key id" + public).hexdigest()[:16]


def _items(text: str | None) -> list[str]:
    return [] if text is None else [each.strip() for each in text.split(",")]


def _signer(text: str, source: str) -> Signer:
    paired = _PAIRED.fullmatch(text)
    if paired is None:
        key = KeyRing.parse(text, source=source).current
        return Signer(scheme=HMACSHA256(), id=key.id, private=key.secret)
    if paired["part"] == "public":
        raise ConfigurationError(
            f"{source} has a public key{_called(paired)}, and nothing can be signed with that. Put the private key there; "
            "a public one goes into HOLDALL_TRUSTED_SIGNERS."
        )
    found = _of_pairs(paired, source)
    private = _decoded(paired, source)
    try:
        return Signer(scheme=found, id=paired["id"] or own_id(found.public(private)), private=private)
    except ValueError:
        _refuse(paired, source)


def _verifier(text: str, source: str) -> Verifier:
    paired = _PAIRED.fullmatch(text)
    if paired is None:
        raise ConfigurationError(
            f"{source} is not a list of public keys: each is id:ed25519-public:KEY, and there are commas between them. A key "
            f"that signs by HMAC is no public key: it goes into HOLDALL_SIGNING_KEY. Make a pair with: {MAKE_A_PAIR}"
        )
    if paired["part"] == "private":
        raise ConfigurationError(
            f"{source} has a private key{_called(paired)}: whoever reads that list could sign with it. Put the public key "
            f"there, and make a new pair if others have seen this one: {MAKE_A_PAIR}"
        )
    found = _of_pairs(paired, source)
    public = _decoded(paired, source)
    try:
        return Verifier(scheme=found, id=paired["id"] or own_id(public), public=public)
    except ValueError:
        _refuse(paired, source)


def _of_pairs(paired: re.Match[str], source: str) -> SignatureScheme:
    found = scheme(paired["scheme"])
    if found.symmetric:
        # Else a secret that somebody else knows would be trusted as if only one could sign with it.
        raise ConfigurationError(
            f"{source} has a {paired['scheme']} key{_called(paired)} as one of a pair, and that scheme has one secret for all: "
            "it is written id:KEY, and goes into HOLDALL_SIGNING_KEY."
        )
    return found


def _decoded(paired: re.Match[str], source: str) -> bytes:
    try:
        raw = urlsafe_b64decode(paired["key"].encode("ascii"))
    except (Error, ValueError):
        _refuse(paired, source)
    key, check = raw[:-CHECK_SIZE], raw[-CHECK_SIZE:]
    if not key or check != _check(paired["scheme"], cast("Part", paired["part"]), key):
        _refuse(paired, source)
    return key


def _check(slug: str, part: Part, key: bytes) -> bytes:
    return sha256(f"holdall {slug} {part} key\n".encode() + key).digest()[:CHECK_SIZE]


def _refuse(paired: re.Match[str], source: str) -> NoReturn:
    raise ConfigurationError(
        f"{source} has a text{_called(paired)} that is no {paired['scheme']} {paired['part']} key: it was mistyped, cut "
        f"short, or is of another kind. Make a pair with: {MAKE_A_PAIR}"
    )


def _called(paired: re.Match[str]) -> str:
    return f" ({paired['id']})" if paired["id"] else ""


def _refuse_doubles(keys: Iterable[Verifier], source: str) -> None:
    names = [each.name for each in keys]
    if len(set(names)) < len(names):
        raise ConfigurationError(
            f"{source} gives two keys the same id. Give each key an id of its own, as 2026-11:KEY."
        )


def _refuse_contradictions(own: Iterable[Verifier], trusted: Iterable[Verifier], texts: Texts) -> None:
    mine = {each.name: each.public for each in own}
    for each in trusted:
        if mine.get(each.name, each.public) != each.public:
            raise ConfigurationError(
                f"{texts.trusted_source} and {texts.signing_source} have two keys of the id {each.id!r}. Give each key an "
                "id of its own."
            )


def _make(found: SignatureScheme) -> str:
    return MAKE_ONE if found.symmetric else f"holdall key new --kind {found.slug}"
