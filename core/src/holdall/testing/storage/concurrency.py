"""Storage contract: use by threads, event loops and processes at once."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

import pytest

from holdall.errors import KeyExists, KeyMissing, StorageError
from holdall.testing.storage.asserts import difference, pattern, raised
from holdall.testing.storage.capabilities import Capabilities
from holdall.testing.storage.processes import in_forked_child, in_spawned_child
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc.storage import Storage
    from holdall.types import Buffer, Parts

    Watched = Callable[[Parts], Iterator[Buffer]]


_T = TypeVar("_T")


class SharingContract(Capabilities):
    """The part of `StorageContract` about more than one user at a time."""

    def test_a_reader_never_sees_a_torn_object(self, storage: Storage) -> None:
        """Whoever reads while the object is replaced has one version whole."""
        storage.put("object", [b"\0" * 70_000])

        def overwrite(number: int, watched: Watched) -> None:
            size = 70_000 + number % 7 * 5_000
            parts = [bytes([number % 251]) * (size // 2)] * 2
            storage.put("object", parts if number else watched(parts))

        assert all(while_overwriting(lambda: _whole(storage.get("object")), overwrite, times=self.overwrites))

    def test_create_has_one_winner(self, storage: Storage) -> None:
        """Of many that create one key at once, one returns, the others raise KeyExists, and the winner's bytes stay."""
        for attempt in range(self.races if self.creates else 0):
            key = f"contested/{attempt}"
            winners = [number for number in race(self.racers, partial(_create, storage, key)) if number is not None]

            assert [f"winner {number}" for number in winners] == [bytes(storage.get(key)).decode()]

    def test_create_leaves_what_is_there(self, storage: Storage) -> None:
        """`mode="create"` on a taken key raises KeyExists and changes nothing; who cannot create says that instead."""
        if not self.creates:
            assert not isinstance(raised(StorageError, storage.put, "object", [b""], mode="create"), KeyExists)
            assert not storage.exists("object")
            return
        storage.put("object", [b"first"], mode="create")
        error = raised(KeyExists, storage.put, "object", [b"second"], mode="create")

        assert (error.key, error.operation) == ("object", "put")
        assert bytes(storage.get("object")) == b"first"

    def test_many_threads_share_a_storage(self, storage: Storage) -> None:
        """One storage serves them all, each what it asked for."""

        def go_round(number: int) -> bool:
            storage.put(f"of-a-thread/{number}", [b"%d" % number] * 1_000)
            return bytes(storage.get(f"of-a-thread/{number}")) == b"%d" % number * 1_000

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(go_round, range(64)))

    def test_both_colours_agree(self, storage: Storage) -> None:
        """Each async twin does what the blocking method does, errors included."""
        data = pattern(100_000)

        async def coloured() -> list[Any]:
            put = await storage.aput("twin", [data])
            with pytest.raises(KeyExists if self.creates else StorageError):
                await storage.aput("twin", [b""], mode="create")
            with pytest.raises(KeyMissing):
                await storage.aget("absent")
            with pytest.raises(KeyMissing):
                await storage.ahead("absent")
            return [
                await storage.aget("twin"),
                b"".join([bytes(piece) async for piece in storage.astream("twin", chunk=30_000)]),
                put.size,
                bytes(await storage.aget("twin", byte_range=ByteRange(3, 9))),
                await storage.ahead("twin"),
                await storage.aexists("twin"),
                await storage.aexists("absent"),
                [meta async for meta in storage.ascan("tw")],
            ]

        found = asyncio.run(coloured())
        head = storage.head("twin")

        assert [len(data), data[3:9], head, True, False, list(storage.scan("tw"))] == found[2:]
        assert not any(difference(data, each) for each in (*found[:2], storage.get("twin")))

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


def _create(storage: Storage, key: str, number: int) -> int | None:
    try:
        storage.put(key, [f"winner {number}".encode()], mode="create")
    except KeyExists:
        return None
    return number


def race(racers: int, run: Callable[[int], _T], /) -> list[_T]:
    """Calls `run` with its number in each of so many threads at one moment; returns what they return."""
    start = threading.Barrier(racers)

    def racer(number: int) -> _T:
        start.wait()
        return run(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(racer, range(racers)))


def while_overwriting(read: Callable[[], _T], write: Callable[[int, Watched], object], /, *, times: int) -> list[_T]:
    """Calls `read` repeatedly while another thread writes: at least `times`, and until two versions were read.

    `write` gets a number, and what to put around its parts: it goes on behind the first when that has been read over, or
    after a second, because a storage may let nobody read meanwhile.
    """
    seen: list[_T] = []
    written, given_up, looked = threading.Event(), threading.Event(), threading.Condition()

    def watched(parts: Parts) -> Iterator[Buffer]:
        stream = iter(parts)
        yield from islice(stream, 1)
        enough = len(seen) + 2  # one may have begun before
        with looked:
            looked.wait_for(lambda: len(seen) >= enough or given_up.is_set(), timeout=1)
        yield from stream

    def keep_writing() -> None:
        try:
            for number in count():
                write(number, watched)
                if given_up.is_set() or (number + 1 >= times and len(seen) >= 2):
                    return
        finally:
            written.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(keep_writing)
        try:
            while not written.is_set():
                seen.append(read())
                with looked:
                    looked.notify()
        finally:
            given_up.set()
        writing.result()
    return seen
