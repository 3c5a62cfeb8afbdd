"""All objects below a folder of a filesystem, or an error: never a part of them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def walk(filesystem: Any, folder: str, /) -> Iterator[Mapping[str, Any]]:
    """What fsspec says of each file. Its own `walk` leaves out, in silence, what it could not list."""
    try:
        entries = filesystem.ls(folder, detail=True)
    except FileNotFoundError:
        return  # never there, or gone meanwhile
    for entry in entries:
        name = entry["name"].rstrip("/")
        found = filesystem.info(name) if entry["type"] == "link" else entry
        if found["type"] != "directory":
            yield {**found, "name": name}
        elif name != folder.rstrip("/"):
            yield from walk(filesystem, name)


def listed(filesystem: Any, folder: str, /) -> Iterator[Mapping[str, Any]]:
    """The same of an object store, which has no folders to walk through and lists what starts with a name."""
    try:
        found = filesystem.find(folder, detail=True)
    except FileNotFoundError:
        return
    yield from ({**info, "name": name} for name, info in found.items() if info["type"] == "file")


def meta(key: str, info: Mapping[str, Any], /) -> ObjectMeta:
    """From whatever names the filesystem has for size, version and time."""
    etag = info.get("ETag") or info.get("etag")
    named = ("LastModified", "last_modified", "Last-Modified", "mtime", "updated", "modified", "created")
    modified = _seconds(next((info[name] for name in named if info.get(name)), None))
    return ObjectMeta(key, int(info["size"]), str(etag).strip('"') if etag else None, modified)


def _seconds(when: Any) -> float | None:
    if isinstance(when, str):
        when = parsedate_to_datetime(when) if "," in when else datetime.fromisoformat(when)
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return when if isinstance(when, float | int) else None
