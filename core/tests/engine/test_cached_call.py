"""Cached calls: hits, misses, bad entries, and who computes what many want at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import HoldallWarning, ResultLiteral, ResultReference, flow, load_result, task
from holdall.abc.storage import Storage
from holdall.builtin.leases.manager import LeaseManager
from holdall.builtin.local.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.builtin.pickle.codec import PickleCodec
from holdall.cache import INPUTS, NONE, RUN_ID, TASK_SOURCE, task_input_hash
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import ConfigurationError, KeyMissing, PersistenceRequiredError, StorageError
from holdall.results.layout import record_key
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("place")


class Shelf(Storage):
    """A storage in memory, without locks, that can fail."""

    slug: ClassVar[str] = "shelf"
    inline_limit = 8192

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.fails: Callable[[str, str], bool] = lambda *_: False

    def _ask(self, operation: str, key: str) -> None:
        if self.fails(operation, key):
            raise StorageError(f"shelf: {operation} of {key} failed", block="shelf", key=key, operation=operation)

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> ObjectMeta:
        del mode
        self._ask("put", key)
        self.objects[key] = b"".join(parts)
        return ObjectMeta(key, len(self.objects[key]))

    def get(self, key: str, /, *, byte_range: Any = None) -> bytes:
        self._ask("get", key)
        if key not in self.objects:
            raise KeyMissing(key)
        data = self.objects[key]
        return data if byte_range is None else data[slice(*byte_range)]

    def head(self, key: str, /) -> ObjectMeta:
        return ObjectMeta(key, len(self.get(key)))

    def delete(self, key: str, /) -> None:
        self._ask("delete", key)
        self.objects.pop(key, None)

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield ObjectMeta(key, len(self.objects[key]))

    def location(self) -> dict[str, Any]:
        return {"number": id(self)}


def counting(ran: list[Any], **options: Any) -> Any:
    def body(x: Any = 1) -> Any:
        ran.append(x)
        return [x]

    return task(**{"cache_key_fn": lambda _, parameters: f"key-{parameters['x']}", **options})(body)


def test_a_second_call_is_a_hit() -> None:
    """A new object, the body left alone, and a run of its own in the catalog."""
    ran: list[Any] = []
    unit = counting(ran)

    first, second = unit(1), unit(1)

    assert [1] == ran
    assert first == second
    assert first is not second
    catalog = open_catalog(settings.current())
    recorder_for(catalog).flush()
    assert [True, False] == [row.cached for row in catalog.runs()]


@pytest.mark.parametrize("value", [None, True, False, 0, "", b"", [], "x" * 20_000, {"a": (1, 2)}])
def test_any_value_is_hit_as_it_was(value: Any) -> None:
    """Literals, empty ones and large ones, with their type."""
    ran = []

    @task(cache_key_fn=lambda *_: "one")
    def body() -> Any:
        ran.append(1)
        return value

    body()
    state = body(return_state=True)
    again = body()

    assert [1] == ran
    assert state.cached
    assert (type(value), value) == (type(again), again)
    assert isinstance(state.reference, ResultLiteral if value in (None, True) or value is False else ResultReference)


def test_a_cached_literal_is_a_hit_for_another_catalog(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in its record too."""
    ran = []

    @task(cache_key_fn=lambda *_: "k")
    def body() -> bool:
        ran.append(1)
        return False

    body()
    monkeypatch.setenv("HOLDALL_HOME", str(place / "another"))

    assert body() is False
    assert [1] == ran
    recorder_for(open_catalog(settings.current())).close()


def test_a_key_of_none_is_neither_cached_nor_kept(place: Path) -> None:
    """For this call the option is not there."""
    ran: list[Any] = []
    unit = counting(ran, cache_key_fn=lambda *_: None)
    unit()
    unit()

    assert [1, 1] == ran
    assert not (place / ".holdall-results").exists()


