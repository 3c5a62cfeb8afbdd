"""Record signatures: over the whole record, and through its digests over the payload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from holdall.errors import UntrustedResultError

if TYPE_CHECKING:
    from holdall.abc.signature import Signer, Signers

_PREFIX: Final = b"holdall record 1\n"
_START: Final = b',"signature":"'
# Of any scheme, known here or not: what is signed, and an inlined payload, end before it.
_MEMBER: Final = re.compile(
    rb',"signature":"([a-z0-9]+(?:-[a-z0-9]+)*):([A-Za-z0-9._-]{1,64}):((?:[0-9a-f]{2}){16,256})"', re.ASCII
)
_LONGEST: Final = 700
"""Bytes of the member, and some."""
UNSIGNED: Final = "unsigned"
"""Entry of an accept list for records without a signature."""
_SHARED: Final = "hmac-sha256"


def signed(body: bytes, signer: Signer, /) -> bytes:
    """Returns the open document with its signature as the last member."""
    scheme, key_id = signer.name
    signature = signer.sign(_PREFIX + body).hex()
    return b'%b%b%b:%b:%b"' % (body, _START, scheme.encode(), key_id.encode(), signature.encode())


def split(document: bytes, /) -> tuple[bytes, tuple[str, str, str] | None]:
    """Splits a document into what the signature is over, and scheme, key id and digits of the signature, if there is one.

    A value that ends so would have a brace or escaped quotes there, so it is the member and nothing else.
    """
    at = document.rfind(_START, max(len(document) - _LONGEST, 0))
    found = None if at < 0 else _MEMBER.fullmatch(document, at)
    if found is None:
        return document, None
    return document[:at], (found[1].decode(), found[2].decode(), found[3].decode())


def verify(document: bytes, /, *, keys: Signers, where: str, unsigned: bool = False) -> None:
    """Verifies the signature of a record, before the record is used; with `unsigned`, one without a signature passes.

    Raises:
        UntrustedResultError: it is not signed, its signer is not trusted here or is revoked, or the signature is wrong.
    """
    body, signature = split(document)
    if signature is None:
        if unsigned:
            return
        raise UntrustedResultError(
            f"{where} is not signed, and this reader takes signed results only, because it has signing keys or trusted "
            "signers. If it was written before there were any and you trust who could write there, read with "
            f"accept=[{UNSIGNED!r}] or set HOLDALL_RESULTS_ACCEPT={UNSIGNED}; to sign what is there, set that and copy it: "
            "holdall result copy."
        )
    scheme, key_id, digits = signature
    if keys.is_revoked(scheme, key_id):
        raise UntrustedResultError(
            f"{where} is signed with the {scheme} key {key_id!r}, which is revoked here (HOLDALL_REVOKED_SIGNERS, or "
            "revoked_signers of your own settings). Nothing of it was used. Have it computed and signed again, by a "
            "signer who is trusted."
        )
    key = keys.get(scheme, key_id)
    if key is None:
        raise UntrustedResultError(_unknown(scheme, key_id, keys, where))
    if not key.verify(_PREFIX + body, bytes.fromhex(digits)):
        raise UntrustedResultError(
            f"{where} has a signature that the key {key_id!r} did not make: somebody without the key has changed it, or "
            "the key has another id elsewhere. Nothing of it was used. Restore it from a copy, or delete it so that the "
            "result is computed again."
        )


def _unknown(scheme: str, key_id: str, keys: Signers, where: str) -> str:
    if not keys.names:
        here = "no signer is believed here"
    elif all(each == _SHARED for each in (scheme, *(known for known, _ in keys.names))):
        here = f"the signing keys here are {', '.join(known for _, known in keys.names)}"
    else:
        here = f"the signers that are believed here are {', '.join(map(':'.join, keys.names))}"
    if scheme == _SHARED:
        return (
            f"{where} is signed with the key {key_id!r}, and {here}. Add that key behind the current one, as "
            "2026-11:KEY,2025-11:KEY, if it is yours."
        )
    plugin = f" (pip install {keys.plugins[scheme]})" if scheme in keys.plugins else ""
    return (
        f"{where} is signed with the {scheme} key {key_id!r}, and {here}. If you trust that signer, add the public key to "
        f"HOLDALL_TRUSTED_SIGNERS, as {key_id}:{scheme}-public:KEY{plugin}."
    )
