"""The signature of a record: a keyed MAC over all of it, and through its digests over the payload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from holdall.errors import UntrustedResultError

if TYPE_CHECKING:
    from holdall.abc.keyring import Key, KeyRing

_PREFIX: Final = b"holdall record 1\n"
_MEMBER: Final = b',"signature":"hmac-sha256:%b:%b"'
_AT_THE_END: Final = re.compile(rb',"signature":"hmac-sha256:([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})"\Z')
_LONGEST: Final = 160
"""Bytes of the member, and some."""
UNSIGNED: Final = "unsigned"
"""On an accept list: records without a signature."""


def signed(body: bytes, key: Key, /) -> bytes:
    """The open document with its signature as the last member."""
    return body + _MEMBER % (key.id.encode(), _mac(body, key).encode())


def split(document: bytes, /) -> tuple[bytes, tuple[str, str] | None]:
    """What a signature is over; and the id of its key and the MAC, where there is one.

    A value that ends so would have a brace or escaped quotes there: it is the member and nothing else.
    """
    found = _AT_THE_END.search(document, max(len(document) - _LONGEST, 0))
    if found is None:
        return document, None
    return document[: found.start()], (found[1].decode(), found[2].decode())


def verify(document: bytes, /, *, keys: KeyRing, where: str, unsigned: bool = False) -> None:
    """Check a record before anything of it is used; with `unsigned`, one without a signature passes.

    Raises:
        UntrustedResultError: it is not signed, by no key that is known here, or not by who has the key.
    """
    import hmac  # noqa: PLC0415 - loads OpenSSL, which only who signs needs

    body, signature = split(document)
    if signature is None:
        if unsigned:
            return
        raise UntrustedResultError(
            f"{where} is not signed, and this reader takes signed results only, because it has a signing key. If it was "
            f"written before there was one and you trust who could write there, read with accept=[{UNSIGNED!r}] or set "
            f"HOLDALL_RESULTS_ACCEPT={UNSIGNED}; to sign what is there, copy it: holdall result copy."
        )
    key_id, mac = signature
    key = keys.get(key_id)
    if key is None:
        raise UntrustedResultError(
            f"{where} is signed with the key {key_id!r}, and the signing keys here are {', '.join(keys.ids)}. Add that key "
            "behind the current one, as 2026-11:KEY,2025-11:KEY, if it is yours."
        )
    if not hmac.compare_digest(_mac(body, key), mac):
        raise UntrustedResultError(
            f"{where} has a signature that the key {key_id!r} did not make: somebody without the key has changed it, or "
            "the key has another id elsewhere. Nothing of it was used. Restore it from a copy, or delete it so that the "
            "result is computed again."
        )


def _mac(body: bytes, key: Key) -> str:
    import hmac  # noqa: PLC0415 - as above

    return hmac.digest(key.secret, _PREFIX + body, "sha256").hex()
