"""The members of stored JSON: what is odd is refused where it is parsed, and stops nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import load_result, task
from holdall.builtin.local.directory import Directory
from holdall.catalog.open import open_catalog
from holdall.errors import ConfigurationError, CorruptResultError, HoldallError, UntrustedResultError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import copy, move
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import place_of
from holdall.maintenance.push_spool import push
from holdall.maintenance.rebuild_catalog import rebuild
from holdall.results import record as records
from holdall.results.checksum import Checksum
from holdall.results.layout import name_key, record_key
from holdall.results.members import Members, loads, moment
from holdall.results.references import from_json
from holdall.results.store import ResultStore
from holdall.serializers import JSONSerializer
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ODD: list[Any] = [
    None,
    True,
    5,
    -1,
    0,
    1.5,
    10**400,
    "",
    "x",
    "\ud800",
    [],
    ["x"],
    {},
    {"a": 1},
    [[[]]],
    "0001-01-01T00:00:00",
]


def forged(data: bytes, changes: dict[str, Any]) -> bytes:
    """The record with members changed by dotted name, and a checksum that is right; `...` takes one out."""
    document = json.loads(data)
    for each in ("checksum", "data"):
        document.pop(each, None)
    payload = b""
    if isinstance(document["payload"], dict) and "inline" in document["payload"]:
        payload = b',"data":' + data[: -records.SEAL_SIZE][-document["payload"]["size"] :]
    for name, value in changes.items():
        *way, leaf = name.split(".")
        place = document
        for step in way:
            place = place[step]
        if value is ...:
            del place[leaf]
        else:
            place[leaf] = value
    return records.seal(json.dumps(document, separators=(",", ":")).encode()[:-1] + payload)


def member_names(document: dict[str, Any], before: str = "") -> Iterator[str]:
    for name, value in document.items():
        yield before + name
        if isinstance(value, dict):
            yield from member_names(value, f"{before}{name}.")


KINDS = {"small": [1, 2], "large": ["x" * 9_000], "literal": True, "named": {"rows": 1}}


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(Directory(str(tmp_path / "s")), JSONSerializer())


def written(store: ResultStore, kind: str) -> str:
    """One record; its key."""
    producer = json.dumps({"kind": "task", "name": "n", "function": "f", "run_id": "a" * 32, "flow_run_id": None})
    if kind == "literal":
        store.write_literal(KINDS[kind], key=record_key("k"), producer=producer)
        return record_key("k")
    name = "report" if kind == "named" else None
    return store.write(KINDS[kind], key=record_key("k"), name=name, producer=producer).key


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_member_is_a_corrupt_record_or_no_matter(store: ResultStore, kind: str) -> None:
    """Each member in turn becomes each odd value, or goes: the same value as before, or one of our errors."""
    key = written(store, kind)
    good = bytes(store.storage.get(key))
    bad = []
    for name in {*member_names(json.loads(good))} - {"checksum", "data"}:
        for value in (*ODD, ...):
            store.storage.put(key, [forged(good, {name: value})])
            for read in (store.read, store.read_quickly):
                try:
                    found = read(key)
                except (CorruptResultError, UntrustedResultError):
                    continue
                except HoldallError as error:
                    found = type(error).__name__  # an unknown serializer, a result that has expired
                    continue
                if found is not None and (found[0] if read == store.read_quickly else found) != KINDS[kind]:
                    bad.append((name, value, found))

    assert [] == bad


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": 5}, "the member key is a number, and a text is needed"),
        ({"key": ...}, "the member key is missing"),
        ({"storage": None}, "storage is null, and an object is needed"),
        ({"storage.slug": 5}, "the member storage.slug is a number"),
        ({"storage.location": [1]}, "storage.location is a list, and an object"),
        ({"storage.location": {"a": 10**400}}, "storage.location has a number that is too large"),
        ({"serializer.type": ["json"]}, "the member serializer.type is a list"),
        ({"serializer.options": None}, "serializer.options is null"),
        ({"serializer.written_with": {"json": 1}}, "the member serializer.written_with.json is a number"),
        ({"created": 5}, "the member created is a number"),
        ({"created": "2024-01-01T00:00:00"}, "the member created is odd: '2024-01-01T00:00:00' is no time"),
        ({"expires": "0001-01-01T00:00:00"}, "the member expires is odd"),
        ({"expires": "0001-01-01T00:00:00+00:00"}, "the member expires is odd"),
        ({"expires": "9999-12-31T23:59:59-23:59"}, "the member expires is odd"),
        ({"expires": "2024-02-30T00:00:00Z"}, "the member expires is odd"),
        ({"producer": None}, "producer is null"),
        ({"producer.run_id": 5}, "the member producer.run_id is a number"),
        ({"producer.flow_run_id": [1]}, "the member producer.flow_run_id is a list"),
        ({"producer.name": {}}, "the member producer.name is an object"),
        ({"payload": []}, "payload is a list"),
        ({"payload.size": True}, "the member payload.size is true or false"),
        ({"payload.size": -1}, "the member payload.size is not between"),
        ({"payload.size": 1.0}, "the member payload.size is a number, and a whole number"),
        ({"payload.media_type": None}, "the member payload.media_type is null"),
        ({"payload.path": "cache/x.json"}, "the member payload.path is no payload's name"),
        ({"payload.path": "payloads/../../x"}, "the member payload.path is no payload's name"),
        ({"payload.decoded": -1}, "the member payload.decoded is not between"),
        ({"payload.checksum": None}, "checksum is null"),
        ({"payload.checksum.algorithm": "md5"}, "checksum.algorithm is 'md5', and one of xxh3_64, sha256 is needed"),
        ({"payload.checksum.chunk_size": 0}, "checksum.chunk_size is not between"),
        ({"payload.checksum.chunk_size": 1 << 40}, "checksum.chunk_size is not between"),
        ({"payload.checksum.chunks": []}, "there are 0 chunk checksums"),
        ({"payload.checksum.chunks": ["x" * 16]}, "lower-case hexadecimal digits"),
        ({"payload.checksum.chunks": [5]}, "a list of texts is needed"),
        ({"payload.checksum.digest": "0" * 16}, "the list of chunk checksums is damaged"),
        ({"name": "other"}, "the member name is not the one that the key belongs to"),
        ({"name": ".."}, "the member name is not the one"),
        ({"copy": record_key("victim")}, "the member copy is not the one of that name"),
        ({"copy": "report.pkl"}, "the member copy is not the one of that name"),
        ({"also": "report"}, "the member also is not the key of another record"),
        ({"also": name_key("report")}, "the member also is not the key of another record"),
        ({"holdall": 0}, "the member holdall is not between"),
        ({"holdall": True}, "the member holdall is true or false"),
    ],
)
def test_the_error_says_what_is_odd(store: ResultStore, changes: dict[str, Any], said: str) -> None:
    """And what to do."""
    key = written(store, "named")
    data = forged(bytes(store.storage.get(key)), changes)

    with pytest.raises(CorruptResultError, match="is no valid record: .*Delete it") as caught:
        records.parse(data, where="it")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "odd",
    [
        b',"key":"another"',
        b',"payload":null',
        b',"x":NaN',
        b',"x":-Infinity',
        b',"x":' + b"9" * 5000,
        b',"x":' + b"[" * 100_000,
        b',"producer":{"a":1,"a":2}',
        b',"x":"\xff"',
        b",,",
    ],
)
def test_json_that_readers_differ_in_is_refused(store: ResultStore, odd: bytes) -> None:
    """Twice the same member, constants, numbers and nesting without end."""
    key = written(store, "large")
    data = bytes(store.storage.get(key))[: -records.SEAL_SIZE] + odd

    with pytest.raises(CorruptResultError, match="is no valid record"):
        records.parse(records.seal(data), where="it")


def test_a_payload_of_json_may_say_things_twice(store: ResultStore) -> None:
    """It lies there byte for byte, and is the serializer's to judge."""
    key = written(store, "small")
    data = bytes(store.storage.get(key))
    twice = b'{"a":1,"a":2}'
    document = json.loads(data)
    size = document["payload"]["size"]
    start = data[: -records.SEAL_SIZE - size].replace(b'"size":%d' % size, b'"size":%d' % len(twice))
    found = records.parse(records.seal(start + twice), where="it").payload

    assert found is not None
    assert twice == found.inline
    with pytest.raises(CorruptResultError, match="stands there twice"):
        records.parse(records.seal(start.replace(b',"key":', b',"x":1,"x":2,"key":') + twice), where="it")


