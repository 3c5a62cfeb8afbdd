"""What holds of a storage that threads, loops and processes use at once."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import pytest

from holdall.errors import KeyExists, KeyMissing
from holdall.testing.processes import in_forked_child, in_spawned_child
from holdall.testing.promises import pattern, raised
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdall.abc.storage import Storage
    from holdall.types import Buffer


class SharingContract:
    """The part of `StorageContract` about more than one user at a time."""

    racers: ClassVar[int] = 16
    overwrites: ClassVar[int] = 100
    """Times that an object is replaced under a reader."""
    pickles: ClassVar[bool] = True
    shared_between_processes: ClassVar[bool] = True
    """Whether another process sees the same objects; where not, its own are to be empty."""

    def environment(self) -> Mapping[str, str]:
        """Variables with the secrets that a pickled block leaves behind."""
        return {}

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
            outcomes = _race(self.racers, partial(_create, storage, key))

            winners = [outcome for outcome in outcomes if outcome != "KeyExists"]

            assert [bytes(storage.get(key)).decode()] == winners

    def test_create_leaves_what_is_there(self, storage: Storage) -> None:
        """`mode="create"` on a taken key raises KeyExists and changes nothing."""
        storage.put("object", [b"first"], mode="create")
        error = raised(KeyExists, storage.put, "object", [b"second"], mode="create")

        assert (error.key, error.operation) == ("object", "put")
        assert bytes(storage.get("object")) == b"first"

    def test_both_colours_agree(self, storage: Storage) -> None:
        """Each async twin does what the blocking method does, errors included."""
        data = pattern(100_000)

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
            copy: Storage = pickle.loads(pickle.dumps(storage))

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


def _whole(data: Buffer) -> bool:
    found = bytes(data)
    return len(found) >= 70_000 and found == found[:1] * len(found)


def _create(storage: Storage, key: str, number: int) -> str:
    mine = f"winner {number}"
    try:
        storage.put(key, [mine.encode()], mode="create")
    except KeyExists:
        return "KeyExists"
    return mine


def _race(racers: int, run: Callable[[int], str]) -> list[str]:
    start = threading.Barrier(racers)

    def racer(number: int) -> str:
        start.wait()
        return run(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(racer, range(racers)))
