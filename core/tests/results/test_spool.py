"""Results whose storage did not take them: where they lie, who finds them, what the run does meanwhile."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import warnings
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall import HoldallWarning, flow, load_result, task
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.errors import (
    CatalogError,
    ConfigurationError,
    HoldallError,
    MissingResultError,
    PluginError,
    StorageError,
)
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.push_spool import push
from holdall.results import spool
from holdall.results.layout import name_key
from holdall.results.record import parse
from holdall.results.references import ResultReference, from_json
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.testing.faults import FaultyStorage, FlakyStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.types import OnFailure

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def wall(place: Path) -> Path:
    """A file where a folder should be: what is below it can neither be written nor read while the file stands."""
    path = place / "wall"
    path.write_text("")
    return path


def behind(wall: Path, **options: Any) -> LocalFileSystem:
    return LocalFileSystem(basepath=wall / "results", **options)


def spooled() -> list[str]:
    """The keys in all folders of the spool, sorted."""
    return sorted(meta.key for folder in spool.folders(settings.current().home) for meta in folder.scan())


def quietly(call: Any, *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HoldallWarning)
        return call(*args)


class Deaf(FaultyStorage):
    """Reads, and takes nothing: as one that is full, or with credentials that may only read."""

    deaf = True

    def check_key(self, key: str, /) -> None:
        """Takes any name, as object stores do."""

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        if self.deaf:
            raise StorageError(f"put of {key!r} failed: full", block="faulty", key=key, operation="put")
        return super().put(key, parts, mode=mode)


def test_the_error_says_where_the_value_lies_and_reads_find_it(wall: Path) -> None:
    """With the default, on_failure="raise"."""

    @task(result_storage=behind(wall))
    def numbers() -> list[int]:
        wall.write_text("")  # it stands there while the body runs: before, nothing would have been run
        return [1, 2]

    wall.unlink()
    with pytest.raises(StorageError) as caught:
        numbers()

    assert [1, 2] == caught.value.value
    kept = Path(str(caught.value.kept))
    key = "/".join(kept.parts[-3:])
    assert [key] == spooled()
    assert kept.is_file()
    (note,) = caught.value.__notes__
    assert str(kept) in note
    assert "`holdall result push` sends it to local-file-system:" in note
    assert [1, 2] == load_result(key=key, storage=behind(wall))
    assert [] == open_catalog(settings.current()).references()


@pytest.mark.parametrize(("failures", "where"), [(1, "storage"), (2, "spool")])
def test_a_passing_failure_is_tried_again_first(place: Path, failures: int, where: str) -> None:
    """Once; what is still not taken goes to the spool."""
    storage = FlakyStorage(Directory(str(place / "results")), failures=failures)
    storage.on_failure = "spool"
    made = task(result_storage=storage, return_state=True)(lambda: [1])

    assert [1] == quietly(made).result()
    assert (where == "spool") == bool(spooled())
    assert (where == "storage") == bool(list(storage.scan()))


@pytest.mark.parametrize("kind", [ConfigurationError, PluginError, CatalogError])
@pytest.mark.parametrize("on_failure", ["raise", "spool"])
def test_whatever_a_storage_says_the_result_is_kept(
    place: Path, kind: type[HoldallError], on_failure: OnFailure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that an object store cannot take, a client library that is missing: found out after an hour's work."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise kind("not like this")

    storage = Deaf(Directory(str(place / "results")))
    storage.on_failure = on_failure
    monkeypatch.setattr(Deaf, "put", refuse)
    made = task(result_storage=storage, return_state=True)(lambda: [1])
    state = quietly(made)

    assert 1 == len(spooled())
    if on_failure == "spool":
        assert [1] == state.result()
        return
    with pytest.raises(kind, match="not like this") as caught:
        state.result()
    assert [1] == caught.value.value
    assert Path(str(caught.value.kept)).is_file()


def test_a_format_that_fails_for_its_own_reasons_is_not_blamed_on_the_storage(place: Path) -> None:
    """The value comes with the error, as the spool would be written by the same serializer."""

    class Broken(PickleCodec):
        def dump(self, value: Any, /) -> Any:
            raise PluginError("no such library")

    with pytest.raises(PluginError) as caught:
        task(result_storage=Directory(str(place / "results")), result_serializer=Broken())(lambda: [1])()

    assert ([1], None) == (caught.value.value, caught.value.kept)
    assert [] == spooled()


def test_what_lies_there_is_what_would_have_been_stored(wall: Path, place: Path) -> None:
    """Both records of a result that is cached and has a name of its own, its payload, its place, its expiry."""

    @task(
        cache_key_fn=lambda *_: "k",
        cache_expiration=timedelta(hours=1),
        result_storage_key="report",
        on_storage_error="run",
        result_storage=behind(wall),
    )
    def report() -> dict[str, int]:
        return {"a": 1}

    quietly(report)
    (folder,) = spool.folders(str(place / "home"))
    names = {meta.key.partition("/")[0] for meta in folder.scan()}
    record = parse(folder.get(name_key("report")), where="here")

    assert {"cache", "payloads", "names"} == names
    assert ("local-file-system", {"basepath": str(wall / "results")}) == (record.storage.type, record.storage.location)
    assert record.expires is not None
    assert "report" == record.producer["name"]
    wall.unlink()
    for meta in folder.scan():
        if "/" not in meta.key or not meta.key.endswith(".create"):
            Directory(str(wall / "results")).put(meta.key, folder.stream(meta.key))
    assert {"a": 1} == ResultStore(Directory(str(wall / "results")), PickleCodec()).read(name_key("report"))


def test_with_on_failure_spool_the_run_goes_on_and_says_so_once(wall: Path) -> None:
    """Many results and one warning; each is in the catalog as if it had been stored."""

    @task(result_storage=behind(wall, on_failure="spool"))
    def square(x: int) -> int:
        return x * x

    @flow
    def squares() -> list[int]:
        return [square(x) for x in range(5)]

    with pytest.warns(HoldallWarning, match="did not take a result") as warned:
        found = squares()

    assert [0, 1, 4, 9, 16] == found
    assert 1 == len(warned)
    assert 5 == len(spooled())
    rows = open_catalog(settings.current()).references()
    assert spooled() == sorted(row.key for row in rows)
    assert [16, 9, 4, 1, 0] == [from_json(row.reference).get() for row in rows]


@pytest.mark.parametrize("of_task", ["raise", "spool", "run"])
@pytest.mark.parametrize("of_block", ["raise", "spool", "run"])
@pytest.mark.parametrize("state", ["takes nothing", "takes no lease", "gives nothing"])
def test_block_and_task_have_one_choice_and_the_longer_of_both_counts(
    place: Path, of_block: OnFailure, of_task: OnFailure, state: str
) -> None:
    """`spool` goes on where a result is not taken, `run` also where the cache cannot be asked; the value is in the spool."""
    kind: type[Deaf] = {"takes nothing": Deaf, "takes no lease": Readable, "gives nothing": Dead}[state]
    storage = kind(Directory(str(place / "results")))
    storage.on_failure = of_block
    ran: list[int] = []
    made = task(
        persist_result=True,
        cache_key_fn=None if state == "takes nothing" else lambda *_: "k",
        result_storage=storage,
        on_storage_error=of_task,
    )(lambda: [ran.append(1)])
    goes_on = {"run"} if state == "gives nothing" else {"run", "spool"}

    if goes_on.isdisjoint({of_block, of_task}):
        with pytest.raises(StorageError):
            made()
        assert ([1], 1) == (ran, len(spooled())) if state == "takes nothing" else [] == [*ran, *spooled()]
        assert [] == open_catalog(settings.current()).references()
        return
    with pytest.warns(HoldallWarning) as warned:
        assert [None] == made()
    assert [1] == ran
    assert spooled() == [row.key for row in open_catalog(settings.current()).references()]
    assert ["did not take a result" in str(each.message) for each in warned][-1]


class Dead(Deaf):
    """One that neither reads nor writes."""

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        raise StorageError(f"get of {key!r} failed: gone", block="faulty", key=key, operation="get")


def test_the_warning_comes_once_for_each_outermost_run_and_storage(place: Path) -> None:
    """Of one task that is called again, of a flow with many results, of two storages."""
    storages = [Deaf(Directory(str(place / name))) for name in ("one", "two")]
    many = [task(lambda: [1], result_storage=each, on_storage_error="spool") for each in storages]

    @flow
    def around() -> None:
        for each in many * 3:
            each()

    counts = []
    for call in (many[0], many[0], around, many[1], around):
        with pytest.warns(HoldallWarning) as warned:
            call()
        counts.append(len(warned))

    assert [1, 1, 2, 1, 2] == counts


def test_a_reference_finds_its_result_wherever_it_is_by_then(wall: Path, place: Path) -> None:
    """In the spool, and in the storage once it is there; through the very object, JSON and another process."""
    made = task(result_storage=behind(wall, on_failure="spool"), cache_result_in_memory=False)(lambda: "x" * 9000)
    reference = quietly(made.with_options(return_state=True)).reference

    assert isinstance(reference, ResultReference)
    assert 9000 == len(reference.get())
    assert "x" * 9000 == from_json(reference.json()).get()
    code = "import sys; from holdall.results import from_json; print(len(from_json(sys.argv[1]).get()))"
    answer = subprocess.run([sys.executable, "-c", code, reference.json()], capture_output=True, text=True, check=True)
    assert "9000\n" == answer.stdout
    wall.unlink()
    (folder,) = spool.folders(str(place / "home"))
    os.rename(folder.base, wall)
    wall.rename(place / "aside")
    (place / "wall").mkdir()
    (place / "aside").rename(wall / "results")
    assert 9000 == len(reference.get())


def test_a_cached_result_in_the_spool_is_a_hit(wall: Path) -> None:
    """While its storage is unreachable, and when it is back and empty."""
    ran = []

    @task(cache_key_fn=lambda *_: "k", on_storage_error="run", result_storage=behind(wall))
    def slow() -> list[int]:
        ran.append(1)
        return [1]

    with pytest.warns(HoldallWarning) as warned:
        assert [1] == slow()
    asked, taken = (str(each.message) for each in warned)
    assert asked.startswith("The cache could not be asked")
    assert "did not take a result" in taken
    assert [1] == slow()
    wall.unlink()
    assert [1] == slow()
    assert [1] == ran
    assert not (wall / "results").exists()


class Readable(Deaf):
    """One that locks by leases, which it takes as little as results."""

    atomic_create = True  # type: ignore[assignment]  # a property there


def test_a_lease_that_is_not_taken_is_an_error_before_the_body_runs(place: Path) -> None:
    """Nothing is lost, as nothing was computed yet."""
    ran = []
    storage = Readable(Directory(str(place / "results")))
    made = task(cache_key_fn=lambda *_: "k", result_storage=storage)(lambda: ran.append(1))

    with pytest.raises(StorageError, match="full"):
        made()
    assert [] == ran


def test_with_on_failure_spool_a_lease_that_is_not_taken_stops_nobody(place: Path) -> None:
    """The storage has said that there is no hit; the result goes to the spool, and is a hit from there."""
    ran = []
    storage = Readable(Directory(str(place / "results")))
    storage.on_failure = "spool"
    made = task(cache_key_fn=lambda *_: "k", result_storage=storage)(lambda: [ran.append(1)])

    with pytest.warns(HoldallWarning) as warned:
        made()
    assert [None] == made()
    assert [1] == ran
    assert ["The cache could not be locked", "faulty:"] == [
        str(each.message)[:length] for each, length in zip(warned, (29, 7), strict=True)
    ]


@pytest.mark.parametrize("value", [None, True, False])
def test_a_cached_literal_is_found_there_too(wall: Path, value: bool | None) -> None:
    """It is a record like any other."""
    ran = []

    @task(cache_key_fn=lambda *_: "k", on_storage_error="run", result_storage=behind(wall, on_failure="spool"))
    def literal() -> bool | None:
        ran.append(1)
        return value

    assert [value, value] == [quietly(literal), literal()]
    assert [1] == ran


def test_a_miss_in_both_is_still_no_no(wall: Path) -> None:
    """A storage that cannot be reached is an error of a cached call, whatever else the spool holds."""
    quietly(task(result_storage=behind(wall, on_failure="spool"))(lambda: 1))
    wall.unlink()
    made = task(cache_key_fn=lambda *_: f"other {wall.write_text('')}", result_storage=behind(wall))(lambda: 1)

    with pytest.raises(StorageError, match="get of"):
        made()
    with pytest.raises(MissingResultError):
        load_result(key="nothing")


def test_a_retry_replays_from_the_spool(wall: Path) -> None:
    """Persistence that comes from retries alone never fails a run, and the next attempt finds what the first made."""
    ran = []

    @task(retries=1)
    def part() -> list[int]:
        ran.append(1)
        return [1]

    @flow(retries=1)
    def whole() -> list[int]:
        found = part()
        if not attempts:
            attempts.append(1)
            raise ValueError("again")
        return found

    attempts: list[int] = []
    Path(".holdall-results").write_text("")
    with pytest.warns(HoldallWarning, match="did not take a result"):
        assert [1] == whole()
    assert [1] == ran


def test_the_newer_of_two_wins_where_this_process_knows_of_a_spool(place: Path) -> None:
    """A storage that reads and takes nothing must not answer with the result of before."""
    storage = Deaf(Directory(str(place / "results")))
    storage.deaf = False
    values = ["old", "new"]
    made = task(cache_key_fn=lambda *_: "k", refresh_cache=True, result_storage=storage, cache_result_in_memory=False)(
        lambda: values.pop(0)
    )
    made()
    storage.deaf = True

    with pytest.raises(StorageError):
        made()
    assert "new" == made.with_options(refresh_cache=False)()
    storage.deaf = False
    values.append("newest")
    made()
    assert "newest" == made.with_options(refresh_cache=False)()


def test_an_expired_result_gives_way_to_the_spool(place: Path) -> None:
    """A process that knew of no spool looks there as soon as there is one."""
    store = ResultStore(Directory(str(place / "results")), PickleCodec())
    home = settings.current().home
    store.write("old", key="k", expires=1.0)
    assert not spool.may_hold(home)
    spool.opened(store, home).write("new", key="k")

    holder, record = spool.locate(store, home, lambda each: each.record("k"))

    assert "new" == holder.load(record)


def test_a_spool_that_fails_as_well_leaves_the_value_with_the_error(wall: Path, place: Path) -> None:
    """Both disks may be one."""
    (place / "home").mkdir()
    (place / "home" / "spool").write_text("")
    for on_failure in ("raise", "spool"):
        wall.unlink()
        with pytest.raises(StorageError) as caught:
            task(result_storage=behind(wall, on_failure=on_failure))(lambda: [wall.write_text(" ")])()

        assert ([1], None) == (caught.value.value, caught.value.kept)


def test_a_damaged_result_there_is_an_error_that_says_so(wall: Path, place: Path) -> None:
    """Its checksum counts as anywhere."""
    made = task(result_storage=behind(wall, on_failure="spool", inline_limit=0))(lambda: "x" * 100)
    reference = quietly(made.with_options(return_state=True)).reference
    (payload,) = (place / "home" / "spool").rglob("*.pkl")
    payload.write_bytes(payload.read_bytes()[:-3] + b"???")

    with pytest.raises(ValueError, match="is damaged"):
        from_json(reference.json()).get()


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_nobody_else_may_look_into_it(wall: Path, place: Path) -> None:
    """Results may be private, and the folder of the storage was somebody's choice."""
    quietly(task(result_storage=behind(wall, on_failure="spool"))(lambda: 1))
    for folder in (place / "home" / "spool", *(place / "home" / "spool").iterdir()):
        assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