def test_a_key_that_is_no_text_is_refused() -> None:
    """With the name of the option."""
    with pytest.raises(ConfigurationError, match="cache_key_fn returned a int"):
        counting([], cache_key_fn=lambda *_: 5)()


def test_an_entry_ends_with_its_expiration() -> None:
    """Without a warning: that is no fault."""
    ran: list[Any] = []
    gone = counting(ran, cache_expiration=timedelta(seconds=-1))
    gone()
    gone()
    kept = counting(ran, cache_expiration=timedelta.max)
    kept(2)
    kept(2)

    assert [1, 1, 2] == ran


def test_refresh_cache_replaces_the_entry() -> None:
    """The next call without it hits what the refresh wrote."""
    ran: list[Any] = []
    unit = counting(ran)
    unit(1)
    unit.with_options(refresh_cache=True)(1)
    unit(1)

    assert [1, 1] == ran


def test_caching_with_persist_result_false_is_refused_before_the_body() -> None:
    """Own False and a flow's."""
    ran: list[Any] = []

    with pytest.raises(PersistenceRequiredError):
        counting(ran, persist_result=False)()
    with pytest.raises(PersistenceRequiredError):
        flow(persist_result=False)(lambda: counting(ran)())()  # noqa: PLW0108 - a task is no flow
    assert [] == ran


def test_policies_and_their_sums() -> None:
    """INPUTS tell inputs apart, RUN_ID runs; NONE adds nothing to a sum, and alone means no caching."""
    ran: list[Any] = []
    by_inputs = counting(ran, cache_key_fn=None, cache_policy=INPUTS + TASK_SOURCE)
    by_inputs(1), by_inputs(1), by_inputs(2), by_inputs(True)
    assert [1, 2, True] == ran

    ran.clear()
    by_run = counting(ran, cache_key_fn=None, cache_policy=INPUTS + RUN_ID)
    inside = flow(lambda: (by_run(1), by_run(1)))
    inside()
    inside()
    assert [1, 1] == ran

    ran.clear()
    never = counting(ran, cache_key_fn=None, cache_policy=NONE)
    never(3), never(3)
    assert [3, 3] == ran
    assert (NONE, NONE) == (INPUTS + NONE, NONE + INPUTS)


def test_two_tasks_with_the_same_inputs_do_not_share_a_key() -> None:
    """Nor do two that one function made with other values."""

    def made(factor: int) -> Any:
        @task(cache_key_fn=task_input_hash)
        def times(x: int) -> list[int]:
            return [factor * x]

        return times

    @task(cache_key_fn=task_input_hash)
    def other(x: int) -> list[int]:
        return [-x]

    assert ([2], [3], [-1]) == (made(2)(1), made(3)(1), other(1))


def test_a_method_is_cached_with_its_instance() -> None:
    """Equal instances share, others do not."""
    ran = []

    class Shop:
        def __init__(self, name: str) -> None:
            self.name = name

        @task(cache_policy=INPUTS)
        def price(self, item: int) -> list[Any]:
            ran.append(self.name)
            return [self.name, item]

    assert ["a", 1] == Shop("a").price(1)
    assert ["b", 1] == Shop("b").price(1)
    assert ["a", 1] == Shop("a").price(1)
    assert ["a", "b"] == ran


