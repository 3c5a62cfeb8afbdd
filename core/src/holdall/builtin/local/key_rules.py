"""Rules for keys that are file names: the same on every system that may one day read the folder."""

from __future__ import annotations

import os
import re
import sys

from holdall.abc.keys import LOCKS, TEMPORARY, segment_fault
from holdall.abc.keys import fault as fault_of_any_key

_MAX_SEGMENT = 255  # characters in one segment that are a byte each
_MAX_PATH = 1023 if sys.platform == "darwin" else 4095  # bytes, as open() counts them
_TEMPORARY_NAME = 1 + len(TEMPORARY) + 32
_DEVICE = r"(?i:con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])"
# The names that need no second look: nearly all of them, in one match.
_SEGMENT = rf"(?!{_DEVICE}(?:[./]|\Z))[A-Za-z0-9_=-][A-Za-z0-9_.=-]{{0,{_MAX_SEGMENT - 1}}}(?<!\.)"
_plain = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*").fullmatch
_device = re.compile(rf"{_DEVICE} *(?:\..*)?", re.DOTALL).fullmatch
_windows_only = re.compile(r'[<>:"|?*]|[. ](?:/|\Z)').search


def fault(key: str, /, *, windows: bool = os.name == "nt") -> str | None:
    """Returns what is wrong with the key, as the end of a sentence that starts with it; None if nothing is."""
    if _plain(key):
        return None
    whole = fault_of_any_key(key) or _fault_of_whole(key, windows=windows)
    return whole or next(filter(None, map(_fault_of_segment, key.split("/"))), None)


def path_fault(path: str, /) -> str | None:
    """Returns what is wrong with the path of a key, or with that of its temporary file, as `fault` does."""
    longest = max(len(os.fsencode(path)), len(os.fsencode(path.rpartition("/")[0])) + _TEMPORARY_NAME)
    return None if longest <= _MAX_PATH else f"makes a path of {longest} bytes; the system takes {_MAX_PATH}"


def _fault_of_whole(key: str, *, windows: bool) -> str | None:
    rules = (
        (key.partition("/")[0].lower() == LOCKS, f"lies in {LOCKS}, which is kept for locks"),
        (windows and _windows_only(key), 'contains one of <>:"|?*, or a segment that ends with a dot or a space'),
    )
    return next((reason for broken, reason in rules if broken), None)


def _fault_of_segment(segment: str) -> str | None:
    return f"has the segment {segment!r}, a device on Windows" if _device(segment) else segment_fault(segment)
