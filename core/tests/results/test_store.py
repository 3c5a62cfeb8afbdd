"""The commit protocol: what a reader sees while a writer dies, replaces or deletes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall.abc.codec import Codec
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import (
    CorruptResultError,
    KeyMissing,
    MissingResultError,
    SerializationError,
    StorageError,
    UntrustedResultError,
)
from holdall.results.layout import name_key
from holdall.results.store import ResultStore
from holdall.serializers import CompressedSerializer, JSONSerializer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGE = "x" * 20_000


class Faulty(Directory):
    """A folder that does something of the test's before each operation."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.calls: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda *_: None

    def _note(self, operation: str, key: str) -> None:
        self.calls.append((operation, key.partition("/")[0]))
        self.before(operation, key)

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        self._note("put", key)
        return super().put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        self._note("get", key)
        return super().get(key, byte_range=byte_range)

    def publish(self, source: str, target: str, /) -> None:
        self._note("publish", target)
        super().publish(source, target)


@pytest.fixture
def faulty(tmp_path: Path) -> Faulty:
    return Faulty(str(tmp_path / "store"))


@pytest.fixture
def store(faulty: Faulty) -> ResultStore:
    return ResultStore(faulty, PickleCodec())


def failing(operation: str, start: str, *, times: int = 99, transient: bool = False) -> Callable[[str, str], None]:
    left = [times]

    def before(found: str, key: str) -> None:
        if found == operation and key.startswith(start) and left[0]:
            left[0] -= 1
            raise StorageError("out of order", block="faulty", key=key, operation=found, transient=transient)

    return before


def payloads(faulty: Faulty) -> list[str]:
    return [meta.key for meta in faulty.scan("payloads")]


def test_the_payload_comes_before_the_record_and_the_copy_after(store: ResultStore, faulty: Faulty) -> None:
    """A small one is a single write."""
    store.write(LARGE, key="a")
    store.write("small", key="b")
    store.write("small", key="cache", name="named")

    assert [
        ("put", "payloads"),
        ("put", "a"),
        ("put", "b"),
        ("put", "payloads"),
        ("get", "names"),
        ("put", "cache"),
        ("put", "names"),
        ("publish", "named.pkl"),
        ("get", "names"),
    ] == faulty.calls


