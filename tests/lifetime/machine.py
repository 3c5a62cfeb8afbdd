"""Results that are written, read, refreshed, deleted, copied, moved, pushed and collected, beside a model of dictionaries.

After each step every reference, every run and every key gives its own value, or says that it is gone where the model does.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
import time
import uuid
import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdall import HoldallWarning, load_result, settings, task
from holdall._system import elapsed
from holdall.catalog.open import close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import ExpiredResultError, MissingResultError, StorageError
from holdall.filesystems import LocalFileSystem, MemoryFileSystem
from holdall.maintenance.copy_storage import copy, move
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import place_of
from holdall.maintenance.push_spool import push
from holdall.results import from_json, spool
from holdall.results.inventory import inventory
from holdall.results.layout import PAYLOADS
from holdall.results.store import ResultStore
from holdall.storage import circuit_breaker

if TYPE_CHECKING:
    from holdall import ResultReference
    from holdall.maintenance.known_storages import OpenStorage
    from holdall.types import ObjectMeta, Parts, WriteMode

GONE: Final = "gone"
OVER: Final = "over"
NOTHING_IS_TOO_YOUNG: Final = -1.0
PLACES: Final = ("first", "second", "memory")
SMALL, LARGE = 10, 9_000
_LONG: Final = 30.0  # seconds for which a writer was stopped, by the clocks that it looks at
_PATIENCE: Final = 60.0


class Clocks:
    """Those by which a writer finds out that it was stopped: they are put forward where a test has stopped one."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def time(self) -> float:
        return time.time() + self.ahead


