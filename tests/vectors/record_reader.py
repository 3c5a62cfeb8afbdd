"""A reader of record version 1 that knows the format's page and nothing of holdall: what any language could do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import xxhash

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
HEAD = b'{"holdall":'
SEAL = b',"checksum":"xxh3:'
SEAL_SIZE = len(SEAL) + 16 + 2
MOMENT = r"(19|[2-9]\d)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
PAYLOAD = r"payloads/[0-9a-f]{2}/[0-9a-f]{32}\.[^/]+"


class Unreadable(Exception):
    """No record, a damaged one, or one of a newer version."""


def read_record(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The document, and the bytes that its seal covers."""
    body, seal = data[:-SEAL_SIZE], data[-SEAL_SIZE:]
    if not data.startswith(HEAD) or not seal.startswith(SEAL):
        raise Unreadable
    if seal[len(SEAL) :] != xxhash.xxh3_64_hexdigest(body).encode() + b'"}':
        raise Unreadable
    document = json.loads(data, object_pairs_hook=once_each)
    if document["holdall"] > VERSION:
        raise Unreadable
    check_members(document)
    return document, body


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no member stands twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise Unreadable
    return dict(pairs)


def check_members(document: dict[str, Any]) -> None:
    """The type and form of each, as the page says."""
    payload, producer = document["payload"], document["producer"]
    moments = [document["created"], *([document["expires"]] if document["expires"] is not None else [])]
    right = [
        all(isinstance(each, str) and re.fullmatch(MOMENT, each) for each in moments),
        all(isinstance(producer.get(each, ""), str) for each in ("kind", "name", "function", "run_id")),
        payload is None or (type(payload["size"]) is int and payload["size"] >= 0),
        payload is None or "inline" in payload or re.fullmatch(PAYLOAD, payload["path"]),
        "name" not in document or document["key"] == f"names/{digest(document['name'])[:2]}/{digest(document['name'])}.json",
        "copy" not in document or document["copy"] == copy_of(document["name"], payload["path"]),
    ]
    if not all(right):
        raise Unreadable
    if payload is not None and "inline" not in payload:
        checksum = payload["checksum"]
        if len(checksum["chunks"]) != -(-payload["size"] // checksum["chunk_size"]):
            raise Unreadable


def copy_of(name: str, path: str) -> str:
    """Where the readable copy lies of what is called so and has its payload there."""
    extension = "." + path.rpartition("/")[2].partition(".")[2]
    parts = [part + "_" if re.search(r"\.[A-Za-z][A-Za-z0-9-]*_*\Z", part) else part for part in name.split("/")]
    return "/".join(parts) + extension


def signed_part(body: bytes, keys: dict[str, bytes] | None = None) -> bytes:
    """What stands before the signature, if there is one; checked where there are keys."""
    found = re.search(rb',"signature":"hmac-sha256:([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})"$', body)
    rest = body if found is None else body[: found.start()]
    if keys is not None:
        key = None if found is None else keys.get(found[1].decode())
        if found is None or key is None:
            raise Unreadable
        mac = hmac.new(key, b"holdall record 1\n" + rest, "sha256").hexdigest()
        if not hmac.compare_digest(mac.encode(), found[2]):
            raise Unreadable
    return rest


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
    return signed_part(body)[-payload["size"] :]


def check(found: bytes, payload: dict[str, Any]) -> None:
    checksum = payload["checksum"]
    size = checksum["chunk_size"]
    digest = {"xxh3_64": xxhash.xxh3_64_hexdigest, "sha256": lambda data: hashlib.sha256(data).hexdigest()}[
        checksum["algorithm"]
    ]
    chunks = [digest(found[start : start + size]) for start in range(0, len(found), size)]
    whole = digest(bytes.fromhex("".join(chunks)))
    if (len(found), chunks, whole) != (payload["size"], checksum["chunks"], checksum["digest"]):
        raise Unreadable


def digest(name: str) -> str:
    """What the key of a cache key's or a name's record has in it."""
    return hashlib.sha256(name.encode()).hexdigest()


def is_expired(document: dict[str, Any], now: float) -> bool:
    expires = document["expires"]
    return expires is not None and datetime.fromisoformat(expires).timestamp() <= now
