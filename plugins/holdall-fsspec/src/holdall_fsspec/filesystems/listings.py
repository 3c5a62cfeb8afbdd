"""Listings of a filesystem: all objects below a folder, or an error."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def walk(filesystem: Any, folder: str, /) -> Iterator[Mapping[str, Any]]:
    """Yields fsspec's info of each file below a folder. Its own `walk` skips folders that it cannot list, in silence."""
    try:
        entries = filesystem.ls(folder, detail=True)
    except FileNotFoundError:
        return  # it does not exist, or no longer
    for entry in entries:
        name = entry["name"].rstrip("/")
        info = filesystem.info(name) if entry["type"] == "link" else entry
        if info["type"] != "directory":
            yield {**info, "name": name}
        elif name != folder.rstrip("/"):
            yield from walk(filesystem, name)


def listed(filesystem: Any, folder: str, /) -> Iterator[Mapping[str, Any]]:
    """Yields fsspec's info of each object of a store, which lists names by prefix and has no folders."""
    try:
        infos = filesystem.find(folder, detail=True)
    except FileNotFoundError:
        return
    yield from ({**info, "name": name} for name, info in infos.items() if info["type"] == "file")


def meta(key: str, info: Mapping[str, Any], /) -> ObjectMeta:
    """Returns size, etag and time from fsspec's info, whose field names depend on the filesystem."""
    etag = info.get("ETag") or info.get("etag")
    fields = ("LastModified", "last_modified", "Last-Modified", "mtime", "updated", "modified", "created")
    modified = _seconds(next((info[name] for name in fields if info.get(name)), None))
    return ObjectMeta(key, int(info["size"]), str(etag).strip('"') if etag else None, modified)


def _seconds(when: Any) -> float | None:
    if isinstance(when, str):
        when = parsedate_to_datetime(when) if "," in when else datetime.fromisoformat(when)
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return when if isinstance(when, float | int) else None
