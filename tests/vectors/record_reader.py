"""A reader of record version 1 that knows the format's page and nothing of holdall: what any language could do."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import xxhash

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
HEAD = b'{"holdall":'
SEAL = b',"checksum":"xxh3:'
SEAL_SIZE = len(SEAL) + 16 + 2


class Unreadable(Exception):
    """No record, a damaged one, or one of a newer version."""


def read_record(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The document, and the bytes that its seal covers."""
    body, seal = data[:-SEAL_SIZE], data[-SEAL_SIZE:]
    if not data.startswith(HEAD) or not seal.startswith(SEAL):
        raise Unreadable
    if seal[len(SEAL) :] != xxhash.xxh3_64_hexdigest(body).encode() + b'"}':
        raise Unreadable
    document = json.loads(data)
    if document["holdall"] > VERSION:
        raise Unreadable
    return document, body


def payload_bytes(document: dict[str, Any], body: bytes, folder: Path | None = None) -> bytes:
    """The serializer's bytes: out of the record, or out of the folder that is the storage."""
    payload = document["payload"]
    if "inline" not in payload:
        if folder is None:
            raise Unreadable
        found = (folder / payload["path"]).read_bytes()
        check(found, payload)
        return found
    if payload["inline"] == "base64":
        return base64.b64decode(document["data"])
    if payload["inline"] == "text":
        return str(document["data"]).encode()
    return body[-payload["size"] :]


def check(found: bytes, payload: dict[str, Any]) -> None:
    checksum = payload["checksum"]
    size = checksum["chunk_size"]
    chunks = [xxhash.xxh3_64_hexdigest(found[start : start + size]) for start in range(0, len(found), size)]
    whole = xxhash.xxh3_64_hexdigest(bytes.fromhex("".join(chunks)))
    if (len(found), chunks, whole) != (payload["size"], checksum["chunks"], checksum["digest"]):
        raise Unreadable


def is_expired(document: dict[str, Any], now: float) -> bool:
    expires = document["expires"]
    return expires is not None and datetime.fromisoformat(expires).timestamp() <= now
