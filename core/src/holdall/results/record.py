"""Record of a result: one small JSON document, and the commit point of its write.

Laid out in `docs/reference/record-format.md`. The last member is a checksum over every byte before it, and just before
it stands the payload where that is small, so that an inlined JSON payload is found again byte for byte.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from xxhash import xxh3_64_hexdigest

from holdall.errors import ConfigurationError, CorruptResultError
from holdall.results.checksum import Checksum
from holdall.results.layout import copy_name, is_own, name_fault, name_key, payload_made_at, suffix_of
from holdall.results.members import Members, TwiceError, loads, moment, refuse_constant
from holdall.security.signing import signed, split
from holdall.types import UNSET, Buffer, SerializerReference, StorageReference

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.signature import Signer

VERSION: Final = 1
_HEAD: Final = b'{"holdall":'
_SEAL: Final = b',"checksum":"xxh3:'
_DATA: Final = b',"data":'
_RUN_ID: Final = b',"run_id":"'
_INLINED: Final = re.compile(
    rb',"expires":(?:null|"([^"\\]{1,40})"),"payload":\{"size":(\d{1,18})(?:,"decoded":(\d{1,18}))?,'
    rb'"media_type":"[^"\\]*","inline":"(json|text|base64)"\},"data":'
).search
"""What precedes an inlined payload that was written here: all of it, so that no member is there twice."""
HEAD_SIZE: Final = 16
"""Bytes from the beginning of an object that tell a record from other files."""
SEAL_SIZE: Final = len(_SEAL) + 16 + len(b'"}')

_LITERALS: Final = {"true": True, "false": False, "null": None}
_MADE_BY: Final = ("kind", "name", "function", "run_id", "holdall", "python")

quoted = encode_basestring_ascii

Inline = Literal["json", "text", "base64"]


def timestamp(seconds: float | None) -> str | None:
    """Returns a time as RFC 3339 in UTC with microseconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def seal(body: bytes, key: Signer | None = None) -> bytes:
    """Closes the open document `body` (no final brace) with its signature, if there is a key, and its checksum."""
    if key is not None:
        body = signed(body, key)
    return b'%b%b%b"}' % (body, _SEAL, xxh3_64_hexdigest(body).encode())


def is_ours(data: Buffer, /) -> bool:
    """Returns whether the bytes begin as a record does, damaged or not; a power loss may leave an empty file of one."""
    return not len(data) or bytes(data[: len(_HEAD)]) == _HEAD


def inline_form(payload: bytes, media_type: str) -> tuple[Inline, bytes]:
    """Returns the form of a small payload in its record, and its JSON value there."""
    if media_type == "application/json":
        try:
            # As UTF-8 text: from bytes, json reads UTF-16 and byte order marks too, which have no place in a record.
            json.loads(payload.decode(), parse_constant=refuse_constant)
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
    """Returns the members that all records of one store share; both arguments are JSON."""
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
    belongings: str = "",
) -> str:
    """Returns the open document; `start` is a `head`, `belongings` are of `addresses`, the others are values or JSON."""
    until = "null" if expires is None else f'"{timestamp(expires)}"'
    return (
        f'{start},"written_with":{written_with}}},"key":{quoted(key)}{belongings},"created":"{timestamp(created)}",'
        f'"producer":{producer},"expires":{until},"payload":{payload}'
    )


def addresses(key: str | None, name: str | None, copy: str | None, /) -> list[tuple[str, str]]:
    """Returns the keys of a result's records, each with its `belongings` for `body`. That of a user's name is last."""
    if name is None:
        return [] if key is None else [(key, "")]
    own = name_key(name)
    said = f',"name":{quoted(name)}'
    if copy is not None:
        said += f',"copy":{quoted(copy)}'
    if key is None:
        return [(own, said)]
    return [(key, f',"also":{quoted(own)}'), (own, f'{said},"also":{quoted(key)}')]


