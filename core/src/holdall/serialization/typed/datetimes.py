"""Forms of dates, times and time zones.

Text is ISO 8601 as `isoformat` writes it; a zone of the IANA database follows in brackets, as in RFC 9557:
`2024-10-27T02:30:00+01:00[Europe/Berlin][_fold=1]`. What counts on reading is the local time, the zone and the fold.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holdall.errors import SerializationError
from holdall.serialization.typed.errors import UnsupportedValue, type_name
from holdall.serialization.typed.form import TypeHandler

if TYPE_CHECKING:
    from holdall.serialization.typed.form import TreeReader, TreeWriter

_STAMP: Final = re.compile(
    r"([0-9T:.+-]+)(?:\[(?P<zone>[A-Za-z0-9_+./-]+)\]|\[_name=(?P<name>[^\]]*)\])?(\[_fold=1\])?"
)


def _write(_: TreeWriter, obj: datetime | time, __: int) -> str:
    fold = "[_fold=1]" if obj.fold else ""
    zone = obj.tzinfo
    if zone is None or zone is UTC:
        return f"{obj.isoformat()}{fold}"
    if type(zone) is timezone:
        return f"{obj.isoformat()}{_label(zone)}{fold}"
    if type(zone) is ZoneInfo and zone.key:
        return f"{obj.isoformat()}[{zone.key}]{fold}"
    raise UnsupportedValue(
        f"has the time zone {type_name(type(zone))}: only zoneinfo (by key) and datetime.timezone have a form"
    )


def _label(zone: timezone) -> str:
    """Returns the name of a fixed offset in brackets; nothing for the name that the offset itself has."""
    offset = zone.utcoffset(None)
    name = zone.tzname(None)
    return "" if name == timezone(offset).tzname(None) else f"[_name={quote(name, safe='')}]"


def _read(kind: type[datetime | time], text: str) -> Any:
    match = _STAMP.fullmatch(text)
    if match is None:
        raise ValueError("not a date or time")
    moment = kind.fromisoformat(match[1])
    zone: tzinfo | None = moment.tzinfo
    if match["zone"] is not None:
        zone = _zone(None, match["zone"])
    elif match["name"] is not None:
        if not isinstance(zone, timezone):
            raise ValueError("a name and no offset")
        zone = timezone(zone.utcoffset(None), unquote(match["name"]))
    return moment.replace(tzinfo=zone, fold=1 if match[4] else 0)


def _zone(_: TreeReader | None, key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, OSError) as error:  # OSError: the key is a folder of the database
        raise SerializationError(
            f"The stored data names the time zone {key!r:.60}, which the database here does not have: pip install tzdata."
        ) from error


def _write_zone(_: TreeWriter, obj: ZoneInfo, __: int) -> str:
    if not obj.key:
        raise UnsupportedValue("is a time zone without a key, which another process could not find")
    return obj.key


def _read_offset(_: TreeReader, value: Any) -> timezone:
    days, seconds, microseconds, name = value
    offset = _delta(None, [days, seconds, microseconds])
    if name is None:
        return timezone(offset)
    return timezone(offset, name)


def _write_offset(writer: TreeWriter, obj: timezone, level: int) -> list[Any]:
    offset = obj.utcoffset(None)
    name = obj.tzname(None) if _label(obj) else None
    return writer.items([offset.days, offset.seconds, offset.microseconds, name], level)


def _delta(_: TreeReader | None, value: Any) -> timedelta:
    days, seconds, microseconds = value
    if not all(type(part) is int for part in (days, seconds, microseconds)):
        raise TypeError("parts of a timedelta")
    return timedelta(days=days, seconds=seconds, microseconds=microseconds)


DATETIMES: Final = (
    TypeHandler("datetime", "text", (datetime,), _write, lambda _, text: _read(datetime, text)),
    TypeHandler("date", "text", (date,), lambda _, obj, __: obj.isoformat(), lambda _, text: date.fromisoformat(text)),
    TypeHandler("time", "text", (time,), _write, lambda _, text: _read(time, text)),
    TypeHandler(
        "timedelta",
        "tree",
        (timedelta,),
        lambda writer, obj, level: writer.items([obj.days, obj.seconds, obj.microseconds], level),
        _delta,
    ),
    TypeHandler("timezone", "tree", (timezone,), _write_offset, _read_offset),
    TypeHandler("zoneinfo", "text", (ZoneInfo,), _write_zone, _zone),
)