class Gate:
    """Where a writer stops until it is let on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def stop(self) -> None:
        self.reached.set()
        if not self.opened.wait(_PATIENCE):
            raise AssertionError("nobody let the writer on")


_stopping = (
    threading.local()
)  # in the thread of a writer: whether it stops behind its payload or at its record, and where


class Moody(LocalFileSystem):
    """A folder that refuses writes while a file stands beside it, and whose writers stop where they are told to."""

    slug: ClassVar[str] = "local-file-system"

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        if os.path.exists(f"{self.basepath}.refuses"):
            raise StorageError("No space left", block=self.slug, key=key, operation="put")
        where, gate = getattr(_stopping, "at", (None, None))
        if where == "record" and not key.startswith(PAYLOADS):
            _stopping.at = (None, None)
            gate.stop()
        meta = super().put(key, parts, mode=mode)
        if where == "payload" and key.startswith(PAYLOADS):
            _stopping.at = (None, None)
            gate.stop()
        return meta


class Entry(NamedTuple):
    """A record as the model has it: who made it, what it holds, which of two is younger, and whether its time is over."""

    run: str
    value: Any
    number: int
    over: bool = False


@dataclass
class Known:
    """Somebody who holds a reference: where it points, and what the run that got it was told."""

    reference: ResultReference
    place: str
    value: Any
    run: str
    caller: str
    catalog_says: str


@dataclass
class Writer:
    """One that was stopped in the middle of a write."""

    thread: threading.Thread
    gate: Gate
    place: str
    name: str | None
    number: int
    said: list[Any]


class Lifetimes(RuleBasedStateMachine):
    """Two folders, a storage in memory, and the spool of the first folder."""

    def __init__(self) -> None:
        super().__init__()
        self.before = {name: os.environ.get(name) for name in ("HOLDALL_HOME",)}
        self.folder = Path(tempfile.mkdtemp(prefix="holdall-lifetime-"))
        self.was_in = os.getcwd()
        os.environ["HOLDALL_HOME"] = str(self.folder / "home")
        os.chdir(self.folder)
        self.clocks = elapsed.time = Clocks()  # type: ignore[assignment]
        self.storages: dict[str, Any] = {
            "first": Moody(basepath=str(self.folder / "first"), on_failure="spool"),
            "second": Moody(basepath=str(self.folder / "second")),
            "memory": MemoryFileSystem(namespace=uuid.uuid4().hex),
        }
        self.records: dict[str, dict[str, Entry]] = {name: {} for name in (*PLACES, "spool")}
        self.known: list[Known] = []
        self.writers: list[Writer] = []
        self.numbers = itertools.count()
        self.where = {place_of(storage).identity: name for name, storage in self.storages.items()}

    def teardown(self) -> None:
        for writer in self.writers:
            writer.gate.opened.set()
            writer.thread.join(_PATIENCE)
        elapsed.time = time  # type: ignore[assignment]
        recorder_for(open_catalog(settings.current())).close()
        close_catalogs()
        self.storages["memory"].clear()
        circuit_breaker.troubled.clear()
        spool._spools.clear()
        os.chdir(self.was_in)
        for name, value in self.before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(self.folder)

    # ----------------------------------------------------------------------------------------------------- writing

    @rule(
        place=st.sampled_from(PLACES),
        size=st.sampled_from([SMALL, LARGE]),
        name=st.sampled_from([None, None, "name", "deep/name.pkl"]),
        key=st.sampled_from([None, "k", "l"]),
        refresh=st.booleans(),
        expires=st.sampled_from([False, False, True]),
    )
    def call(self, place: str, size: int, name: str | None, key: str | None, refresh: bool, expires: bool) -> None:
        """A task that keeps its result under its run, a name, a cache key, or a name and a key."""
        number = next(self.numbers)
        made = [number, "x" * size]
        state = self._called(place, made, name=name, key=key, refresh=refresh, expires=expires)
        if (
            key is not None
            and not refresh
            and (hit := self._newest(place, cache_key(key))) is not None
            and not hit.over
        ):
            self._know(state, place, hit.value, hit.run)
            return
        entry = Entry(state.run_id, made, number, over=expires and key is not None)
        self._keep(place, state.reference, entry, key)
        self._know(state, place, made, state.run_id)

    def _called(self, place: str, value: Any, **how: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HoldallWarning)
            return self._task(place, value, **how)()

    def _task(
        self, place: str, value: Any, *, name: str | None, key: str | None, refresh: bool = False, expires: bool = False
    ) -> Any:
        options: dict[str, Any] = {"result_storage": self.storages[place], "return_state": True, "name": "written"}
        if name is not None:
            options["result_storage_key"] = name
        if key is not None:
            options["cache_key_fn"] = lambda *_: key
            options["refresh_cache"] = refresh
            if expires:
                options["cache_expiration"] = timedelta(microseconds=1)
        return task(persist_result=True, cache_result_in_memory=False, **options)(lambda: value)

    def _keep(self, place: str, reference: ResultReference, entry: Entry, key: str | None) -> None:
        there = self.records["spool" if place == "first" and self.refuses else place]
        for each in {reference.key, *([] if key is None else [cache_key(key)])}:
            there[each] = entry

    def _know(self, state: Any, place: str, value: Any, run: str) -> None:
        self.known.append(Known(state.reference, place, value, run, state.run_id, place))

    @rule(
        place=st.sampled_from(["first", "second"]),
        name=st.sampled_from([None, "name"]),
        at=st.sampled_from(["payload", "record"]),
    )
    def begin(self, place: str, name: str | None, at: str) -> None:
        """A writer that is stopped between its payload and its record."""
        if len(self.writers) > 2 or (place == "first" and self.refuses):
            return
        number, gate = next(self.numbers), Gate()
        said: list[Any] = []
        made = self._task(place, [number, "x" * LARGE], name=name, key=None)

        def write() -> None:
            _stopping.at = (at, gate)
            said.append(made())

        thread = threading.Thread(target=write)
        thread.start()
        assert gate.reached.wait(_PATIENCE)
        self.writers.append(Writer(thread, gate, place, name, number, said))

    @precondition(lambda self: self.writers and not self.refuses)
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """It comes to its record late, whatever has become of its payload."""
        writer = self.writers.pop(data.draw(st.integers(0, len(self.writers) - 1)))
        self.clocks.ahead += _LONG
        writer.gate.opened.set()
        writer.thread.join(_PATIENCE)
        (state,) = writer.said
        value = [writer.number, "x" * LARGE]
        self._keep(writer.place, state.reference, Entry(state.run_id, value, writer.number), None)
        self._know(state, writer.place, value, state.run_id)

    # ---------------------------------------------------------------------------------------------- keeping house

    @rule(data=st.data(), place=st.sampled_from(PLACES))
    def delete(self, data: st.DataObject, place: str) -> None:
        """One record; another one of the same payload keeps it."""
        if keys := sorted(self.records[place]):
            key = data.draw(st.sampled_from(keys))
            self._store(place).delete(key)
            del self.records[place][key]

    @rule(here=st.sampled_from(PLACES), there=st.sampled_from(PLACES))
    def copy(self, here: str, there: str) -> None:
        """What the other has not, or has older."""
        if here != there and not (there == "first" and self.refuses):
            done = copy(self._place(here), self._place(there), jobs=2, settings=settings.current())
            assert done.complete, done
            self._arrived(here, there)

    @rule(here=st.sampled_from(PLACES), there=st.sampled_from(PLACES))
    def move(self, here: str, there: str) -> None:
        """The same, and the catalog follows."""
        if here == there or (there == "first" and self.refuses):
            return
        done = move(self._place(here), self._place(there), self._catalog(), jobs=2, settings=settings.current())
        assert done.complete, done
        for key in self._arrived(here, there):
            entry = self.records[here].pop(key)
            for each in self.known:
                if each.reference.key == key and each.run == entry.run and each.catalog_says == here:
                    each.catalog_says = there

    def _arrived(self, source: str, target: str) -> list[str]:
        there, arrived = self.records[target], []
        for key, entry in self.records[source].items():
            if key not in there or there[key].number <= entry.number:
                there[key] = entry
                arrived.append(key)
        return arrived

    @rule(place=st.sampled_from(PLACES), expired=st.booleans())
    def collect(self, place: str, expired: bool) -> None:
        """What no record names goes; for whoever was stopped, nothing is too young."""
        done = collect(self._place(place), grace=NOTHING_IS_TOO_YOUNG, expired=expired, catalog=self._catalog())
        assert done.problem is None
        assert done.held == []
        if expired:
            self.records[place] = {key: entry for key, entry in self.records[place].items() if not entry.over}
        storage = self.storages[place]
        named = {found.record.path for found in inventory(storage, place) if found.record is not None}

        assert named - {None} == {meta.key for meta in storage.scan(PAYLOADS)}

    @rule()
    def refuse(self) -> None:
        """The first folder is full: what it does not take goes to the spool."""
        Path(f"{self.storages['first'].basepath}.refuses").touch()

    @precondition(lambda self: self.refuses)
    @rule()
    def recover(self) -> None:
        Path(f"{self.storages['first'].basepath}.refuses").unlink()
        circuit_breaker.troubled.clear()

    @precondition(lambda self: not self.refuses)
    @rule()
    def push(self) -> None:
        """What is in the spool, unless the storage has a younger one."""
        for done in push(settings.current()):
            assert done.complete, done
        self._arrived("spool", "first")
        self.records["spool"].clear()

    # ---------------------------------------------------------------------------------------------------- reading

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        """Whoever holds a reference, a run or a key."""
        for each in self.known:
            kept = from_json(each.reference.json())
            expected = self._expected(each.place, each.reference.key, each.run)
            assert expected == outcome(kept.get), (each.reference.key, each.place)
            assert expected == outcome(each.reference.get)
            by_run = self._expected(each.catalog_says, each.reference.key, each.run)
            assert by_run == outcome(lambda each=each: load_result(run=each.caller)), (
                each.reference.key,
                each.catalog_says,
            )
        catalog = self._catalog()
        for key in {each.reference.key for each in self.known}:
            row = catalog.reference(key=key)
            if row is None:
                assert outcome(lambda key=key: load_result(key=key)) == GONE
                continue
            place = self.where[from_json(row.reference).storage.identity]
            newest = self._newest(place, key)
            expected = GONE if newest is None else OVER if newest.over else newest.value
            assert expected == outcome(lambda key=key: load_result(key=key)), (key, place)

    def _expected(self, place: str, key: str, run: str) -> Any:
        """What a reference to the result of that run finds, in the storage or its spool."""
        found = [entry for entry in self._all(place, key) if entry.run == run]
        if not found:
            return GONE
        return OVER if found[0].over else found[0].value

    def _newest(self, place: str, key: str) -> Entry | None:
        return max(self._all(place, key), key=lambda entry: entry.number, default=None)

    def _all(self, place: str, key: str) -> list[Entry]:
        places = [place, "spool"] if place == "first" else [place]
        return [entry for each in places if (entry := self.records[each].get(key)) is not None]

    @property
    def refuses(self) -> bool:
        return os.path.exists(f"{self.storages['first'].basepath}.refuses")

    def _place(self, name: str) -> OpenStorage:
        return place_of(self.storages[name])

    def _store(self, name: str) -> ResultStore:
        from holdall.builtin.pickle.codec import PickleCodec

        return ResultStore(self.storages[name], PickleCodec())

    def _catalog(self) -> Any:
        found = open_catalog(settings.current())
        recorder_for(found).flush()
        return found


def cache_key(key: str) -> str:
    from holdall.results.layout import record_key

    return record_key(key)


def outcome(read: Any) -> Any:
    """The value, or which of the two errors that are answers."""
    try:
        return read()
    except MissingResultError:
        return GONE
    except ExpiredResultError:
        return OVER