def at(
    data: bytes, where: StorageReference, /, *, checksum: Checksum | None = None, key: Signer | None = None
) -> bytes:
    """Returns the record `data`, which has been parsed, for the location `where`; an inlined payload stays byte for byte.

    It is signed with the `key`, if any; `checksum` is a new one of the payload.
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
    """Payload as a record describes it: `inline`, or at `path` with its checksum.

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
    """A record as it was read. `literal` is True, False or None if the record itself is the value.

    `name` is the user's, `copy` the key of its readable copy, `also` that of another record of its payload.
    """

    key: str
    storage: StorageReference
    serializer: SerializerReference
    written_with: dict[str, str]
    created: str
    expires: str | None
    producer: dict[str, Any]
    payload: Payload | None
    literal: Any = UNSET
    name: str | None = None
    copy: str | None = None
    also: str | None = None

    @property
    def created_at(self) -> float:
        """Seconds since the epoch."""
        return moment(self.created)

    @property
    def expires_at(self) -> float | None:
        """Seconds since the epoch."""
        return None if self.expires is None else moment(self.expires)

    @property
    def run_id(self) -> str | None:
        """The run that made the result; None if unknown."""
        found: str | None = self.producer.get("run_id")
        return found

    @property
    def path(self) -> str | None:
        """The key of the payload; None for a literal and a payload that lies in the record."""
        return None if self.payload is None else self.payload.path

    @property
    def title(self) -> str:
        """The user's name, if there is one, and the key, for messages."""
        return self.key if self.name is None else f"{self.name} ({self.key})"


class Quick(NamedTuple):
    """What a cache hit needs of a record: the inlined payload, `written_with` as JSON, and the run that made it."""

    data: bytes
    written_with: bytes
    run_id: str
    decoded: int | None


def quick_payload(data: Buffer, start: bytes, key: str, now: float, /) -> Quick | None:
    """Parses a record under `key` that begins with `start` (a store's own `head`) and has an inlined payload.

    None for whatever else it may be (foreign, damaged, misplaced, expired, literal, with a payload of its own): `parse`
    then says what. A hit costs mostly the reading of its record, so this skips all that a hit does not need.
    """
    if type(data) is not bytes or not data.startswith(start):
        return None
    sealed = data[:-SEAL_SIZE]
    if data[-SEAL_SIZE:] != b'%b%b"}' % (_SEAL, xxh3_64_hexdigest(sealed).encode()):
        return None
    try:
        return _quickly(data, split(sealed)[0], len(start), key, now)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _quickly(data: bytes, sealed: bytes, start: int, key: str, now: float) -> Quick | None:
    # Inside a JSON string the quotes would be escaped, so these are the members themselves.
    own = data.find(b',"key":', start)
    if not data.startswith(b"%b," % quoted(key).encode(), own + 7):
        return None
    tail = _INLINED(data, own)
    if tail is None:
        return None
    made_by = data.find(_RUN_ID, own, tail.start()) + len(_RUN_ID)
    run_id = data[made_by : data.find(b'"', made_by)]
    expires, size, decoded, inline = tail.groups()
    if made_by < len(_RUN_ID) or not run_id.isalnum() or (expires and moment(str(expires, "ascii")) <= now):
        return None
    found = sealed[tail.end() :]
    if inline != b"json":
        text = loads(str(found, "utf-8"))
        found = a2b_base64(text) if inline == b"base64" else text.encode()
    if len(found) != int(size):
        return None
    return Quick(found, data[start:own], str(run_id, "ascii"), None if decoded is None else int(decoded))


def written_with_of(member: bytes, /) -> dict[str, str] | None:
    """Parses the `written_with` of a `Quick`; returns None if it is not an object of texts."""
    try:
        return Members(loads('{"":0' + str(member, "utf-8"))).texts("written_with")
    except (ValueError, RecursionError):
        return None