def test_a_writer_killed_between_payload_and_record_leaves_no_result(tmp_path: Path) -> None:
    """SIGKILL as the record would be written; then the key is free and can be written."""
    script = """
    import os, signal, sys
    from holdall.builtin.local.directory import Directory
    from holdall.builtin.pickle.codec import PickleCodec
    from holdall.results.store import ResultStore
    class Dying(Directory):
        def put(self, key, parts, /, *, mode="overwrite"):
            if not key.startswith("payloads"): os.kill(os.getpid(), signal.SIGKILL)
            return super().put(key, parts, mode=mode)
    ResultStore(Dying(sys.argv[1]), PickleCodec()).write("x" * 20_000, key="a")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False)
    store = ResultStore(Directory(str(tmp_path)), PickleCodec())

    assert -9 == done.returncode
    assert 1 == len(list(tmp_path.rglob("*.pkl")))
    with pytest.raises(MissingResultError):
        store.read("a")
    store.write("y", key="a")
    assert "y" == store.read("a")


def test_a_record_that_is_not_taken_leaves_no_payload(store: ResultStore, faulty: Faulty) -> None:
    """The error carries the value."""
    faulty.before = failing("put", "a")
    with pytest.raises(StorageError) as caught:
        store.write(LARGE, key="a")

    assert LARGE == caught.value.value
    assert [] == payloads(faulty)


def test_a_second_record_that_fails_leaves_the_first_whole(store: ResultStore, faulty: Faulty) -> None:
    """The payload stays, as the first record leads to it."""
    faulty.before = failing("put", "names")
    with pytest.raises(StorageError):
        store.write(LARGE, key="cache", name="named")

    assert LARGE == store.read("cache")


def test_a_passing_failure_is_repeated_by_dumping_again(store: ResultStore, faulty: Faulty) -> None:
    """Once, and only where it is said to pass."""
    faulty.before = failing("put", "a", times=1, transient=True)
    store.write(LARGE, key="a")
    assert LARGE == store.read("a")
    assert 1 == len(payloads(faulty))

    faulty.before = failing("put", "b", times=1)
    with pytest.raises(StorageError):
        store.write(LARGE, key="b")


def test_a_copy_that_fails_says_that_the_result_is_kept(store: ResultStore, faulty: Faulty) -> None:
    """Where it lies, and the value."""
    faulty.before = failing("publish", "named")
    with pytest.raises(StorageError) as caught:
        store.write(LARGE, name="named")

    assert LARGE == caught.value.value
    assert str(caught.value.kept).startswith(f"{name_key('named')} in ")
    assert LARGE == store.read(name_key("named"))


def test_a_payload_replaced_while_it_is_read_means_reading_again(store: ResultStore, faulty: Faulty) -> None:
    """By another payload, in another format, inlined, or a literal."""
    replacements: list[Any] = [LARGE + "2", "small", None]
    for value in replacements:
        faulty.before = lambda *_: None
        store.write(LARGE, key="a")
        record = store.record("a")
        assert record.payload is not None
        if value is None:
            store.write_literal(value, key="a")
        else:
            store.write(value, key="a")
        faulty.delete(str(record.payload.path))

        assert value == store.load(record)


def test_a_deleted_payload_is_missing(store: ResultStore, faulty: Faulty) -> None:
    """And the record is read once more, not for ever."""
    store.write(LARGE, key="a")
    (payload,) = payloads(faulty)
    faulty.delete(payload)
    faulty.calls.clear()

    with pytest.raises(MissingResultError, match=r"payload .* is gone"):
        store.read("a")
    assert 4 >= len(faulty.calls)


def test_a_reader_beside_writers_sees_whole_results_only(tmp_path: Path) -> None:
    """Two processes write one key; whatever is read was written."""
    script = """
    import sys
    from holdall.builtin.local.directory import Directory
    from holdall.builtin.pickle.codec import PickleCodec
    from holdall.results.store import ResultStore
    store = ResultStore(Directory(sys.argv[1]), PickleCodec())
    for number in range(150): store.write(sys.argv[2] * 20_000 if number % 2 else sys.argv[2] * 10, key="a")
    """
    writers = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(tmp_path), name]) for name in ("x", "y")
    ]
    store = ResultStore(Directory(str(tmp_path)), PickleCodec())
    seen = set()
    while any(each.poll() is None for each in writers):
        try:
            value = store.read("a")
        except MissingResultError:
            continue
        seen.add((value[0], len(value), len(set(value))))

    assert [0, 0] == [each.wait() for each in writers]
    assert seen <= {("x", 20_000, 1), ("y", 20_000, 1), ("x", 10, 1), ("y", 10, 1)}


def test_delete_removes_record_and_payload_and_nothing_foreign(store: ResultStore, faulty: Faulty) -> None:
    """A damaged record goes too; what is no record stays, with an error."""
    store.write(LARGE, key="a")
    store.delete("a")
    store.delete("a")
    assert ([], False) == (payloads(faulty), store.exists("a"))

    for damaged in (b'{"holdall":1,"x', b""):
        faulty.put("damaged", [damaged])
        store.delete("damaged")
        assert not store.exists("damaged")

    faulty.put("foreign", [b"a,b"])
    with pytest.raises(CorruptResultError, match="not a holdall record"):
        store.delete("foreign")
    assert faulty.exists("foreign")


def test_the_readable_copy_is_a_hard_link_and_changes_no_result(store: ResultStore, tmp_path: Path) -> None:
    """One file with two names, until somebody replaces one."""
    store.write([1, 2], name="out/report")
    copy = tmp_path / "store" / "out" / "report.pkl"

    assert 2 == copy.stat().st_nlink
    copy.unlink()
    copy.write_text("mine")
    assert [1, 2] == store.read(name_key("out/report"))


class Clumsy(Codec):
    """A plugin that raises what it likes."""

    slug: ClassVar[str] = "clumsy"
    media_type: ClassVar[str] = "text/plain"
    suffix: ClassVar[str] = ".txt"
    exact: ClassVar[bool] = True  # so that what it writes is not read back at once

    def dump(self, obj: Any, /) -> Any:
        if obj == "bad":
            raise AttributeError("clumsy")
        if obj == "later":
            return (b"x" * 10_000 if number else str(1 // number).encode() for number in (1, 0))
        return [str(obj).encode()]

    def load(self, source: Any, /) -> Any:
        del source
        raise IndexError("clumsy")

    def options(self) -> dict[str, Any]:
        return {}


def test_what_a_codec_raises_becomes_a_serialization_error(faulty: Faulty) -> None:
    """With the codec's own as its cause; while parts are read as well."""
    store = ResultStore(faulty, Clumsy())
    with pytest.raises(
        SerializationError, match="clumsy serializer cannot write a str: AttributeError: clumsy"
    ) as caught:
        store.write("bad", key="a")
    assert "bad" == caught.value.value
    with pytest.raises(SerializationError, match="ZeroDivisionError"):
        store.write("later", key="a")
    store.write("good", key="a")
    with pytest.raises(SerializationError, match="cannot read this result: IndexError: clumsy"):
        store.read("a")


def test_keys_that_escape_are_refused(store: ResultStore) -> None:
    """By the storage, and nothing is left."""
    for key in ("../a", "/a", "a/../../b", "a\0b"):
        with pytest.raises(StorageError):
            store.write("x", key=key)


def test_missing_keys_are_missing_results(store: ResultStore, faulty: Faulty) -> None:
    """Never a bare KeyMissing; any other failure stays a StorageError."""
    with pytest.raises(MissingResultError) as caught:
        store.find("nowhere")
    assert isinstance(caught.value.__cause__, KeyMissing)
    faulty.before = failing("get", "")
    with pytest.raises(StorageError, match="out of order"):
        store.find("nowhere")


def test_a_pickle_is_not_read_where_another_format_is_kept(tmp_path: Path) -> None:
    """Who can write to the storage cannot make a reader of JSON run code, unless that reader accepts pickles."""
    storage = Directory(str(tmp_path))
    ResultStore(storage, PickleCodec()).write({"a": {1}}, key="planted.json", producer="{}")
    reader = ResultStore(storage, JSONSerializer())

    with pytest.raises(UntrustedResultError, match=r"accept=\['pickle'\]"):
        reader.read("planted.json")
    assert {"a": {1}} == reader.read("planted.json", accept=["pickle"])
    assert {"a": {1}} == ResultStore(storage, CompressedSerializer(serializer="pickle")).read("planted.json")
