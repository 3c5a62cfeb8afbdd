"""The policy of a storage: what its block says, else what the settings say."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from holdall.abc.keyring import KeyRing
from holdall.abc.policy import Policy
from holdall.settings import ENCRYPTION_KEY, SIGNING_KEY

if TYPE_CHECKING:
    from holdall.abc.storage import Storage
    from holdall.settings import Settings

_NONE: Final = Policy()
_parsed = lru_cache(maxsize=64)(KeyRing.parse)


def policy_of(storage: Storage, settings: Settings, /) -> Policy:
    """Raises `ConfigurationError` where a key is none."""
    signing = _keys(storage, "signing_key", settings, SIGNING_KEY)
    encryption = _keys(storage, "encryption_key", settings, ENCRYPTION_KEY)
    no_pickle = getattr(storage, "no_pickle", False) or settings.results_no_pickle
    accept = frozenset((*getattr(storage, "accept", ()), *settings.results_accept))
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
        encryption=encryption,
        no_pickle=no_pickle,
        accept=accept,
        verify=verify,
        lossy=lossy,
        max_bytes=settings.results_max_bytes,
    )


def _keys(storage: Storage, field: str, settings: Settings, variable: str) -> KeyRing | None:
    # A storage that is no block has no such field; a plugin may have been written before there was one.
    own: Any = getattr(storage, field, None)
    if own is not None:
        return _parsed(own.get_secret_value(), source=f"{field} of the {storage.block_slug or storage.slug} block")
    text = settings.environ.get(variable)
    return _parsed(text, source=variable) if text else None
