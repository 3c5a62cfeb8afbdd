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


def signed_part(body: bytes, keys: dict[tuple[str, str], bytes] | None = None) -> bytes:
    """What stands before the signature, if there is one; checked where there are keys, by scheme and id."""
    found = re.search(rb',"signature":"([a-z0-9-]+):([A-Za-z0-9._-]{1,64}):([0-9a-f]{32,512})"$', body)
    rest = body if found is None else body[: found.start()]
    if keys is not None:
        if found is None:
            raise Unreadable
        scheme, name, signature = found[1].decode(), found[2].decode(), bytes.fromhex(found[3].decode())
        key = keys.get((scheme, name))
        if key is None or not CHECKS[scheme](key, b"holdall record 1\n" + rest, signature):
            raise Unreadable
    return rest


def hmac_is_right(secret: bytes, message: bytes, signature: bytes) -> bool:
    return hmac.compare_digest(hmac.new(secret, message, "sha256").digest(), signature)


# Ed25519 as in RFC 8032, section 5.1.7, by its arithmetic: slow, and nothing but integers.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    both = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + both, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - both, -1, P) % P


def times(number: int, point: Point) -> Point:
    found = (0, 1)
    while number:
        if number & 1:
            found = add(found, point)
        point = add(point, point)
        number >>= 1
    return found


def decoded(data: bytes) -> Point | None:
    """The point of 32 bytes, or None where they are none."""
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and odd):
        return None
    return (P - x if x & 1 != odd else x), y


BASE = decoded((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_is_right(public: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != 64 or BASE is None:
        return False
    key, half, scalar = decoded(public), decoded(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or half is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return times(scalar, BASE) == add(half, times(challenge, key))


CHECKS = {"hmac-sha256": hmac_is_right, "ed25519": ed25519_is_right}


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
