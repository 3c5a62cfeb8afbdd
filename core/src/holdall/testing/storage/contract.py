"""Contract of a storage, as tests to inherit.

```python
class TestMyStorage(StorageContract):
    @pytest.fixture
    def storage(self):
        return MyStorage(...)          # empty, for this test alone
```

`Capabilities` has what else can be said: what a backend cannot do, how much work a test may be, and storages in trouble.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from holdall.errors import ConfigurationError, HoldallError, KeyMissing, StorageError
from holdall.testing.storage.asserts import difference, pattern, raised
from holdall.testing.storage.concurrency import SharingContract
from holdall.testing.storage.errors import TroubleContract
from holdall.testing.storage.large import LargeContract
from holdall.testing.storage.leftovers import UnfinishedContract
from holdall.testing.storage.listing import ListingContract
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.storage import Storage
    from holdall.types import Buffer

_ODD_KEYS = (
    "plain",
    "with space/and another.txt",
    "gr\u00fc\u00dfe/\u65e5\u672c\u8a9e/\U0001f9f3",
    "a+b&c=d?e#f%20g;h@i,j~k!$'()[]{}",
    "x?versionId=y",
    "~.x",
    "dots.in.it/.hidden",
    "/".join("abcdefghi" for _ in range(100)) + "x",  # 1,000 characters
)
_FAULTY_KEYS = (
    *("", "/", "/absolute", "a/", "a//b", ".", "..", "../out", "a/../../out", "a/./b", "./a"),
    *("line\nbreak", "nul\0", "tab\t", "\x7f", "c1\x85", "back\\slash", "C:/x", "c:x", "lone\ud800surrogate"),
    *(".locks/x", ".holdall-tmp-x", "a/.holdall-tmp-x", "con", "nul.txt", "a/COM1", "lpt\u00b9.json"),
    *("x" * 1_100, "\u00e9" * 600, "x" * 3_000, "/".join(["abc"] * 2_000)),
)


class StorageContract(LargeContract, ListingContract, SharingContract, TroubleContract, UnfinishedContract):
    """Subclass with one fixture, `storage`: an empty storage for each test."""

    def test_bytes_come_back_as_they_went(self, storage: Storage) -> None:
        """A list of parts, large and small, is read back as one object of their bytes, and described alike."""
        for size in self.sizes:
            data = pattern(size)
            put = storage.put("folder/object", [data[: size // 2], memoryview(data)[size // 2 :]])
            got, head, (listed,) = storage.get("folder/object"), storage.head("folder/object"), storage.scan()

            assert [("folder/object", size)] * 3 == [(meta.key, meta.size) for meta in (put, head, listed)]
            assert {head.etag} >= {meta.etag for meta in (put, listed) if meta.etag is not None}
            assert not difference(data, got)

    def test_parts_are_counted_in_bytes(self, storage: Storage) -> None:
        """Parts are buffers of any kind, whatever their items are."""
        numbers = array("d", range(10_000))
        written: tuple[list[Buffer], ...] = (
            [memoryview(numbers)],
            [b"", bytearray(b"one "), memoryview(numbers)],
            [bytes(numbers), b""],
        )
        for parts in written:
            data = b"".join(bytes(part) for part in parts)
            put = storage.put("object", iter(parts))

            assert len(data) == put.size
            assert not difference(data, storage.get("object"))

    def test_what_is_got_belongs_to_the_reader(self, storage: Storage) -> None:
        """Writing into a buffer that was got changes neither the object nor another reader's buffer."""
        for size in (1, 8192, 1_048_577):
            data = pattern(size)
            storage.put("object", [data])
            mine, other = memoryview(storage.get("object")), storage.get("object")
            if not mine.readonly:
                mine[0] ^= 0xFF

            assert not difference(data, other)
            assert not difference(data, storage.get("object"))

    def test_what_is_put_is_no_alias(self, storage: Storage) -> None:
        """A caller who reuses the buffer after `put` leaves the object as it was."""
        for size in (10, 100_000):
            buffer = bytearray(pattern(size))
            storage.put("object", [buffer, memoryview(buffer)])
            buffer[:] = bytes(size)

            assert not difference(pattern(size) * 2, storage.get("object"))

    def test_a_generator_is_read_once_and_in_order(self, storage: Storage) -> None:
        """A one-shot generator that fills one buffer again and again is written piece by piece."""
        buffer = bytearray(1_000)

        def parts() -> Iterator[Buffer]:
            for number in range(200):
                buffer[:] = bytes([number]) * 1_000
                yield memoryview(buffer)

        put = storage.put("streamed", parts())

        assert put.size == 200_000
        expected = b"".join(bytes([number]) * 1_000 for number in range(200))

        assert not difference(expected, storage.get("streamed"))

    def test_no_parts_make_an_empty_object(self, storage: Storage) -> None:
        """An object without a byte is there all the same."""
        storage.put("empty", iter(()))

        assert storage.head("empty").size == 0
        assert b"" == bytes(storage.get("empty")) == bytes(storage.get("empty", byte_range=ByteRange(0)))
        assert list(storage.stream("empty")) == []

    def test_odd_keys_are_keys(self, storage: Storage) -> None:
        """Spaces, other scripts, punctuation and 1,000 characters are found, listed and deleted as any key."""
        for key in _ODD_KEYS:
            storage.put(key, [key.encode()])

        assert [(key, key.encode()) for key in _ODD_KEYS] == [(key, bytes(storage.get(key))) for key in _ODD_KEYS]
        assert sorted(_ODD_KEYS) == [meta.key for meta in storage.scan()]

        for key in _ODD_KEYS:
            storage.delete(key)

        assert [] == [key for key in _ODD_KEYS if storage.exists(key)]

    def test_check_key_says_what_put_would(self, storage: Storage) -> None:
        """A key that it lets pass is written and read; one that it refuses is refused by `put`, which writes nothing."""
        for key in (*_ODD_KEYS, *_FAULTY_KEYS):
            passes = written = True
            try:
                storage.check_key(key)
            except ConfigurationError:
                passes = False
            try:
                storage.put(key, [b"bytes"])
            except HoldallError:
                written = False

            assert (key, passes) == (key, written)
            if written:
                assert bytes(storage.get(key)) == b"bytes"
                storage.delete(key)

        assert [] == [meta.key for meta in storage.scan()]

    def test_case_tells_keys_apart(self, storage: Storage) -> None:
        """`Key` and `key` are two objects, or the storage says beforehand that it cannot do that."""
        storage.put("Case/Key", [b"upper"])
        storage.put("case/key", [b"lower"])
        expected = b"upper" if self.tells_case_apart else b"lower"

        assert expected == bytes(storage.get("Case/Key"))

    def test_ranges(self, storage: Storage) -> None:
        """A range is Python's: `stop` is left out, None and what lies past the end mean the end."""
        data = pattern(200_000)
        storage.put("object", [data])

        for start, stop in (
            *((0, 1), (0, None), (5, 10), (7, 7), (4_097, 150_001), (199_999, None), (100_000, 10**9)),
            *((200_000, None), (200_000, 200_005)),
        ):
            assert not difference(data[start:stop], storage.get("object", byte_range=ByteRange(start, stop)))

    def test_a_range_that_is_none_is_an_error(self, storage: Storage) -> None:
        """Behind the last byte, before the first or the wrong way round: an error, and not that the object is absent."""
        storage.put("object", [b"0123456789"])

        for start, stop in ((11, 12), (11, 11), (11, None), (-1, None), (5, 2)):
            error = raised(StorageError, storage.get, "object", byte_range=ByteRange(start, stop))

            assert not isinstance(error, KeyMissing)

    def test_a_stream_gives_every_byte(self, storage: Storage) -> None:
        """Pieces of `chunk` bytes, the last one shorter, make the whole object."""
        data = pattern(100_001)
        storage.put("object", [data])
        pieces = [bytes(piece) for piece in storage.stream("object", chunk=25_000)]

        assert not difference(data, b"".join(pieces))
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

        assert not difference(b"a" * 100_000, found)

    def test_overwriting_replaces_the_whole(self, storage: Storage) -> None:
        """A shorter object leaves nothing of a longer one behind."""
        storage.put("object", [b"long" * 1_000])
        storage.put("object", [b"short"])

        assert bytes(storage.get("object")) == b"short"
        assert storage.head("object").size == 5

    def test_publish_gives_a_second_name(self, storage: Storage) -> None:
        """The bytes are read under the new name too, in place of what was there, and outlive the first name."""
        storage.put("payload", [b"bytes" * 20_000])
        storage.put("report.csv", [b"old"])
        storage.publish("payload", "report.csv")
        storage.publish("payload", "report.csv")
        storage.publish("payload", "deep/in/a/new/folder.csv")
        storage.delete("payload")

        assert [meta.key for meta in storage.scan()] == ["deep/in/a/new/folder.csv", "report.csv"]
        assert [] == [meta for meta in storage.scan() if difference(b"bytes" * 20_000, storage.get(meta.key))]
        raised(KeyMissing, storage.publish, "payload", "other")
        assert not storage.exists("other")
