"""Which keys may be names in an object store: those that the local storage could hold as well, so results can move."""

from __future__ import annotations

from typing import Final

from holdall.abc.keys import fault, refuse, segment_fault

__all__ = ["checked", "checked_file", "fault", "prefix_fault"]

_LONGEST: Final = 1024  # bytes of a whole name, prefix included: S3, GCS and Azure agree on it


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
        refuse(key, reason)
    return name


def checked_file(name: str, /) -> str:
    """The name, where its segments can be names of files, and none is that of a file that is being written.

    Raises:
        ConfigurationError: no file may go by it.
    """
    for reason in filter(None, map(segment_fault, name.split("/"))):
        refuse(name, reason)
    return name


def prefix_fault(prefix: str, /) -> str | None:
    """As `fault`, for the prefix of a block, which may be empty."""
    return fault(prefix) if prefix else None