def test_a_size_that_is_not_that_of_the_data_is_refused(store: ResultStore) -> None:
    """Bytes of other members would count as the payload."""
    key = written(store, "small")
    good = bytes(store.storage.get(key))
    for size in (0, 1, 4, 6, 100, 10**6):
        data = records.seal(good[: -records.SEAL_SIZE].replace(b'"size":5', b'"size":%d' % size))
        with pytest.raises(CorruptResultError):
            records.parse(data, where="it")
        store.storage.put(key, [data])
        assert store.read_quickly(key) is None


def test_unknown_members_are_passed_over(store: ResultStore) -> None:
    """Those of a later version of the same format."""
    for kind, value in KINDS.items():
        key = written(store, kind)
        store.storage.put(key, [forged(bytes(store.storage.get(key)), {"later": {"a": [1]}, "producer.host": "h"})])

        assert value == store.read(key)


ODD_RECORDS = [
    {"expires": "0001-01-01T00:00:00"},
    {"created": 5},
    {"producer": None},
    {"serializer.type": ["json"]},
    {"serializer.options": None},
    {"key": 5},
    {"storage.location": None},
    {"payload.size": "5"},
    {"producer.name": 7},
    {"producer.run_id": {"a": 1}},
    {"storage.type": 3},
]


@pytest.mark.parametrize("changes", ODD_RECORDS, ids=str)
def test_an_odd_record_stops_nothing_for_the_others(place: Path, changes: dict[str, Any]) -> None:
    """Garbage collection, rebuilding, copying and moving tell of it, and do the rest."""
    unit = task(result_storage="./s", result_serializer="json", return_state=True)
    odd: Any = unit(lambda: [1])().reference
    good: Any = unit(lambda: [2])().reference
    path = place / "s" / odd.key
    path.write_bytes(forged(path.read_bytes(), changes))
    here, there, elsewhere = (place_of(LocalFileSystem(basepath=place / each)) for each in "stu")
    catalog = open_catalog(settings.current())
    collect(here, grace=86_400, expired=True, catalog=catalog)
    rebuild([here], catalog, settings=settings.current())
    problems = [
        each.problem
        for moved in (
            copy(here, there, settings=settings.current()),
            move(here, elsewhere, catalog, settings=settings.current()),
        )
        for each in moved.items
    ]
    for read in (
        from_json(odd.json()).get,
        lambda: load_result(key=odd.key, storage="./s"),
        lambda: load_result(run=odd.run_id),
    ):
        with pytest.raises(HoldallError):
            read()

    assert [2] == load_result(key=good.key, storage="./t") == load_result(key=good.key, storage="./u")
    assert path.exists()
    assert 2 == sum("is no valid record" in str(each) for each in problems)


