"""Writers, readers, deleters, movers and gc at once, in threads, on two folders.

`TEST_RACES=20 pytest tests/lifetime` does twenty times as much as the suite does.
"""

from __future__ import annotations

import os
import random
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from holdall import load_result, settings, task
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import MissingResultError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import move
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import place_of
from holdall.results.inventory import inventory
from holdall.results.layout import PAYLOADS, name_key, record_key
from holdall.results.store import ResultStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from holdall import ResultReference
    from holdall.engine.state import State

pytestmark = pytest.mark.once

TIMES: Final = int(os.environ.get("TEST_RACES", "1"))
GRACE: Final = 2.0
"""Seconds: more than a writer relies on, and little enough that much is collected."""
NOTHING_IS_TOO_YOUNG: Final = -1.0
SIZES: Final = (10, 9_000, 40_000)
EXPECTED: Final = "It was replaced meanwhile", "It is being written anew"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    recorder_for(open_catalog(settings.current())).close()
    close_catalogs()


class Bout:
    """What the threads of one race know of each other."""

    def __init__(self, folder: Path) -> None:
        self.here = LocalFileSystem(basepath=folder / "here")
        self.there = LocalFileSystem(basepath=folder / "there")
        self.lasting: dict[str, Any] = {}
        """By run: what nobody deletes or writes again."""
        self.fleeting: list[tuple[str, ResultReference, Any]] = []
        """Run, reference and value of what somebody may delete or write again."""
        self.latest: dict[str, Any] = {}
        """By record: what was written there last, of names and entries that nobody deletes."""
        self.written = 0
        self.done = threading.Event()
        self.faults: list[Exception] = []

    def run(self, *works: tuple[Callable[[random.Random], None], int]) -> None:
        """All of them at once, each so often; those with no number until the others are through."""
        start = threading.Barrier(len(works))
        threads = [
            (threading.Thread(target=self._work, args=(start, work, times, random.Random(number))), times)
            for number, (work, times) in enumerate(works)
        ]
        for thread, _ in threads:
            thread.start()
        for thread, times in threads:
            if times:
                thread.join()
        self.done.set()
        for thread, _ in threads:
            thread.join()
        if self.faults:
            raise ExceptionGroup("threads met", self.faults)

    def _work(
        self, start: threading.Barrier, work: Callable[[random.Random], None], times: int, chance: random.Random
    ) -> None:
        start.wait()
        try:
            for _ in range(times) if times else iter(self.done.is_set, True):
                if self.faults:
                    return
                work(chance)
        except Exception as fault:  # noqa: BLE001 - whatever a thread meets is the test's to tell
            self.faults.append(fault)

    def value(self, chance: random.Random) -> list[Any]:
        self.written += 1
        return [threading.get_ident(), self.written, "x" * chance.choice(SIZES)]

    def keep(self, value: Any, **how: Any) -> State[Any]:
        how = {"persist_result": True, "result_storage": self.here, "cache_result_in_memory": False, **how}
        made: State[Any] = task(name="written", return_state=True, **how)(lambda: value)()
        return made

    def write_by_run(self, chance: random.Random) -> None:
        value = self.value(chance)
        self.lasting[self.keep(value).run_id] = value

    def write_by_name(self, chance: random.Random) -> None:
        name, value = f"name{chance.randrange(3)}", self.value(chance)
        state = self.keep(value, result_storage_key=name)
        self.latest[name_key(name)] = value
        self.fleeting.append((state.run_id, state.reference, value))

    def write_by_key(self, chance: random.Random) -> None:
        key, value = f"key{chance.randrange(3)}", self.value(chance)
        more = {"result_storage_key": "doomed"} if chance.random() < 0.3 else {}
        state = self.keep(value, cache_key_fn=lambda *_: key, refresh_cache=True, **more)
        self.latest[record_key(key)] = value
        self.fleeting.append((state.run_id, state.reference, value))

    def read(self, chance: random.Random) -> None:
        for run, value in chance.sample(list(self.lasting.items()), min(3, len(self.lasting))):
            assert value == load_result(run=run)
        recent = self.fleeting[-20:]
        for run, reference, value in chance.sample(recent, min(3, len(recent))):
            for look in (reference.get, partial(load_result, run=run)):
                assert look_up(look) in (None, value)

    def delete(self, _: random.Random) -> None:
        for storage in (self.here, self.there):
            ResultStore(storage, PickleCodec()).delete(name_key("doomed"))

    def carry(self, chance: random.Random) -> None:
        ways = chance.sample([place_of(self.here), place_of(self.there)], 2)
        done = move(ways[0], ways[1], open_catalog(settings.current()), jobs=2, settings=settings.current())
        problems = {each.problem for each in done.items} - {None}

        assert done.problem is None
        assert all(str(problem).startswith(EXPECTED) for problem in problems), problems

    def tidy(self, chance: random.Random) -> None:
        done = collect(place_of(chance.choice([self.here, self.there])), grace=GRACE, expired=True)

        assert (None, []) == (done.problem, done.held)


def test_nothing_is_lost_or_wrong_whatever_happens_at_once(place: Path) -> None:
    """A value is that of its run, or said to be missing where somebody deleted it, wrote it again or moved it."""
    bout = Bout(place)
    bout.run(
        *((bout.write_by_run, 60 * TIMES), (bout.write_by_name, 60 * TIMES), (bout.write_by_key, 60 * TIMES)),
        *((bout.read, 60 * TIMES), (bout.carry, 6 * TIMES), (bout.carry, 6 * TIMES), (bout.delete, 0), (bout.tidy, 0)),
    )

    assert bout.lasting == {run: load_result(run=run) for run in bout.lasting}
    stores = [ResultStore(storage, PickleCodec()) for storage in (bout.here, bout.there)]
    for key, value in bout.latest.items():
        found = [(store.record(key).created_at, store.read(key)) for store in stores if store.exists(key)]
        assert value == max(found)[1]
    for storage in (bout.here, bout.there):
        collect(place_of(storage), grace=NOTHING_IS_TOO_YOUNG)
        named = {each.record.path for each in inventory(storage, "it") if each.record is not None}

        assert named - {None} == {meta.key for meta in storage.scan(PAYLOADS)}


def look_up(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except MissingResultError:
        return None
