"""Rules of storage keys, the same for all storages, so that results can be copied from one to another."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from holdall.errors import ConfigurationError

TEMPORARY: Final = ".holdall-tmp-"
"""Prefix of files that are being written. A killed writer leaves one behind; no key has such a segment."""
LOCKS: Final = ".locks"
"""The folder of file locks, directly below the base path of a local folder."""
_LONGEST_SEGMENT: Final = 255  # bytes: ext4, xfs, APFS and NTFS agree on it, and so do servers that keep files
_SHOWN: Final = 100
_plain = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]*(?:/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*)*").fullmatch
_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_surrogate = re.compile(r"[\ud800-\udfff]").search


def fault(key: str, /) -> str | None:
    """Returns what is wrong with a key, as the end of a sentence that starts with it; None if it is a good key."""
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
        ("." in segments, "has the segment '.', which could leave the base path or prefix"),
        (".." in segments, "has the segment '..', which could leave the base path or prefix"),
    )
    return next((reason for broken, reason in rules if broken), None)


def segment_fault(segment: str, /) -> str | None:
    """Returns what is wrong with a segment where objects are files, as the end of a sentence that starts with the key."""
    if segment.lower().startswith(TEMPORARY):
        return f"has a segment that starts with {TEMPORARY}, as unfinished files do"
    if len(segment) * 4 > _LONGEST_SEGMENT and len(segment.encode(errors="replace")) > _LONGEST_SEGMENT:
        return f"has a segment of more than {_LONGEST_SEGMENT} bytes; split it with /"
    return None


def refuse(key: str, reason: str, /) -> NoReturn:
    """Raises `ConfigurationError` for a key that has this fault."""
    shown = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}… ({len(key)} characters)"
    raise ConfigurationError(f"The storage key {shown!r} {reason}. Use a relative name such as 'reports/2024/total'.")
