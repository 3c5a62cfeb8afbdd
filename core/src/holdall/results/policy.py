"""Policy of a storage, by its block or else by the settings, and its checks of records."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from holdall.errors import ConfigurationError, UntrustedResultError
from holdall.results import record as records
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.security.signing import UNSIGNED, verify
from holdall.settings.sources import ENCRYPTION_KEY, SIGNING_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import SecretStr

    from holdall.abc.signature import Signers
    from holdall.abc.storage import Storage
    from holdall.results.record import Record
    from holdall.results.signing_keys import Texts
    from holdall.settings.model import Settings
    from holdall.types import Buffer

_NONE: Final = Policy()
_ring = lru_cache(maxsize=64)(KeyRing.parse)


@lru_cache(maxsize=64)
def _signers(texts: Texts) -> Signers:
    from holdall.results.signing_keys import parse

    return parse(texts)


def policy_of(storage: Storage, settings: Settings, /) -> Policy:
    """Returns the policy of a storage.

    Raises:
        ConfigurationError: A key is not valid.
        PluginError: The plugin of a key's scheme is missing.
    """
    signing = _signing(storage, settings)
    encryption, source = _text(storage, "encryption_key", settings, ENCRYPTION_KEY)
    no_pickle = storage.no_pickle or settings.results_no_pickle
    own = storage.accept if settings.trusts_catalog else ()
    accept = settings.results_accept.union(own)
    verify, lossy = settings.results_verify_roundtrip, settings.results_lossy
    if (
        signing is None
        and encryption is None
        and not no_pickle
        and not accept
        and (verify, lossy, settings.results_max_bytes) == ("sample", "refuse", None)
    ):
        return _NONE
    return Policy(
        signing=signing,
        encryption=None if encryption is None else _ring(encryption, source=source),
        no_pickle=no_pickle,
        accept=accept,
        verify=verify,
        lossy=lossy,
        max_bytes=settings.results_max_bytes,
    )


def believed(data: Buffer, policy: Policy, where: str, /, *, accept: Iterable[str] = ()) -> Record:
    """Parses a record; its signature is checked before anything of it is used.

    Raises:
        UntrustedResultError: It is not signed, or not by a trusted signer.
        CorruptResultError: As `record.parse`.
    """
    keys = policy.signing
    if keys is None:
        return records.parse(data, where=where)
    unsigned = UNSIGNED in {*accept, *policy.accept}
    found = records.parse(data, where=where, verify=partial(verify, keys=keys, where=where, unsigned=unsigned))
    checksum = None if found.payload is None else found.payload.checksum
    if checksum is not None and checksum.algorithm != "sha256" and not unsigned:
        raise UntrustedResultError(
            f"{where} is signed, and names its payload by digests that a forger can meet. Nothing of it was used: it was not "
            "made by holdall. Have the result computed again."
        )
    return found


def check_signer(policy: Policy, label: str, /) -> None:
    """Checks that readers with this policy accept what this process writes.

    Raises:
        ConfigurationError: The policy demands signatures, and there is no key to sign with.
    """
    keys = policy.signing
    if keys is not None and keys.current is None and UNSIGNED not in policy.accept:
        raise ConfigurationError(
            f"This process takes signed results only from {label} (HOLDALL_TRUSTED_SIGNERS, HOLDALL_REVOKED_SIGNERS or your "
            "own settings) and has no key to sign with, so nothing that it writes there could be read again. Set "
            "HOLDALL_SIGNING_KEY to the private key of a signer who is trusted: holdall key new --kind ed25519."
        )


def _signing(storage: Storage, settings: Settings) -> Signers | None:
    text, source = _text(storage, "signing_key", settings, SIGNING_KEY)
    # An empty list of signers trusts nobody: revoking the last one must not let everybody pass.
    if text is None and settings.trusted_signers is None and not settings.revoked_signers:
        return None
    from holdall.results.signing_keys import Texts

    return _signers(
        Texts(
            signing=text,
            trusted=settings.trusted_signers,
            revoked=settings.revoked_signers,
            signing_source=source,
            trusted_source=settings.sources.get("trusted_signers", ""),
            revoked_source=settings.sources.get("revoked_signers", ""),
        )
    )


def _text(storage: Storage, field: str, settings: Settings, variable: str) -> tuple[str | None, str]:
    """Returns the text of keys, and its source."""
    own: SecretStr | None = getattr(storage, field)
    if own is not None:
        return own.get_secret_value(), f"{field} of the {storage.block_slug or storage.slug} block"
    return settings.environ.get(variable) or None, variable