def parse(data: Buffer, /, *, where: str, verify: Callable[[bytes], None] | None = None) -> Record:
    """Parses a record; `where` names it in errors. `verify` is called with what is signed before anything is used.

    Raises:
        CorruptResultError: It is not a record, is damaged, or is of a newer version.
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
        return _record(raw, split(sealed)[0])
    except (ValueError, RecursionError, ConfigurationError) as error:  # the latter: of a copy that cannot be
        raise CorruptResultError(
            f"{where} is no valid record: {error}. Its checksum is right, so what wrote it was at fault, or somebody has "
            "forged it. Delete it so that the result is computed again."
        ) from error


def _record(raw: bytes, sealed: bytes) -> Record:
    found = _members(raw, sealed)
    found.count("holdall", least=1, most=VERSION)
    storage, serializer, producer = (found.members(each) for each in ("storage", "serializer", "producer"))
    payload = None if found.get("payload") is None else _payload(found, sealed)
    record = Record(
        key=found.text("key"),
        storage=StorageReference(
            slug=storage.text_or_none("slug"), type=storage.text("type"), location=storage.plain("location")
        ),
        serializer=SerializerReference(type=serializer.text("type"), options=serializer.plain("options")),
        written_with=serializer.texts("written_with"),
        created=found.moment("created"),
        expires=None if found.get("expires") is None else found.moment("expires"),
        producer=_producer(producer, found.plain("producer")),
        payload=payload,
        literal=_LITERALS[found.one_of("literal", *_LITERALS)] if payload is None else UNSET,
        name=found.text_or_none("name", absent=True),
        copy=found.text_or_none("copy", absent=True),
        also=found.text_or_none("also", absent=True),
    )
    _check_belongings(record)
    return record


def _members(raw: bytes, sealed: bytes) -> Members:
    text = raw.decode()
    try:
        return Members(loads(text))
    except TwiceError:
        # In a payload of JSON that lies here as it was written, names may stand twice, and are none of the record's.
        document = json.loads(text, parse_constant=refuse_constant)
        size = Members(document).members("payload").count("size", most=len(sealed))
        rest = sealed[: len(sealed) - size]
        if document["payload"].get("inline") != "json" or not rest.endswith(_DATA):
            raise
        return Members({**loads(rest.removesuffix(_DATA).decode() + "}"), "data": None})


def _producer(found: Members, document: dict[str, Any]) -> dict[str, Any]:
    for name in _MADE_BY:
        if name in found:
            found.text(name)
    found.text_or_none("flow_run_id", absent=True)
    return document


def _check_belongings(record: Record) -> None:
    """Checks the keys that are copied, moved and deleted with a result, so that no others ever are."""
    if record.also is not None and (record.also == record.key or not is_own(record.also)):
        raise ValueError("the member also is not the key of another record")
    if record.name is not None and (name_fault(record.name) is not None or record.key != name_key(record.name)):
        raise ValueError("the member name is not the one that the key belongs to")
    if record.copy is not None and (
        record.name is None or record.path is None or record.copy != copy_name(record.name, suffix_of(record.path))
    ):
        raise ValueError("the member copy is not the one of that name")


def _payload(document: Members, sealed: bytes) -> Payload:
    found = document.members("payload")
    size, media_type = found.count("size"), found.text("media_type")
    decoded = found.count("decoded") if "decoded" in found else None
    if "inline" not in found:
        path = found.text("path")
        if payload_made_at(path) is None or not path.isprintable():
            raise ValueError("the member payload.path is no payload's name")
        return Payload(
            size=size,
            media_type=media_type,
            path=path,
            checksum=Checksum.from_json(found.get("checksum"), size=size),
            decoded=decoded,
        )
    inline = found.one_of("inline", "json", "text", "base64")
    if inline == "json":
        # The last member before the checksum: byte for byte what the serializer wrote.
        rest = sealed[: max(len(sealed) - size, 0)]
        if not rest.endswith(_DATA):
            raise ValueError("the inlined payload does not have the size that was written")
        return Payload(size=size, media_type=media_type, inline=sealed[len(rest) :], decoded=decoded)
    text = document.text("data")
    data = text.encode() if inline == "text" else a2b_base64(text, strict_mode=True)
    if len(data) != size:
        raise ValueError(f"the inlined payload has {len(data)} bytes, and {size} were written")
    return Payload(size=size, media_type=media_type, inline=data, decoded=decoded)
