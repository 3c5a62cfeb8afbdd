"""What every storage keeps to, as tests to inherit.

```python
class TestMyStorage(StorageContract):
    @pytest.fixture
    def storage(self):
        return MyStorage(...)          # empty, for this test alone
```

Class attributes say what a backend cannot do, or how much work a test may be.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import pytest

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.testing.processes import in_forked_child, in_spawned_child
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.storage import Storage
    from holdall.types import Buffer

_SIZES = (0, 1, 8191, 8192, 65_535, 65_536, 65_537, 1_048_577)
_ODD_KEYS = (
    "plain",
    "with space/and another.txt",
    "gr\u00fc\u00dfe/\u65e5\u672c\u8a9e/\U0001f9f3",
    "a+b&c=d?e#f%20g;h@i,j~k!$'()[]{}",
    "dots.in.it/.hidden",
    "/".join("abcdefghi" for _ in range(100)) + "x",  # 1,000 characters
)


class StorageContract:
    """Subclass with one fixture, `storage`: an empty storage for each test."""

    largest: ClassVar[int] = 5 << 20
    """Bytes of the largest object that goes round."""
    scan_count: ClassVar[int] = 2_500
    """Objects in the listing that must take several pages."""
    racers: ClassVar[int] = 16
    overwrites: ClassVar[int] = 100
    """Times that an object is replaced under a reader."""
    tells_case_apart: ClassVar[bool] = True
    """Whether keys that differ only in case are two objects."""
    pickles: ClassVar[bool] = True
    shared_between_processes: ClassVar[bool] = True
    """Whether another process sees the same objects; where not, its own are to be empty."""

    def environment(self) -> Mapping[str, str]:
        """Variables with the secrets that a pickled block leaves behind."""
        return {}

    def unreachable(self) -> Storage | None:
        """A storage of this kind that cannot be reached or refuses to answer; None where that cannot be."""
        return None

    @classmethod
    def sizes(cls) -> list[int]:
        return [*(size for size in _SIZES if size < cls.largest), cls.largest]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "size" in metafunc.fixturenames:
            metafunc.parametrize("size", self.sizes())
        if "key" in metafunc.fixturenames:
            metafunc.parametrize("key", _ODD_KEYS, ids=range(len(_ODD_KEYS)))

    def test_bytes_come_back_as_they_went(self, storage: Storage, size: int) -> None:
        """A list of parts, large and small, is read back as one object of their bytes."""
        data = _bytes(size)
        put = storage.put("folder/object", [data[: size // 2], memoryview(data)[size // 2 :]])
        got = storage.get("folder/object")

        assert (size, size) == (put.size, storage.head("folder/object").size)
        assert data == bytes(got)

    def test_what_is_got_belongs_to_the_reader(self, storage: Storage, size: int) -> None:
        """Writing into a buffer that was got changes neither the object nor another reader's buffer."""
        data = _bytes(size)
        storage.put("object", [data])
        mine, other = memoryview(storage.get("object")), storage.get("object")
        if not mine.readonly and size:
            mine[0] ^= 0xFF

        assert data == bytes(other) == bytes(storage.get("object"))

    def test_what_is_put_is_no_alias(self, storage: Storage) -> None:
        """A caller who reuses the buffer after `put` leaves the object as it was."""
        for size in (10, 100_000):
            buffer = bytearray(_bytes(size))
            storage.put("object", [buffer, memoryview(buffer)])
            buffer[:] = bytes(size)

            assert _bytes(size) * 2 == bytes(storage.get("object"))

    def test_a_generator_is_read_once_and_in_order(self, storage: Storage) -> None:
        """A one-shot generator that fills one buffer again and again is written piece by piece."""
        buffer = bytearray(1_000)

        def parts() -> Iterator[Buffer]:
            for number in range(200):
                buffer[:] = bytes([number]) * 1_000
                yield memoryview(buffer)

        put = storage.put("streamed", parts())

        assert put.size == 200_000
        assert b"".join(bytes([number]) * 1_000 for number in range(200)) == bytes(storage.get("streamed"))

    def test_no_parts_make_an_empty_object(self, storage: Storage) -> None:
        """An object without a byte is there all the same."""
        storage.put("empty", iter(()))

        assert storage.head("empty").size == 0
        assert list(storage.stream("empty")) == []

    def test_odd_keys_are_keys(self, storage: Storage, key: str) -> None:
        """Spaces, other scripts, punctuation and 1,000 characters are found, listed and deleted as any key."""
        storage.put(key, [b"odd"])

        assert bytes(storage.get(key)) == b"odd"
        assert [key] == [meta.key for meta in storage.scan()]

        storage.delete(key)

        assert not storage.exists(key)

    def test_case_tells_keys_apart(self, storage: Storage) -> None:
        """`Key` and `key` are two objects, or the storage says beforehand that it cannot do that."""
        storage.put("Case/Key", [b"upper"])
        storage.put("case/key", [b"lower"])
        expected = b"upper" if self.tells_case_apart else b"lower"

        assert expected == bytes(storage.get("Case/Key"))

    def test_ranges(self, storage: Storage) -> None:
        """A range is Python's: `stop` is left out, None and what lies past the end mean the end."""
        data = _bytes(200_000)
        storage.put("object", [data])

        for start, stop in ((0, 1), (0, None), (5, 10), (4_097, 150_001), (199_999, None), (100_000, 10**9)):
            assert data[start:stop] == bytes(storage.get("object", byte_range=ByteRange(start, stop)))

    def test_a_range_past_the_end_is_an_error(self, storage: Storage) -> None:
        """Nothing can be read from behind the last byte, and that does not mean that the object is absent."""
        storage.put("object", [b"0123456789"])

        error = _raises(StorageError, lambda: storage.get("object", byte_range=ByteRange(11, 12)))

        assert not isinstance(error, KeyMissing)

    def test_a_stream_gives_every_byte(self, storage: Storage) -> None:
        """Pieces of `chunk` bytes, the last one shorter, make the whole object."""
        data = _bytes(100_001)
        storage.put("object", [data])
        pieces = [bytes(piece) for piece in storage.stream("object", chunk=25_000)]

        assert data == b"".join(pieces)
        assert all(0 < len(piece) <= 25_000 for piece in pieces)

    def test_a_stream_is_never_a_mixture(self, storage: Storage) -> None:
        """An object that is replaced while it is streamed is the old one to the end, or an error."""
        storage.put("object", [b"a" * 100_000])
        pieces = storage.stream("object", chunk=10_000)
        found = bytearray(next(pieces))
        storage.put("object", [b"b" * 100_000])
        try:
            for piece in pieces:
                found += piece
        except StorageError:
            return

        assert bytes(found) == b"a" * 100_000

    def test_overwriting_replaces_the_whole(self, storage: Storage) -> None:
        """A shorter object leaves nothing of a longer one behind."""
        storage.put("object", [b"long" * 1_000])
        storage.put("object", [b"short"])

        assert bytes(storage.get("object")) == b"short"
        assert storage.head("object").size == 5

    def test_a_reader_never_sees_a_torn_object(self, storage: Storage) -> None:
        """Whoever reads while the object is replaced has one version whole."""
        storage.put("object", [b"\0" * 70_000])
        written = threading.Event()

        def overwrite() -> None:
            try:
                for number in range(self.overwrites):
                    size = 70_000 + number % 7 * 5_000
                    storage.put("object", [bytes([number % 251]) * (size // 2)] * 2)
            finally:
                written.set()

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(overwrite)
            seen = [_whole(storage.get("object"))]
            while not written.is_set():
                seen.append(_whole(storage.get("object")))
            writing.result()

        assert all(seen)

    def test_create_has_one_winner(self, storage: Storage) -> None:
        """Of many that create one key at once, one returns, the others raise KeyExists, and the winner's bytes stay."""
        for attempt in range(3):
            key = f"contested/{attempt}"
            outcomes = _race(self.racers, lambda number, key=key: _create(storage, key, number))

            winners = [outcome for outcome in outcomes if outcome != "KeyExists"]

            assert [bytes(storage.get(key)).decode()] == winners

    def test_create_leaves_what_is_there(self, storage: Storage) -> None:
        """`mode="create"` on a taken key raises KeyExists and changes nothing."""
        storage.put("object", [b"first"], mode="create")
        error = _raises(KeyExists, lambda: storage.put("object", [b"second"], mode="create"))

        assert (error.key, error.operation) == ("object", "put")
        assert bytes(storage.get("object")) == b"first"

    def test_only_keymissing_means_absent(self, storage: Storage) -> None:
        """A key that is not there is KeyMissing from `get` and `head`, also a folder of keys and a key below a key."""
        storage.put("folder/object", [b"here"])

        for key in ("absent", "folder", "folder/object/below"):
            missing = [
                _raises(KeyMissing, lambda key=key: storage.get(key)),
                _raises(KeyMissing, lambda key=key: storage.head(key)),
                _raises(KeyMissing, lambda key=key: storage.get(key, byte_range=ByteRange(0, 1))),
                _raises(KeyMissing, lambda key=key: list(storage.stream(key))),
            ]
            assert [key] * 4 == [error.key for error in missing]
            assert not storage.exists(key)
        assert storage.exists("folder/object")

    def test_trouble_is_never_taken_for_absence(self) -> None:
        """A storage that cannot be asked raises StorageError and never says no."""
        storage = self.unreachable()
        if storage is None:
            return
        for call in (storage.get, storage.head, storage.exists):
            error = _raises(StorageError, lambda call=call: call("object"))

            assert not isinstance(error, KeyMissing)

    def test_errors_name_block_key_and_operation(self, storage: Storage) -> None:
        """What failed where is in the error's fields and in its text."""
        for operation, call in (("get", storage.get), ("head", storage.head)):
            error = _raises(KeyMissing, lambda call=call: call("not/there"))

            assert ("not/there", operation) == (error.key, error.operation)
            assert error.block
            assert all(word in str(error) for word in (error.block, "not/there", operation))

    def test_scan_is_in_key_order(self, storage: Storage) -> None:
        """Keys come by code point of the whole key, which is not the order of a walk through folders."""
        keys = ["a", "b-c", "b.c", "b/c", "b/c-d", "b0", "b\u00e9", "B", "b/\U0001f9f3", "b/\uffee", "z/y/x/w"]
        for key in keys:
            storage.put(key, [b"12345"])

        assert sorted(keys) == [meta.key for meta in storage.scan()]
        assert {5} == {meta.size for meta in storage.scan()}

    def test_scan_keeps_to_its_prefix(self, storage: Storage) -> None:
        """A prefix is text, not a folder, and one that no key has gives nothing."""
        for key in ("run/1", "run/12", "runs", "walk/1"):
            storage.put(key, [b"x"])
        expected = {
            "": ["run/1", "run/12", "runs", "walk/1"],
            "run": ["run/1", "run/12", "runs"],
            "run/": ["run/1", "run/12"],
            "run/12": ["run/12"],
            "run/123": [],
            "../": [],
            "nothing/here": [],
        }

        assert expected == {prefix: [meta.key for meta in storage.scan(prefix)] for prefix in expected}

    def test_scan_goes_on_to_the_last_page(self, storage: Storage) -> None:
        """More objects than one page of any backend holds are all listed, once each."""
        keys = [f"many/{number % 16:x}/{number:06}" for number in range(self.scan_count)]
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda key: storage.put(key, [b""]), keys):
                pass

        assert sorted(keys) == [meta.key for meta in storage.scan("many/")]

    def test_a_listing_knows_the_latest_write(self, storage: Storage) -> None:
        """What was put is listed at once, and what was deleted is not."""
        for number in range(5):
            storage.put(f"object{number}", [b"x"])

            assert number + 1 == len(list(storage.scan("object")))
        for number in range(5):
            storage.delete(f"object{number}")

            assert 4 - number == len(list(storage.scan("object")))

    def test_delete_is_idempotent(self, storage: Storage) -> None:
        """A second delete, or one of what never was, is no error; a folder of keys is left alone."""
        storage.put("folder/object", [b"x"])
        storage.put("folder/other", [b"x"])
        for key in ("folder/object", "folder/object", "never", "folder", "folder/other/below"):
            storage.delete(key)

        assert [meta.key for meta in storage.scan()] == ["folder/other"]

    def test_a_failing_source_changes_nothing(self, storage: Storage) -> None:
        """Parts that raise halfway leave the old object, or none, and nothing to see in a listing."""

        def parts() -> Iterator[Buffer]:
            yield b"x" * 100_000
            raise FileNotFoundError(2, "from the source")

        storage.put("old", [b"as it was"])
        for call in (
            lambda: storage.put("old", parts()),
            lambda: storage.put("new", parts()),
            lambda: storage.put("new", parts(), mode="create"),
        ):
            _raises(FileNotFoundError, call)

        assert bytes(storage.get("old")) == b"as it was"
        assert [meta.key for meta in storage.scan()] == ["old"]

    def test_publish_gives_a_second_name(self, storage: Storage) -> None:
        """The bytes are read under the new name too, in place of what was there, and outlive the first name."""
        storage.put("payload", [b"bytes" * 20_000])
        storage.put("report.csv", [b"old"])
        storage.publish("payload", "report.csv")
        storage.publish("payload", "report.csv")
        storage.publish("payload", "deep/in/a/new/folder.csv")
        storage.delete("payload")

        assert [meta.key for meta in storage.scan()] == ["deep/in/a/new/folder.csv", "report.csv"]
        assert {b"bytes" * 20_000} == {bytes(storage.get(meta.key)) for meta in storage.scan()}
        _raises(KeyMissing, lambda: storage.publish("payload", "other"))

    def test_both_colours_agree(self, storage: Storage) -> None:
        """Each async twin does what the blocking method does, errors included."""
        data = _bytes(100_000)

        async def coloured() -> list[Any]:
            put = await storage.aput("twin", [data])
            with pytest.raises(KeyExists):
                await storage.aput("twin", [b""], mode="create")
            with pytest.raises(KeyMissing):
                await storage.aget("absent")
            with pytest.raises(KeyMissing):
                await storage.ahead("absent")
            return [
                put.size,
                bytes(await storage.aget("twin")),
                bytes(await storage.aget("twin", byte_range=ByteRange(3, 9))),
                await storage.ahead("twin"),
                await storage.aexists("twin"),
                await storage.aexists("absent"),
                [meta async for meta in storage.ascan("tw")],
                b"".join([bytes(piece) async for piece in storage.astream("twin", chunk=30_000)]),
            ]

        found = asyncio.run(coloured())
        head = storage.head("twin")

        assert [len(data), data, data[3:9], head, True, False, list(storage.scan("tw")), data] == found
        assert bytes(storage.get("twin")) == data

        asyncio.run(storage.adelete("twin"))

        assert not storage.exists("twin")

    def test_a_pickled_storage_works(self, storage: Storage) -> None:
        """A copy through pickle reads what the original wrote, and is closed and used again."""
        if not self.pickles:
            with pytest.raises((pickle.PicklingError, TypeError)):
                pickle.dumps(storage)
            return
        storage.put("object", [b"x"])
        with mock.patch.dict(os.environ, self.environment()):
            copy: Storage = pickle.loads(pickle.dumps(storage))  # noqa: S301 - made here

            assert bytes(copy.get("object")) == b"x"

            copy.close()

            assert bytes(copy.get("object")) == b"x"
        assert bytes(storage.get("object")) == b"x"

    def test_a_spawned_process_shares_it(self, storage: Storage) -> None:
        """A fresh process that gets the storage as a pickle reads and writes the same objects."""
        if not self.pickles:
            return
        storage.put("asked", [b"from the parent"])
        found = in_spawned_child(storage, "asked", "told", environment=self.environment())

        assert (b"from the parent" if self.shared_between_processes else b"") == found
        assert self.shared_between_processes == storage.exists("told")

    def test_a_forked_process_shares_it(self, storage: Storage) -> None:
        """A fork of a process that has used the storage can use it too, and so can the parent afterwards."""
        if not hasattr(os, "fork"):
            return
        storage.put("asked", [b"from the parent"])
        found = in_forked_child(storage, "asked", "told")

        assert found == b"from the parent"
        assert self.shared_between_processes == storage.exists("told")
        assert bytes(storage.get("asked")) == b"from the parent"


def _bytes(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def _whole(data: Buffer) -> bool:
    found = bytes(data)
    return len(found) >= 70_000 and found == found[:1] * len(found)


def _raises(kind: type[Any], call: Any) -> Any:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def _create(storage: Storage, key: str, number: int) -> str:
    mine = f"winner {number}"
    try:
        storage.put(key, [mine.encode()], mode="create")
    except KeyExists:
        return "KeyExists"
    return mine


def _race(racers: int, run: Any) -> list[str]:
    start = threading.Barrier(racers)

    def racer(number: int) -> str:
        start.wait()
        outcome: str = run(number)
        return outcome

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(racer, range(racers)))