def test_where_a_block_is_used_is_no_part_of_where_it_is(place: Path) -> None:
    """References and the folder of the spool are the same for both."""
    both = [LocalFileSystem(basepath=place, on_failure=each) for each in ("raise", "spool")]

    assert both[0].location() == both[1].location() == {"basepath": str(place)}
    assert both[0] != both[1]


@pytest.fixture
def shelf(place: Path) -> ResultStore:
    return ResultStore(Directory(str(place / "shelf")), PickleCodec())


def send(home: str) -> None:
    """What another process does that runs `holdall result push`."""
    (done,) = push(settings.current())

    assert done.complete
    assert done.items


LARGE = "x" * 20_000


# A reader looks into the spool, then into the storage, and then loads what it has found.
@pytest.mark.parametrize("value", [[1], LARGE], ids=["inlined", "large"])
@pytest.mark.parametrize(("method", "skip"), [("record", 0), ("record", 1), ("loaded", 0)])
def test_a_result_that_is_pushed_beside_its_reader_is_read(
    shelf: ResultStore, monkeypatch: pytest.MonkeyPatch, value: Any, method: str, skip: int
) -> None:
    """In whichever moment between two looks."""
    home = settings.current().home
    spool.opened(shelf, home).write(value, key="k")
    before(ResultStore, method, partial(send, home), monkeypatch, skip=skip)

    assert value == read(shelf)
    assert [] == [meta.key for folder in spool.folders(home) for meta in folder.scan()]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("method", "skip"), [("record", 0), ("record", 1), ("loaded", 0)])
