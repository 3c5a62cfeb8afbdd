"""Three readers: one that believes everything, one with a shared secret, one with a public key."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, NamedTuple

from holdall.abc.signature import Signer
from holdall.results.signing_keys import text_of
from holdall_crypto import Ed25519

if TYPE_CHECKING:
    import pytest

VARIABLES = ("HOLDALL_SIGNING_KEY", "HOLDALL_TRUSTED_SIGNERS", "HOLDALL_REVOKED_SIGNERS", "HOLDALL_ENCRYPTION_KEY")


class Keys(NamedTuple):
    """What the program that wrote has in its variables, and what a reader has; `signed` says whether that is anything."""

    writer: dict[str, str]
    reader: dict[str, str]

    @property
    def signed(self) -> bool:
        return bool(self.writer)


SECRET = f"ours:{urlsafe_b64encode(bytes([1]) * 32).decode()}"
_SIGNER = Signer(scheme=Ed25519(), id="ours", private=bytes([1]) * 32)
_PRIVATE, _PUBLIC = (text_of(_SIGNER, "private", bytes([1]) * 32), text_of(_SIGNER, "public", _SIGNER.public))
KEYS = {
    "no keys": Keys({}, {}),
    "hmac": Keys({"HOLDALL_SIGNING_KEY": SECRET}, {"HOLDALL_SIGNING_KEY": SECRET}),
    "ed25519": Keys({"HOLDALL_SIGNING_KEY": _PRIVATE}, {"HOLDALL_TRUSTED_SIGNERS": _PUBLIC}),
}


class Roles:
    """Who the process is: `writer` and `reader` have keys, `stranger` has the storage alone."""

    def __init__(self, keys: Keys, patch: pytest.MonkeyPatch) -> None:
        self.keys = keys
        self._patch = patch

    def _become(self, variables: dict[str, str]) -> None:
        for name in VARIABLES:
            self._patch.delenv(name, raising=False)
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def writer(self, **more: str) -> None:
        self._become({**self.keys.writer, **more})

    def reader(self, **more: str) -> None:
        self._become({**self.keys.reader, **more})

    def stranger(self) -> None:
        self._become({})
