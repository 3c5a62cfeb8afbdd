"""Records with a right checksum that say what somebody who can write to the storage wants them to say."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from holdall import task
from holdall.results import ResultReference, from_json
from holdall.results import record as records

if TYPE_CHECKING:
    from pathlib import Path


def kept(place: Any, serializer: Any = "json", value: Any = None) -> ResultReference:
    """A reference to a small result, as another program has parsed it."""
    keep = task(result_storage=place, result_serializer=serializer, return_state=True)
    state: Any = keep(lambda: ["kept"] if value is None else value)()
    parsed = from_json(state.reference.json())
    assert isinstance(parsed, ResultReference)
    return parsed


def forge(path: Path, *, slug: str, options: Any, payload: bytes, written_with: Any = None) -> None:
    """Let the record at `path` name a serializer, its options and a payload of the forger's."""
    document = json.loads(path.read_bytes())
    for name in ("checksum", "data", "payload"):
        document.pop(name, None)
    document["serializer"] = {"type": slug, "options": options, "written_with": written_with or {}}
    document["payload"] = {"size": len(payload), "media_type": "application/octet-stream", "inline": "base64"}
    body = json.dumps(document, separators=(",", ":"))[:-1]
    path.write_bytes(records.seal(f'{body},"data":"{b64encode(payload).decode()}"'.encode()))