@pytest.mark.parametrize("changes", ODD_RECORDS, ids=str)
def test_an_odd_record_in_the_spool_stops_nothing_for_the_others(place: Path, changes: dict[str, Any]) -> None:
    """The others are sent."""
    (place / "s").write_text("in the way")
    unit = task(result_storage="./s", result_serializer="json", return_state=True, on_storage_error="run")
    with pytest.warns(match="spool"):
        odd, good = (unit(lambda n=n: [n])().reference for n in (1, 2))
    (path,) = (place / "home" / "spool").rglob(odd.key.rpartition("/")[2])
    path.write_bytes(forged(path.read_bytes(), changes))
    (place / "s").unlink()
    done = list(push(settings.current()))

    assert [True] == [
        "is no valid record" in str(each.problem) for moved in done for each in moved.items if each.problem
    ]
    assert [2] == load_result(key=good.key, storage="./s")
    assert path.exists()


REFERENCE = {
    "type": "reference",
    "key": "k",
    "run_id": "r",
    "name": "n",
    "storage": {"slug": None, "type": "local-file-system", "location": {"basepath": "s"}},
    "serializer": {"type": "json", "options": {}},
}


def test_a_reference_with_an_odd_member_is_refused_at_once() -> None:
    """Each member in turn; what passes can be asked, and raises errors of ours."""
    for name in list(member_names(REFERENCE)):
        for value in (*ODD, ...):
            document = json.loads(json.dumps(REFERENCE))
            *way, leaf = name.split(".")
            place = document
            for step in way:
                place = place[step]
            if value is ...:
                del place[leaf]
            else:
                place[leaf] = value
            with pytest.raises(HoldallError):
                from_json(json.dumps(document)).get()


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"type":"result","value":"[]"}', '{"type":"result","value":true}', '{"type":5}', b"\xff", "NaN"],
)
def test_what_is_no_reference_is_refused(text: str | bytes) -> None:
    """With a sentence."""
    with pytest.raises(ConfigurationError, match="not the JSON of a ResultLiteral or a ResultReference"):
        from_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "20240101T000000Z",
        "2024-01-01T00:00Z",
        "2024-W01-1T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "9999-12-31T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-01T00:00:00+25:00",
        "2024-01-01T00:00:00Z\n",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """No zone, no such day, out of reach."""
    with pytest.raises(ValueError, match="is no time as RFC 3339 writes it"):
        moment(text)


def test_times_are_read_with_their_zone() -> None:
    """As RFC 3339 has them, not only as they are written here."""
    assert 0.25 == moment("1970-01-01T00:00:00.250000+00:00") == moment("1970-01-01t01:00:00.25+01:00")
    assert 0.0 == moment("1970-01-01T00:00:00Z")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_a_checksum_takes_whatever_json_there_is(document: Any) -> None:
    """As a ValueError."""
    with pytest.raises(ValueError, match="checksum"):
        Checksum.from_json(document, size=5)


def test_members_say_their_names() -> None:
    """Down to the one that is odd."""
    found = Members(loads('{"a":{"b":{"c":[1]}}}'))

    with pytest.raises(ValueError, match=r"the member a\.b\.c is a list, and a text is needed"):
        found.members("a").members("b").text("c")
