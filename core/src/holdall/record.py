"""The record: one small JSON document per result, and the commit point of its write.

Laid out in `docs/reference/record-format.md`. The last member is a checksum over every byte before it, and just before
it stands the payload where that is small, so that an inlined JSON payload is found again byte for byte.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final, Literal

from xxhash import xxh3_64_hexdigest

from holdall.checksum import Checksum
from holdall.errors import CorruptResultError
from holdall.results import SerializerReference, StorageReference
from holdall.signing import signed, split
from holdall.types import UNSET, Buffer

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.keyring import Key

VERSION: Final = 1
_HEAD: Final = b'{"holdall":'
_SEAL: Final = b',"checksum":"xxh3:'
SEAL_SIZE: Final = len(_SEAL) + 16 + len(b'"}')

quoted = encode_basestring_ascii
_decode = json.JSONDecoder().decode

Inline = Literal["json", "text", "base64"]


def timestamp(seconds: float | None) -> str | None:
    """RFC 3339 in UTC with microseconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def seal(body: bytes, key: Key | None = None) -> bytes:
    """Close the open document `body` (no final brace) with its signature, where there is a key, and its checksum."""
    if key is not None:
        body = signed(body, key)
    return b'%b%b%b"}' % (body, _SEAL, xxh3_64_hexdigest(body).encode())


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def is_ours(data: Buffer, /) -> bool:
    """Whether it begins as a record does, damaged or not; an empty file is what a power loss makes of one."""
    return not len(data) or bytes(data[: len(_HEAD)]) == _HEAD


