"""Trust, key rings, policies and record signatures."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.security.keyring import MAKE_ONE, Key, KeyRing
    from holdall.security.policy import Lossy, Policy, Verify
    from holdall.security.redact import has_secret, holds_secret, masked, shown
    from holdall.security.trust import CALLS, Trust

_HOMES = {
    "CALLS": "trust",
    "Key": "keyring",
    "KeyRing": "keyring",
    "Lossy": "policy",
    "MAKE_ONE": "keyring",
    "Policy": "policy",
    "Trust": "trust",
    "Verify": "policy",
    "has_secret": "redact",
    "holds_secret": "redact",
    "masked": "redact",
    "shown": "redact",
}

__all__ = [
    "CALLS",
    "MAKE_ONE",
    "Key",
    "KeyRing",
    "Lossy",
    "Policy",
    "Trust",
    "Verify",
    "has_secret",
    "holds_secret",
    "masked",
    "shown",
]


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
