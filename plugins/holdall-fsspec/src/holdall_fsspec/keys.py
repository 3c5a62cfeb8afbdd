"""Which keys may be names in an object store: those that the local storage could hold as well, so results can move."""

from __future__ import annotations

import re
from typing import Final

from holdall.errors import ConfigurationError

_LONGEST: Final = 1024  # bytes of a whole name, prefix included: S3, GCS and Azure agree on it
_plain = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]*(?:/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*)*").fullmatch
_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_surrogate = re.compile(r"[\ud800-\udfff]").search


def fault(key: str, /) -> str | None:
    """What is wrong with the key, as the end of a sentence that starts with it; None where nothing is."""
    if _plain(key):
        return None
    segments = key.split("/")
    rules = (
        (not key, "is empty"),
        (key.startswith("/"), "is an absolute path"),
        (re.match(r"[A-Za-z]:", key), "starts with a drive letter"),
        ("\\" in key, "contains a backslash; segments are separated by /"),
        (_control(key), "contains a control character"),
        (_surrogate(key), "contains a lone surrogate, which is no text"),
        ("" in segments, "has an empty segment"),
        ("." in segments or ".." in segments, "has a segment '.' or '..', which could leave the prefix of the block"),
    )
    return next((reason for broken, reason in rules if broken), None)


def checked(key: str, /, *, root: str) -> str:
    """The name of the key's object below `root`.

    Raises:
        ConfigurationError: no object may go by that key.
    """
    reason = fault(key)
    name = f"{root}/{key}" if root else key
    if reason is None and len(name) * 4 > _LONGEST and (length := len(name.encode())) > _LONGEST:
        reason = f"makes a name of {length} bytes with the block's prefix; stores take at most {_LONGEST}"
    if reason is not None:
        raise ConfigurationError(f"The storage key {key!r} {reason}. Use a relative name such as 'reports/2024/total'.")
    return name


def prefix_fault(prefix: str, /) -> str | None:
    """As `fault`, for the prefix of a block, which may be empty."""
    return fault(prefix) if prefix else None
