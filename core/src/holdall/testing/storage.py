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

from typing import TYPE_CHECKING, ClassVar

from holdall.errors import KeyMissing, StorageError
from holdall.testing.listing import ListingContract
from holdall.testing.promises import pattern, raised
from holdall.testing.sharing import SharingContract
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

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


class StorageContract(ListingContract, SharingContract):
    """Subclass with one fixture, `storage`: an empty storage for each test."""

    largest: ClassVar[int] = 5 << 20
    """Bytes of the largest object that goes round."""
    tells_case_apart: ClassVar[bool] = True
    """Whether keys that differ only in case are two objects."""

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
        data = pattern(size)
        put = storage.put("folder/object", [data[: size // 2], memoryview(data)[size // 2 :]])
        got = storage.get("folder/object")

        assert (size, size) == (put.size, storage.head("folder/object").size)
        assert data == bytes(got)

    def test_what_is_got_belongs_to_the_reader(self, storage: Storage, size: int) -> None:
        """Writing into a buffer that was got changes neither the object nor another reader's buffer."""
        data = pattern(size)
        storage.put("object", [data])
        mine, other = memoryview(storage.get("object")), storage.get("object")
        if not mine.readonly and size:
            mine[0] ^= 0xFF

        assert data == bytes(other) == bytes(storage.get("object"))

    def test_what_is_put_is_no_alias(self, storage: Storage) -> None:
        """A caller who reuses the buffer after `put` leaves the object as it was."""
        for size in (10, 100_000):
            buffer = bytearray(pattern(size))
            storage.put("object", [buffer, memoryview(buffer)])
            buffer[:] = bytes(size)

            assert pattern(size) * 2 == bytes(storage.get("object"))

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
        data = pattern(200_000)
        storage.put("object", [data])

        for start, stop in ((0, 1), (0, None), (5, 10), (4_097, 150_001), (199_999, None), (100_000, 10**9)):
            assert data[start:stop] == bytes(storage.get("object", byte_range=ByteRange(start, stop)))

    def test_a_range_past_the_end_is_an_error(self, storage: Storage) -> None:
        """Nothing can be read from behind the last byte, and that does not mean that the object is absent."""
        storage.put("object", [b"0123456789"])

        error = raised(StorageError, storage.get, "object", byte_range=ByteRange(11, 12))

        assert not isinstance(error, KeyMissing)

    def test_a_stream_gives_every_byte(self, storage: Storage) -> None:
        """Pieces of `chunk` bytes, the last one shorter, make the whole object."""
        data = pattern(100_001)
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

    def test_only_keymissing_means_absent(self, storage: Storage) -> None:
        """A key that is not there is KeyMissing from `get` and `head`, also a folder of keys and a key below a key."""
        storage.put("folder/object", [b"here"])

        for key in ("absent", "folder", "folder/object/below"):
            missing = [
                raised(KeyMissing, storage.get, key),
                raised(KeyMissing, storage.head, key),
                raised(KeyMissing, storage.get, key, byte_range=ByteRange(0, 1)),
                raised(KeyMissing, next, storage.stream(key)),
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
            error = raised(StorageError, call, "object")

            assert not isinstance(error, KeyMissing)

    def test_errors_name_block_key_and_operation(self, storage: Storage) -> None:
        """What failed where is in the error's fields and in its text."""
        for operation, call in (("get", storage.get), ("head", storage.head)):
            error = raised(KeyMissing, call, "not/there")

            assert ("not/there", operation) == (error.key, error.operation)
            assert error.block
            assert all(word in str(error) for word in (error.block, "not/there", operation))

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
            raised(FileNotFoundError, call)

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
        raised(KeyMissing, storage.publish, "payload", "other")
