"""Storage contract: objects that a backend transfers in more than one request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from holdall.errors import KeyExists, StorageError
from holdall.testing.storage.asserts import difference, pieces, raised
from holdall.testing.storage.capabilities import Capabilities
from holdall.testing.storage.concurrency import race, while_overwriting
from holdall.types import ByteRange

if TYPE_CHECKING:
    from holdall.abc.storage import Storage
    from holdall.types import Buffer


class LargeContract(Capabilities):
    """The part of `StorageContract` about size; what fails or dies halfway is in `UnfinishedContract`."""

    def test_a_large_object_goes_round(self, storage: Storage) -> None:
        """Written from a generator, and read back whole and in parts; and not left on the disk of who tests."""
        size = self.largest
        put = storage.put("large", pieces(size))
        got = memoryview(storage.get("large"))

        assert (size, size, size) == (put.size, storage.head("large").size, len(got))
        assert _holds(got, size)

        for start, stop in ((0, 3), (size // 3, size // 3 + self.several_requests), (size - 5, None)):
            assert not difference(bytes(got[start:stop]), storage.get("large", byte_range=ByteRange(start, stop)))

        storage.delete("large")

    def test_a_large_create_has_one_winner(self, storage: Storage) -> None:
        """However many requests it takes, one of several creators wins; the others raise KeyExists and leave nothing."""
        if not self.creates:
            return
        size = self.several_requests

        def create(number: int) -> int | None:
            try:
                storage.put("contested", pieces(size, stamp=number), mode="create")
            except KeyExists:
                return None
            return number

        winners = [number for number in race(self.large_racers, create) if number is not None]

        assert 1 == len(winners)

        raised(KeyExists, storage.put, "contested", pieces(size, stamp=99), mode="create")

        assert _holds(storage.get("contested"), size, stamp=winners[0])
        assert ["contested"] == [meta.key for meta in storage.scan()]
        assert [] == self.debris(storage)

    def test_a_reader_never_sees_a_torn_large_object(self, storage: Storage) -> None:
        """Whoever reads while a large object is replaced has one version whole, or an error that passes."""
        size = self.several_requests
        put = partial(storage.put, "large")

        def read() -> bool:
            try:
                found = storage.get("large")
            except StorageError as error:
                return error.transient
            stamp = bytes(found[:8]).partition(b":")[0]
            return stamp.isdigit() and _holds(found, size, stamp=int(stamp))

        put(pieces(size))

        assert all(while_overwriting(read, lambda number, watched: put(watched(pieces(size, stamp=number))), times=3))


def _holds(found: Buffer, size: int, *, stamp: int = 0) -> bool:
    view, start = memoryview(found), 0
    for piece in pieces(size, stamp=stamp):
        if bytes(view[start : start + len(piece)]) != bytes(piece):
            return False
        start += len(piece)
    return start == len(view)
