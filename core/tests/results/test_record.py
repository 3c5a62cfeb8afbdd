"""The record: what it says, byte for byte, and what is noticed when a byte is not what it was."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import CorruptResultError, MissingResultError
from holdall.results import record as records
from holdall.results.store import ResultStore
from holdall.types import UNSET

VECTORS = Path(__file__).parents[3] / "tests" / "vectors" / "record-v1"


def stored(tmp_path: Path, value: Any, **options: Any) -> tuple[ResultStore, Path]:
    store = ResultStore(Directory(str(tmp_path)), PickleCodec())
    store.write(value, key="a/k.json", **options)
    return store, tmp_path / "a" / "k.json"


def test_a_record_says_all_that_reading_needs(tmp_path: Path) -> None:
    """And parses to what was written."""
    store, path = stored(tmp_path, {"a": 1}, producer='{"kind":"task"}', created=0.0, expires=4102444800.5)
    record = store.record("a/k.json")

    assert json.loads(path.read_bytes())["holdall"] == 1
    assert ("a/k.json", "1970-01-01T00:00:00.000000+00:00") == (record.key, record.created)
    assert 4102444800.5 == record.expires_at
    assert {"kind": "task"} == record.producer
    assert ("pickle", {}) == (record.serializer.type, record.serializer.options)
    assert UNSET is record.literal


def test_every_flipped_byte_of_a_record_is_noticed(tmp_path: Path) -> None:
    """Each byte, two ways, inlined payload included; on the short way to a hit as well."""
    store, path = stored(tmp_path, {"a": [1, 2]})
    good = path.read_bytes()
    for position in range(len(good)):
        for mask in (0x01, 0x20):
            bad = bytearray(good)
            bad[position] ^= mask
            path.write_bytes(bad)
            with pytest.raises(CorruptResultError):
                store.record("a/k.json")
            assert store.read_quickly("a/k.json") is None


def test_every_truncation_and_every_tail_is_noticed(tmp_path: Path) -> None:
    """Cut anywhere, or with something behind it."""
    store, path = stored(tmp_path, "value")
    good = path.read_bytes()
    for bad in (*(good[:length] for length in range(len(good))), good + b"\n", good + good):
        path.write_bytes(bad)
        with pytest.raises(CorruptResultError):
            store.record("a/k.json")


def test_flipped_bytes_of_a_payload_are_noticed(tmp_path: Path) -> None:
    """At random places of several chunks, in whole and in ranged reads."""
    store, _ = stored(tmp_path, random.Random(1).randbytes(9 << 20))
    (payload,) = (tmp_path / "payloads").rglob("*.pkl")
    good = payload.read_bytes()
    places = [0, len(good) - 1, 4 << 20, (4 << 20) - 1, *random.Random(2).sample(range(len(good)), 5)]
    for position in places:
        with payload.open("r+b") as file:
            file.seek(position)
            file.write(bytes([good[position] ^ 4]))
        with pytest.raises(CorruptResultError, match="is damaged"):
            store.read("a/k.json")
        payload.write_bytes(good)
    payload.write_bytes(good[:-1])
    with pytest.raises(CorruptResultError, match="cut short"):
        store.read("a/k.json")
    payload.unlink()
    with pytest.raises(MissingResultError, match=r"payload .* is gone"):
        store.read("a/k.json")


def test_what_is_no_record_or_a_newer_one_says_so() -> None:
    """Foreign bytes and versions have messages of their own."""
    with pytest.raises(CorruptResultError, match="x is not a holdall record: it starts with b'PAR1'"):
        records.parse(b"PAR1", where="x")
    with pytest.raises(CorruptResultError, match="x is empty"):
        records.parse(b"", where="x")
    with pytest.raises(CorruptResultError, match=r"x was written by a newer holdall .record version 2.; .* Upgrade"):
        records.parse(b'{"holdall":2,"anything":"else"}', where="x")
    with pytest.raises(CorruptResultError, match="x is no valid record: the member storage is missing"):
        records.parse(records.seal(b'{"holdall":1'), where="x")


@pytest.mark.parametrize(
    ("payload", "media_type", "form"),
    [
        (b'{"a": [1, 2.50]}\n', "application/json", "json"),
        ('"é"'.encode(), "application/json", "json"),
        (b"NaN", "application/json", "base64"),
        (b"\xef\xbb\xbf{}", "application/json", "base64"),
        ('{"a": 1}'.encode("utf-16"), "application/json", "base64"),
        (b"[" * 100_000, "application/json", "base64"),
        (b"", "application/json", "base64"),
        ("a,é\n".encode(), "text/csv", "text"),
        (b"\xff", "text/plain", "base64"),
        (b"\x80\x05.", "application/octet-stream", "base64"),
    ],
)
def test_a_small_payload_stands_in_the_record_in_its_own_form(payload: bytes, media_type: str, form: str) -> None:
    """And comes out byte for byte; a dialect that would spoil the record is kept as bytes."""
    found, data = records.inline_form(payload, media_type)
    body = records.body(
        records.head('{"slug":null,"type":"t","location":{}}', '{"type":"s","options":{}}'),
        key="k",
        written_with="{}",
        payload=f'{{"size":{len(payload)},"media_type":"{media_type}","inline":"{found}"}},"data":{data.decode()}',
        created=0,
        expires=None,
        producer="{}",
    )
    record = records.parse(records.seal(body.encode()), where="k")

    assert form == found
    assert record.payload is not None
    assert payload == record.payload.inline


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.record.json")), ids=lambda path: path.name)
def test_the_vectors_of_the_format_are_read(path: Path) -> None:
    """What a reader of version 1 must make of each."""
    expected = json.loads(path.with_name(path.name.replace(".record.json", ".expected.json")).read_text())
    try:
        record = records.parse(path.read_bytes(), where=path.name)
    except CorruptResultError:
        found: Any = {"error": "corrupt"}
    else:
        found = {
            "key": record.key,
            "created": record.created,
            "expires": record.expires,
            "serializer": record.serializer.type,
        }
        belongings = {"name": record.name, "copy": record.copy, "also": record.also}
        found |= {name: value for name, value in belongings.items() if value is not None}
        if record.payload is None:
            found["literal"] = record.literal
        elif record.payload.inline is not None:
            found["payload_hex"] = record.payload.inline.hex()
        else:
            found["path"] = record.payload.path

    assert expected == found