def entry(place: Path) -> Path:
    return place / ".holdall-results" / record_key("key-1")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _newer(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'{"holdall":1', b'{"holdall":9', 1))


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "flipped": (_flip, "checksum"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:50]), "damaged|checksum"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "foreign": (lambda path: path.write_text("a,b,c"), "not a holdall record"),
    "newer": (_newer, "newer holdall"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("async_", [False, True])
def test_a_bad_entry_is_a_miss_with_one_warning(place: Path, name: str, async_: bool) -> None:
    """Which names the entry and the cause; afterwards the entry is good again."""
    ran: list[Any] = []
    unit = counting(ran)
    if async_:

        @task(cache_key_fn=lambda *_: "key-1")
        async def unit() -> list[int]:
            ran.append(1)
            return [1]

    call = (lambda: asyncio.run(unit())) if async_ else unit
    call()
    spoil, cause = BAD[name]
    spoil(entry(place))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        value = call()

    assert [1] == value
    assert [1, 1] == ran
    assert 1 == len(said)
    assert record_key("key-1") in str(said[0].message)
    with pytest.warns(HoldallWarning, match=cause):
        warnings.warn(said[0].message, stacklevel=1)
    assert [1] == call()
    assert [1, 1] == ran


def test_a_deleted_or_damaged_payload_is_a_miss_with_one_warning(place: Path) -> None:
    """As a bad record is."""
    ran = []

    @task(cache_key_fn=lambda *_: "key-1")
    def body() -> bytes:
        ran.append(1)
        return os.urandom(50_000)

    for spoil in (lambda path: path.unlink(), _flip, lambda path: path.write_bytes(path.read_bytes()[:-1])):
        body()
        (payload,) = [
            path
            for path in (place / ".holdall-results" / "payloads").rglob("*.pkl")
            if path.name in entry(place).read_text()
        ]
        spoil(payload)
        with pytest.warns(HoldallWarning, match="could not be used") as warned:
            body()
        assert 1 == len(warned)

    assert 4 == len(ran)


def test_an_entry_in_a_format_that_is_unknown_here_is_a_miss(place: Path) -> None:
    """A plugin that is not installed any more."""
    ran: list[Any] = []
    unit = counting(ran)
    unit()
    from holdall.results import record

    path = entry(place)
    document = path.read_bytes().rpartition(b',"checksum"')[0].replace(b'"type":"pickle"', b'"type":"gone-format"', 1)
    path.write_bytes(record.seal(document))
    with pytest.warns(HoldallWarning, match="could not be used") as warned:
        unit()

    assert 1 == len(warned)
    assert [1, 1] == ran


def test_a_storage_that_cannot_be_asked_is_an_error_and_not_a_miss() -> None:
    """The body does not run again because a network was down."""
    ran: list[Any] = []
    shelf = Shelf()
    shelf.fails = lambda operation, _: operation == "get"

    with pytest.raises(StorageError, match="get of"):
        counting(ran, result_storage=shelf)()
    assert [] == ran


def test_on_storage_error_run_runs_the_body_and_says_so() -> None:
    """Where nothing works, reading and writing are one warning each."""
    ran: list[Any] = []
    shelf = Shelf()
    shelf.fails = lambda *_: True

    with pytest.warns(HoldallWarning) as warned:
        value = counting(ran, result_storage=shelf, on_storage_error="run")()

    assert [1] == value
    assert [1] == ran
    asked, taken = (str(each.message) for each in warned)
    assert asked.startswith("The cache could not be asked")
    assert "did not take a result" in taken


def test_a_read_only_folder_with_on_storage_error_run(place: Path) -> None:
    """A lock that cannot be taken is a storage error like any other, and a recursion still ends."""
    (place / "blocked").write_text("a file")
    ran: list[Any] = []

    with pytest.warns(HoldallWarning):
        value = counting(ran, result_storage="./blocked/in", on_storage_error="run")()

    assert [1] == value


class Bucket(MemoryFileSystem):
    """Locks as an object store does."""

    atomic_create: ClassVar[bool] = True


def test_a_miss_in_a_bucket_costs_five_requests(place: Path) -> None:
    """Look for it, lock, see that nobody else did, keep it, release. A hit is one; what each costs is latency and money."""
    asked: list[str] = []

    class Counting(Bucket):
        def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> ObjectMeta:
            asked.append(f"{'create' if mode == 'create' else 'put'} {key.partition('/')[0]}")
            return super().put(key, parts, mode=mode)

        def get(self, key: str, /, *, byte_range: Any = None) -> Any:
            asked.append(f"get {key.partition('/')[0]}")
            return super().get(key, byte_range=byte_range)

        def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
            asked.append(f"scan {prefix.partition('/')[0]}")
            return super().scan(prefix)

    unit = counting([], result_storage=Counting(namespace=str(place)))
    unit(1)  # the first lease in a place finds out whether it can lock
    asked.clear()
    unit(2)
    unit(2)

    assert ["get cache", "create locks", "scan locks", "put cache", "put locks", "get cache"] == asked


STORAGES: dict[str, Callable[[Any], Any]] = {
    "folder": lambda place: Directory(str(place / "locked")),
    "memory": lambda _: Shelf(),
    "bucket": lambda place: Bucket(namespace=str(place)),
}


@pytest.mark.parametrize("storage", STORAGES)
def test_threads_that_miss_at_once_run_the_body_once(place: Path, storage: str) -> None:
    """The others wait for its record, also where the storage has no locks."""
    ran: list[int] = []
    barrier, calling = threading.Barrier(12), threading.Semaphore(0)

    @task(cache_key_fn=lambda *_: "k", result_storage=STORAGES[storage](place))
    def body() -> list[int]:
        ran.append(1)
        for _ in range(12):
            calling.acquire()  # until all of them are about to call
        return [5]

    def racer(_: int) -> list[int]:
        barrier.wait()
        calling.release()
        return body()

    with ThreadPoolExecutor(12) as pool:
        values = list(pool.map(racer, range(12)))

    assert [[5]] * 12 == values
    assert [1] == ran


@pytest.mark.parametrize("storage", STORAGES)
def test_coroutines_that_race_on_one_key_run_the_body_once(place: Path, storage: str) -> None:
    """More of them than the loop has threads, and the loop turns meanwhile."""
    ran: list[int] = []
    ticks: list[int] = []

    @task(cache_key_fn=lambda *_: "k", result_storage=STORAGES[storage](place))
    async def body() -> list[int]:
        ran.append(1)
        for _ in range(10):
            ticks.append(1)
            await asyncio.sleep(0)
        return [5]

    async def main() -> list[Any]:
        return await asyncio.wait_for(asyncio.gather(*(body() for _ in range(60))), 30)

    assert [[5]] * 60 == asyncio.run(main())
    assert [1] == ran
    assert 10 == len(ticks)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_cancelled_waiter_lets_the_others_through(place: Path, storage: str) -> None:
    """Neither the holder's turn nor a lock half taken stays behind."""

    @task(cache_key_fn=lambda *_: "k", result_storage=STORAGES[storage](place))
    async def body(seconds: float) -> list[float]:
        await asyncio.sleep(seconds)
        return [seconds]

    async def main() -> list[float]:
        for started in (0.0, 0.002, 0.01):
            first = asyncio.create_task(body(100))
            second = asyncio.create_task(body(100))
            await asyncio.sleep(started)
            first.cancel()
            second.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
        return await asyncio.wait_for(body(0), 20)

    assert [0] == asyncio.run(main())


def test_processes_that_miss_at_once_run_the_body_once(place: Path) -> None:
    """The file lock decides."""
    script = """
    import os, time
    from holdall import task
    @task(cache_key_fn=lambda *_: "k", result_storage="./shared")
    def body():
        with open("ran", "a") as file: file.write("x")
        time.sleep(0.3)
        return [1]
    print(body())
    """
    started = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=place, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    assert ["[1]"] * 4 == [each.communicate()[0].strip() for each in started]
    assert "x" == (place / "ran").read_text()


@pytest.mark.parametrize("storage", STORAGES)
def test_a_recursion_on_its_own_key_ends(place: Path, storage: str) -> None:
    """It does not wait for itself, called or submitted."""

    @task(cache_key_fn=lambda *_: "k", result_storage=STORAGES[storage](place))
    def body(depth: int) -> list[int]:
        if depth == 1:
            return [*body.submit(0).result(), 1]
        return [0] if depth == 0 else [*body(depth - 1), depth]

    assert [0, 1, 2] == body(2)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_body_that_fails_hands_its_turn_on(place: Path, storage: str) -> None:
    """The waiters then try themselves."""
    ran: list[int] = []

    @task(cache_key_fn=lambda *_: "k", result_storage=STORAGES[storage](place))
    def body() -> list[int]:
        ran.append(1)
        if len(ran) < 3:
            raise ValueError(len(ran))
        return [len(ran)]

    def racer(_: int) -> Any:
        try:
            return body()
        except ValueError:
            return None

    with ThreadPoolExecutor(6) as pool:
        values = list(pool.map(racer, range(6)))

    assert 2 == values.count(None)
    assert 4 == values.count([3])


def overtake(bucket: Bucket, value: Any = None) -> None:
    """What another machine does that takes this one for dead: a lease, a result if there is one, the release."""
    now = [0.0]
    locks = LeaseManager(bucket, ttl=0.1, clock=lambda: now[0])
    assert locks.acquire(record_key("k"), timeout=0) is None
    now[0] = 1_000.0
    lease = locks.acquire(record_key("k"), timeout=0)
    assert lease is not None
    if value is not None:
        ResultStore(bucket, PickleCodec()).write(value, key=record_key("k"))
    lease.release()
    for thread in threading.enumerate():
        if thread.name == "holdall lease":
            thread.join(20)  # until the one that was overtaken has noticed


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_RESULTS_LEASE_SECONDS", "0.3")


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("async_", [False, True])
def test_who_lost_its_lease_gives_back_what_the_next_one_kept(place: Path, async_: bool) -> None:
    """With a warning, and the newer entry stays."""
    bucket = Bucket(namespace=str(place))

    @task(cache_key_fn=lambda *_: "k", result_storage=bucket)
    def slept() -> list[str]:
        overtake(bucket, ["newer"])
        return ["mine"]

    @task(cache_key_fn=lambda *_: "k", result_storage=bucket)
    async def slept_async() -> list[str]:
        overtake(bucket, ["newer"])
        return ["mine"]

    with pytest.warns(HoldallWarning, match="another caller took over .* its result is returned and stays") as said:
        value = asyncio.run(slept_async()) if async_ else slept()

    assert ["newer"] == value == slept()
    assert 1 == len(said)


@pytest.mark.usefixtures("short_leases")
def test_who_lost_its_lease_keeps_where_nobody_has(place: Path) -> None:
    """The next holder is still at it, or failed: a result is better than none."""
    bucket = Bucket(namespace=str(place))

    @task(cache_key_fn=lambda *_: "k", result_storage=bucket)
    def slept() -> list[str]:
        overtake(bucket)
        return ["mine"]

    assert ["mine"] == slept()
    assert ["mine"] == ResultStore(bucket, PickleCodec()).read(record_key("k"))


@pytest.mark.usefixtures("short_leases")
def test_a_refresh_that_lost_its_lease_replaces_and_says_so(place: Path) -> None:
    """It was asked to; nothing is replaced in silence."""
    bucket = Bucket(namespace=str(place))

    @task(cache_key_fn=lambda *_: "k", result_storage=bucket, refresh_cache=True)
    def slept() -> list[str]:
        overtake(bucket, ["newer"])
        return ["mine"]

    with pytest.warns(HoldallWarning, match="is replaced, as refresh_cache=True asks"):
        value = slept()

    assert ["mine"] == value == ResultStore(bucket, PickleCodec()).read(record_key("k"))


def test_a_lease_is_over_with_a_coroutine_that_is_thrown_away(place: Path) -> None:
    """Nothing can be awaited there any more."""
    bucket = Bucket(namespace=str(place))
    began = asyncio.Event()

    @task(cache_key_fn=lambda *_: "k", result_storage=bucket)
    async def body() -> list[int]:
        began.set()
        await asyncio.Event().wait()
        return [1]

    class Begun:
        def __await__(self) -> Iterator[Any]:
            coroutine = body()
            step = coroutine.send(None)
            while not began.is_set():
                yield step
                step = coroutine.send(None)
            coroutine.close()

    async def main() -> None:
        await Begun()

    asyncio.run(main())
    lease = LeaseManager(bucket).acquire(record_key("k"), timeout=0)

    assert lease is not None
    assert lease.token == 2


def test_a_lease_is_over_with_the_call(place: Path) -> None:
    """However it ends: the next caller need not wait for the lease to expire."""
    bucket = Bucket(namespace=str(place))
    kinds: list[Any] = [ValueError(), KeyboardInterrupt(), None]

    @task(cache_key_fn=lambda *_: "k", result_storage=bucket)
    def body() -> list[int]:
        if (error := kinds.pop(0)) is not None:
            raise error
        return [1]

    for kind in (ValueError, KeyboardInterrupt):
        with pytest.raises(kind):
            body()
    body()
    lease = LeaseManager(bucket).acquire(record_key("k"), timeout=0)

    assert lease is not None
    assert lease.token == 4


def test_caching_and_a_name_of_its_own_go_together() -> None:
    """Hit by key, found by name; a literal replaces what the name led to."""
    ran = []
    values: list[Any] = [[1], True]

    @task(cache_key_fn=lambda _, parameters: str(parameters["n"]), result_storage_key="latest", result_storage="./out")
    def body(n: int) -> Any:
        ran.append(n)
        return values[n]

    assert [[1], [1]] == [body(0), body(0)]
    assert [1] == load_result(key="latest", storage="./out")
    assert body(1) is True
    assert body(1) is True
    assert load_result(key="latest", storage="./out") is True
    assert [0, 1] == ran


def test_one_input_has_one_key_in_every_process(place: Path) -> None:
    """Whatever the hash seed."""
    module = """
    from dataclasses import dataclass, field
    from holdall import task
    from holdall.tasks import task_input_hash

    @dataclass
    class Config:
        names: set = field(default_factory=lambda: {"a", "b", "c", "d"})

    @task(cache_key_fn=task_input_hash, result_storage="./shared")
    def body(config, more):
        with open("ran", "a") as file: file.write("x")
        return [1]
    """
    (place / "mod.py").write_text(textwrap.dedent(module))
    code = "from mod import *; body(Config(), {'x': frozenset('xyz'), 'y': {1, 'two', 3.0}})"
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(place)}
        subprocess.run([sys.executable, "-c", code], cwd=place, env=environment, check=True)

    assert "x" == (place / "ran").read_text()


def test_the_return_annotation_says_what_may_be_imported(tmp_path: Path) -> None:
    """A hit of another process names a class of a module that is imported for types alone; without that, it is a miss."""
    (tmp_path / "reports.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass Report:\n    rows: int\n", encoding="utf-8"
    )
    program = (
        "import sys\n"
        "from holdall import task\n"
        "@task(cache_key_fn=lambda *_: 'report', result_serializer='json')\n"
        "def report() -> {annotation!r}:\n"
        "    import reports\n"
        "    print('ran')\n"
        "    return reports.Report(rows=2)\n"
        "print(type(report()).__name__)\n"
    )
    (tmp_path / "named.py").write_text(program.format(annotation="reports.Report"), encoding="utf-8")
    (tmp_path / "unnamed.py").write_text(program.format(annotation="Report"), encoding="utf-8")

    def said(name: str) -> str:
        command = [sys.executable, "-W", "ignore", f"{name}.py"]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert "ran\nReport\n" == said("named")
    assert "Report\n" == said("named")
    assert "ran\nReport\n" == said("unnamed")
