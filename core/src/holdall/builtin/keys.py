"""Which keys can be file names below a base path, on every system that may one day read it."""

from __future__ import annotations

import os
import re
from typing import Final

TEMPORARY: Final = ".holdall-tmp-"
"""Files that are being written start so. A killed writer leaves one behind; no key and no listing ever shows it."""

LOCKS: Final = ".locks"
"""The folder of file locks, directly below the base path."""

_LONGEST = 255  # bytes in one segment: ext4, xfs, APFS, NTFS agree on it
_DEVICE = r"(?i:con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])"
# The names that need no second look: nearly all of them, in one match.
_SEGMENT = rf"(?!{_DEVICE}(?:[./]|\Z))[A-Za-z0-9_=-][A-Za-z0-9_.=-]{{0,{_LONGEST - 1}}}(?<!\.)"
_plain = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*").fullmatch
_device = re.compile(rf"{_DEVICE} *(?:\..*)?", re.DOTALL).fullmatch
_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_surrogate = re.compile(r"[\ud800-\udfff]").search
_windows_only = re.compile(r'[<>:"|?*]|[. ](?:/|\Z)').search


def fault(key: str, /, *, windows: bool = os.name == "nt") -> str | None:
    """What is wrong with the key, as the end of a sentence that starts with it; None where nothing is."""
    if _plain(key):
        return None
    return _fault_of_whole(key, windows=windows) or next(filter(None, map(_fault_of_segment, key.split("/"))), None)


def _fault_of_whole(key: str, *, windows: bool) -> str | None:
    rules = (
        (not key, "is empty"),
        (key.startswith("/"), "is an absolute path"),
        (re.match(r"[A-Za-z]:", key), "starts with a drive letter"),
        ("\\" in key, "contains a backslash; segments are separated by /"),
        (_control(key), "contains a control character"),
        (_surrogate(key), "contains a lone surrogate, which is no text"),
        (key.partition("/")[0].lower() == LOCKS, f"lies in {LOCKS}, which is kept for locks"),
        (windows and _windows_only(key), 'contains one of <>:"|?*, or a segment that ends with a dot or a space'),
    )
    return next((reason for broken, reason in rules if broken), None)


def _fault_of_segment(segment: str) -> str | None:
    rules = (
        (not segment, "has an empty segment"),
        (segment in {".", ".."}, f"has the segment {segment!r}, which could leave the base path"),
        (segment.lower().startswith(TEMPORARY), f"has a segment that starts with {TEMPORARY}, as unfinished files do"),
        (_device(segment), f"has the segment {segment!r}, a device on Windows"),
        (
            len(segment.encode(errors="replace")) > _LONGEST,
            f"has a segment of more than {_LONGEST} bytes; split it with /",
        ),
    )
    return next((reason for broken, reason in rules if broken), None)