def inline_form(payload: bytes, media_type: str) -> tuple[Inline, bytes]:
    """How a small payload stands in its record, and the JSON value that stands there."""
    if media_type == "application/json":
        try:
            # As UTF-8 text: from bytes, json reads UTF-16 and byte order marks too, which have no place in a record.
            json.loads(payload.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            pass  # some other library's dialect: keep the bytes as bytes
        else:
            return "json", payload
    elif media_type.startswith("text/"):
        try:
            return "text", json.dumps(payload.decode()).encode()
        except UnicodeDecodeError:
            pass
    return "base64", b'"%b"' % b2a_base64(payload, newline=False)


def head(storage: str, serializer: str) -> str:
    """The members that are the same for all records of one store; both arguments are JSON."""
    return f'{{"holdall":{VERSION},"storage":{storage},"serializer":{serializer[:-1]}'


def body(
    start: str,
    *,
    key: str,
    written_with: str,
    payload: str,
    created: float,
    expires: float | None,
    producer: str,
) -> str:
    """The open document behind `head`; `written_with`, `payload` and `producer` are JSON."""
    until = "null" if expires is None else f'"{timestamp(expires)}"'
    return (
        f'{start},"written_with":{written_with}}},"key":{quoted(key)},"created":"{timestamp(created)}",'
        f'"producer":{producer},"expires":{until},"payload":{payload}'
    )


def at(data: bytes, where: StorageReference, /, *, checksum: Checksum | None = None, key: Key | None = None) -> bytes:
    """The record `data`, which has been parsed, as one that lies at `where`; all else stays, byte for byte if inlined.

    Signed with the `key`, if at all; `checksum` is a new one of the payload.
    """
    document = json.loads(data)
    document["storage"] = {"slug": where.slug, "type": where.type, "location": dict(where.location)}
    if checksum is not None:
        document["payload"]["checksum"] = json.loads(checksum.json())
    del document["checksum"]
    document.pop("signature", None)
    inlined, payload = document.pop("data", None), document["payload"]
    members = json.dumps(document, separators=(",", ":"))[:-1].encode()
    if inlined is None and (payload is None or "inline" not in payload):
        return seal(members, key)
    same = split(data[:-SEAL_SIZE])[0][-payload["size"] :]
    if payload["inline"] != "json":
        same = json.dumps(inlined).encode()
    return seal(b'%b,"data":%b' % (members, same), key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Where the serializer's bytes are: `inline` here, or at `path` with their checksum.

    `decoded` is how many bytes reading makes of them at most, where that may be far more than `size`.
    """

    size: int
    media_type: str
    path: str | None = None
    checksum: Checksum | None = None
    inline: bytes | None = None
    decoded: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as read. `literal` is True, False or None where the record itself is the value."""

    key: str
    storage: StorageReference
    serializer: SerializerReference
    written_with: dict[str, str]
    created: str
    expires: str | None
    producer: dict[str, Any]
    payload: Payload | None
    literal: Any = UNSET

    @property
    def expires_at(self) -> float | None:
        """Seconds since the epoch."""
        return None if self.expires is None else datetime.fromisoformat(self.expires).timestamp()


def quick_payload(data: Buffer, start: bytes, now: float, /) -> tuple[bytes, bytes, int | None] | None:
    """Of a record that begins with `start` (a store's own `head`): the inlined payload, `written_with` as it stands, `decoded`.

    None for whatever else it may be (foreign, damaged, expired, literal, with a payload of its own): `parse` then says
    what. A hit costs mostly the reading of its record, so this skips all that a hit does not need.
    """
    if type(data) is not bytes or not data.startswith(start):
        return None
    sealed = data[:-SEAL_SIZE]
    if data[-SEAL_SIZE:] != b'%b%b"}' % (_SEAL, xxh3_64_hexdigest(sealed).encode()):
        return None
    try:
        return _quickly(data, split(sealed)[0], len(start), now)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _quickly(data: bytes, sealed: bytes, start: int, now: float) -> tuple[bytes, bytes, int | None] | None:
    # Inside a JSON string the quotes would be escaped, so these are the members themselves.
    key = data.find(b',"key":', start)
    expires_at = data.find(b',"expires":', key)
    document = _decode("{" + str(data[expires_at + 1 :], "utf-8"))
    expires, payload = document["expires"], document["payload"]
    if payload is None or "inline" not in payload:
        return None
    if expires is not None and datetime.fromisoformat(expires).timestamp() <= now:
        return None
    written_with = data[start:key]
    inline = payload["inline"]
    if inline == "base64":
        return a2b_base64(document["data"]), written_with, _decoded(payload)
    if inline == "text":
        return document["data"].encode(), written_with, _decoded(payload)
    return sealed[-payload["size"] :], written_with, _decoded(payload)


def _decoded(payload: dict[str, Any]) -> int | None:
    decoded = payload.get("decoded")
    if decoded is not None and (type(decoded) is not int or decoded < 0):
        raise ValueError(f"decoded is {decoded!r:.40}, and no number of bytes")
    return decoded


def written_with_of(member: bytes, /) -> dict[str, str]:
    """What the second part of `quick_payload` says."""
    written_with: dict[str, str] = _decode('{"":0' + str(member, "utf-8"))["written_with"]
    return written_with


def parse(data: Buffer, /, *, where: str, verify: Callable[[bytes], None] | None = None) -> Record:
    """Read a record; `where` names it in errors. `verify` sees what is signed, and the signature, before it is used.

    Raises:
        CorruptResultError: no record, a damaged one, or one of a newer version.
    """
    raw = bytes(data)
    if not raw:
        raise CorruptResultError(
            f"{where} is empty, as a file is that a power loss cut short. Restore it from a copy, or delete it so that "
            "the result is computed again."
        )
    if not raw.startswith(_HEAD):
        raise CorruptResultError(
            f"{where} is not a holdall record: it starts with {raw[:16]!r}. Another program may have written it; "
            "move it away, or keep results in a folder of their own."
        )
    sealed, end = raw[:-SEAL_SIZE], raw[-SEAL_SIZE:]
    version = raw[len(_HEAD) : len(_HEAD) + 8].split(b",", 1)[0]
    if version.isdigit() and int(version) > VERSION:
        raise CorruptResultError(
            f"{where} was written by a newer holdall (record version {int(version)}); this one reads up to version "
            f"{VERSION}. Upgrade holdall to read it."
        )
    if not end.startswith(_SEAL) or end[len(_SEAL) : -2] != xxh3_64_hexdigest(sealed).encode():
        raise CorruptResultError(
            f"{where} is damaged: its checksum does not match its content ({len(raw)} bytes). Restore it from a copy, "
            "or delete it so that the result is computed again."
        )
    if verify is not None:
        verify(sealed)
    try:
        return _record(json.loads(raw), split(sealed)[0])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptResultError(
            f"{where} is no valid record ({type(error).__name__}: {error}), though its checksum is right: what wrote it "
            "was at fault. Delete it so that the result is computed again."
        ) from error


def _record(document: dict[str, Any], sealed: bytes) -> Record:
    storage, serializer = document["storage"], document["serializer"]
    payload = document["payload"]
    if document["expires"] is not None:
        datetime.fromisoformat(document["expires"])  # said here, where what is wrong has its place
    return Record(
        key=document["key"],
        storage=StorageReference(slug=storage["slug"], type=storage["type"], location=storage["location"]),
        serializer=SerializerReference(type=serializer["type"], options=serializer["options"]),
        written_with=serializer["written_with"],
        created=document["created"],
        expires=document["expires"],
        producer=document["producer"],
        payload=None if payload is None else _payload(payload, document, sealed),
        literal=json.loads(document["literal"]) if payload is None else UNSET,
    )


def _payload(payload: dict[str, Any], document: dict[str, Any], sealed: bytes) -> Payload:
    size = payload["size"]
    inline = payload.get("inline")
    if inline is None:
        return Payload(
            size=size,
            media_type=payload["media_type"],
            path=payload["path"],
            checksum=Checksum.from_json(payload["checksum"]),
            decoded=_decoded(payload),
        )
    if inline == "base64":
        data = a2b_base64(document["data"])
    elif inline == "text":
        data = document["data"].encode()
    else:
        data = sealed[-size:]  # the last member before the checksum: byte for byte what the serializer wrote
    if len(data) != size:
        raise ValueError(f"the inlined payload has {len(data)} bytes, and {size} were written")
    return Payload(size=size, media_type=payload["media_type"], inline=data, decoded=_decoded(payload))
