"""Storage contract: writes that fail or are killed, and the leftovers that `sweep` deletes."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from holdall.testing.storage.asserts import pieces, raised
from holdall.testing.storage.capabilities import Capabilities
from holdall.testing.storage.processes import in_killed_child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.storage import Storage
    from holdall.types import Buffer


class UnfinishedContract(Capabilities):
    """The part of `StorageContract` about sources that fail, writers that are killed, and `sweep`."""

    def test_a_failing_source_changes_nothing(self, storage: Storage) -> None:
        """Parts that raise halfway leave the old object, or none, and nothing to see in a listing."""
        self._fail(storage, 100_000)

    def test_a_large_source_that_fails_leaves_nothing(self, storage: Storage) -> None:
        """The same after much has been sent: it is taken back, and not left to the next `sweep`."""
        self._fail(storage, 3 * self.several_requests)

        assert [] == self.debris(storage)
        assert [] == storage.sweep(_later(), dry_run=True)

    def _fail(self, storage: Storage, size: int) -> None:
        def parts() -> Iterator[Buffer]:
            yield from pieces(size)
            # It reads like trouble of the storage's own, and is none.
            raise FileNotFoundError(2, "from the source")

        storage.put("old", [b"as it was"])
        calls = [partial(storage.put, "old", parts()), partial(storage.put, "new", parts())]
        if self.creates:
            calls.append(partial(storage.put, "new", parts(), mode="create"))
        for call in calls:
            assert "from the source" == raised(FileNotFoundError, call).strerror

        assert [("old", b"as it was")] == [(meta.key, bytes(storage.get(meta.key))) for meta in storage.scan()]

    def test_a_killed_writer_leaves_what_sweep_finds(self, storage: Storage) -> None:
        """The old object is whole, a listing shows nothing else, and a sweep removes the rest, which no reader saw."""
        if not hasattr(os, "fork"):
            return
        storage.put("old", [b"as it was"])
        in_killed_child(storage, "old", pieces(3 * self.several_requests))

        assert [("old", b"as it was")] == [(meta.key, bytes(storage.get(meta.key))) for meta in storage.scan()]
        assert [] == storage.sweep(1.0)  # nothing here was left before 1970, and younger writers may be at work

        found = storage.sweep(_later())

        assert [] == storage.sweep(_later())
        assert bytes(storage.get("old")) == b"as it was"
        if self.sweeps:
            assert [] == self.debris(storage), found

    def test_sweeping_leaves_objects_alone(self, storage: Storage) -> None:
        """Whatever it removes, an object is not among it, and a dry run removes nothing."""
        keys = ["a", "folder/object", "payloads/00/object"]
        for key in keys:
            storage.put(key, [b"x"])

        assert storage.sweep(_later(), dry_run=True) == storage.sweep(_later())
        assert keys == [meta.key for meta in storage.scan()]


def _later() -> float:
    return time.time() + 3600
