"""A record as sentences, and as JSON."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from holdall.results.payload.readable_copy import copy_of
from holdall.security import masked
from holdall.types import UNSET
from holdall_cli.views.output import moment, size

if TYPE_CHECKING:
    from holdall.results.record import Payload, Record
    from holdall_cli.views.find_result import Literal, Whereabouts

LITERALS: Final = {True: "true", False: "false", None: "null"}


def sentences(record: Record, found: Whereabouts, /) -> list[str]:
    made = record.producer
    by = f"the {made.get('kind', 'run')} {made.get('name')!r} ({made.get('function')})" if made else "somebody"
    lines = [f"The result of {by} was kept on {_when(record.created)}."]
    if made.get("run_id"):
        inside = f", inside the flow run {made['flow_run_id']}" if made.get("flow_run_id") else ""
        lines.append(
            f"It was made by the run {made['run_id']}{inside}, with holdall {made.get('holdall')} on Python "
            f"{made.get('python')}."
        )
    lines.append(f"Its record is {record.key} in {found.label}.")
    if record.name is not None:
        copy = "" if record.copy is None else f", with a copy for other tools at {found.path_of(record.copy)}"
        lines.append(f"It is called {record.name}{copy}.")
    if record.payload is None:
        lines.append(f"It is {record.literal!r}, and the record itself is the value.")
    else:
        lines += _payload(record.payload, record, found)
    if record.expires is None:
        lines.append("It is kept without end.")
    else:
        past = record.expires_at is not None and record.expires_at <= time.time()
        lines.append(f"It {'was' if past else 'is'} kept until {_when(record.expires)}.")
    return lines


def document(record: Record, /) -> dict[str, Any]:
    payload = record.payload
    return {
        "key": record.key,
        "result_storage_key": record.name,
        "copy": copy_of(record),
        "storage": {
            "slug": record.storage.slug,
            "type": record.storage.type,
            "location": masked(record.storage.location),
        },
        "serializer": {
            "type": record.serializer.type,
            "options": dict(record.serializer.options),
            "written_with": record.written_with,
        },
        "created": record.created,
        "expires": record.expires,
        "expired": record.expires_at is not None and record.expires_at <= time.time(),
        "producer": record.producer,
        "payload": None
        if payload is None
        else {
            "size": payload.size,
            "media_type": payload.media_type,
            "path": payload.path,
            "inline": payload.inline is not None,
            "checksum": None if payload.checksum is None else json.loads(payload.checksum.json()),
        },
        "literal": None if record.literal is UNSET else LITERALS[record.literal],
    }


def literal_document(found: Literal, /) -> dict[str, Any]:
    from holdall.results.record import timestamp

    run = found.run
    return {
        "key": None,
        "result_storage_key": None,
        "copy": None,
        "storage": None,
        "serializer": None,
        "created": timestamp(run.ended),
        "expires": None,
        "expired": False,
        "producer": {
            "kind": run.kind,
            "name": run.name,
            "function": run.function,
            "run_id": run.id,
            "flow_run_id": run.flow_run_id,
        },
        "payload": None,
        "literal": LITERALS[found.value],
    }


def _payload(payload: Payload, record: Record, found: Whereabouts) -> list[str]:
    where = "lies inside the record" if payload.path is None else f"is {found.path_of(payload.path)}"
    options = "".join(f", {name}={value!r}" for name, value in record.serializer.options.items())
    written = f" ({' '.join(record.written_with.values())})" if record.written_with else ""
    return [
        f"Its payload of {size(payload.size)} {where}.",
        f"It was written by the {record.serializer.type} serializer{options}{written}, as {payload.media_type}.",
    ]


def _when(text: str) -> str:
    return moment(datetime.fromisoformat(text).timestamp())