def test_the_older_value_of_the_storage_is_not_read_beside_a_push(
    shelf: ResultStore, monkeypatch: pytest.MonkeyPatch, method: str, skip: int, *, known: bool
) -> None:
    """The spool had the newer one all the while, until the storage has; whoever kept it there."""
    home = settings.current().home
    shelf.write([*LARGE, "old"], key="k")
    if known:
        assert not spool.may_hold(home)
    in_another_process(spool.opened, shelf, home)
    spool.twin(shelf, home).write([*LARGE, "new"], key="k")
    in_another_process(spool.mark, home)
    before(ResultStore, method, partial(send, home), monkeypatch, skip=skip)

    assert [*LARGE, "new"] == read(shelf)


def read(shelf: ResultStore) -> Any:
    """What a program reads that has a reference as JSON."""
    reference = shelf.reference("k", None, shelf.serializer, run_id=None, cache_in_memory=False)
    return from_json(reference.json()).get()


def in_another_process(call: Callable[..., object], *arguments: Any) -> None:
    """As far as what this one remembers of spools is concerned."""
    remembered = dict(spool._spools)
    call(*arguments)
    spool._spools.clear()
    spool._spools.update(remembered)


def before(
    owner: type, method: str, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch, *, skip: int = 0
) -> None:
    """Let something happen right before a method is called, once, after so many other calls."""
    real, left = getattr(owner, method), [skip]

    def called(self: Any, *arguments: Any, **more: Any) -> Any:
        if left:
            left[0] -= 1
            if left[0] < 0:
                left.clear()
                act()
        return real(self, *arguments, **more)

    monkeypatch.setattr(owner, method, called)
