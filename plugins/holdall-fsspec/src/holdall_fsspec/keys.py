"""Rules for keys in remote storages: the keys of the local storage, so that results can move, with shorter names."""

from __future__ import annotations

from typing import Final

from holdall.abc.keys import fault, refuse, segment_fault

__all__ = ["checked", "checked_file", "fault", "prefix_fault"]

_LONGEST: Final = 1024  # bytes of a whole name, prefix included: S3, GCS and Azure agree on it


def checked(key: str, /, *, root: str) -> str:
    """Returns the name of the key's object below `root`.

    Raises:
        ConfigurationError: the key is not valid.
    """
    reason = fault(key)
    name = f"{root}/{key}" if root else key
    if reason is None and len(name) * 4 > _LONGEST and (length := len(name.encode())) > _LONGEST:
        reason = f"makes a name of {length} bytes with the block's prefix; stores take at most {_LONGEST}"
    if reason is not None:
        refuse(key, reason)
    return name


def checked_file(name: str, /) -> str:
    """Returns the name, whose segments have to be valid file names, and not those of unfinished files.

    Raises:
        ConfigurationError: a segment is not valid.
    """
    for reason in filter(None, map(segment_fault, name.split("/"))):
        refuse(name, reason)
    return name


def prefix_fault(prefix: str, /) -> str | None:
    """Returns why a block's prefix is not valid; None if it is. It may be empty."""
    return fault(prefix) if prefix else None
