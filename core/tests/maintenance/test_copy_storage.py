"""Many results copied and moved: what arrives, what is deleted, where the catalog points, what trouble leaves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from holdall import flow, load_result, task
from holdall.builtin.leases.manager import LeaseManager
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import CatalogError, ConfigurationError, MissingResultError, StorageError
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_report import Selection
from holdall.maintenance.copy_storage import copy, move
from holdall.maintenance.known_storages import OpenStorage, place_of
from holdall.results.layout import PAYLOADS, name_key, record_key
from holdall.results.references import from_json
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.testing.faults import FaultyStorage, Meanwhile

if TYPE_CHECKING:
    from pathlib import Path

    from holdall.abc.catalog import Catalog

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def here(place: Path) -> OpenStorage:
    return place_of(LocalFileSystem(basepath=place / "here"))


@pytest.fixture
def there(place: Path) -> OpenStorage:
    return place_of(LocalFileSystem(basepath=place / "there"))


@task(result_storage="./here", cache_key_fn=lambda *_: "big", result_storage_key="big.pkl")
def big() -> str:
    return "x" * 20_000


@task(result_storage="./here", cache_key_fn=lambda *_: "small")
def small() -> list[int]:
    return [1]


@task(result_storage="./here")
def plain(x: int) -> list[Any]:
    return [x, "y" * 9_000]


@pytest.fixture
def ran(place: Path) -> list[Any]:
    """The values of a flow and of its tasks, all kept in `here`; the cached ones were hit as well."""
    assert place.is_dir()

    @flow(result_storage="./here")
    def whole() -> list[Any]:
        small()
        small()
        return [big(), big(), *(plain(x) for x in range(3))]

    whole()
    return [big(), small()]


def catalog() -> Catalog:
    found = open_catalog(settings.current())
    recorder_for(found).flush()
    return found


def results() -> list[Any]:
    """What each reference and run of the catalog leads to."""
    rows = catalog()
    found = [load_result(key=row.key) for row in rows.references()]
    return found + [load_result(run=row.id) for row in rows.runs() if row.result is not None]


def keys(place: OpenStorage) -> list[str]:
    return [meta.key for meta in place.storage.scan()]


@pytest.mark.usefixtures("ran")
def test_a_copy_has_all_and_changes_nothing_here(here: OpenStorage, there: OpenStorage) -> None:
    """Payloads, both records of one, the readable copy; a second time there is nothing to do."""
    before = keys(here)
    done = copy(here, there, settings=settings.current())

    assert before == keys(here) == keys(there)
    assert (7, 0, True) == (done.count("copied"), done.repointed, done.complete)
    again = copy(here, there, settings=settings.current())
    assert (0, 7) == (again.count("copied"), again.count("there"))
    catalog().repoint(lambda _: None)
    assert all(here.storage.location()["basepath"] in row.reference for row in catalog().references())


def test_leases_are_passed_over_unread(here: OpenStorage, there: OpenStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket has one for each cached result that was computed since the last `gc`."""
    lease = LeaseManager(here.storage).acquire("key", timeout=0)
    assert lease is not None
    lease.release()
    read: list[str] = []
    monkeypatch.setattr(LocalFileSystem, "get", lambda _, key, **__: read.append(key))

    assert [] == copy(here, there, settings=settings.current()).items
    assert [] == keys(there)
    assert [] == read


@pytest.mark.usefixtures("ran")
def test_the_catalog_follows_a_move(here: OpenStorage, there: OpenStorage) -> None:
    """References and the results of runs, hits among them; nothing is left where they were."""
    before, found = keys(here), results()
    done = move(here, there, catalog(), settings=settings.current())

    assert before == keys(there)
    assert [] == keys(here)
    assert all(each.removed for each in done.items)
    assert found == results()
    assert {there.label} == {row.storage for row in catalog().references()}
    assert done.repointed >= 12


@pytest.mark.usefixtures("ran")
def test_a_reference_of_before_says_where_its_result_is_now(here: OpenStorage, there: OpenStorage) -> None:
    """Somebody may hold one as JSON."""
    text = catalog().references(name="plain")[0].reference
    move(here, there, catalog(), settings=settings.current())

    with pytest.raises(MissingResultError) as caught:
        from_json(text).get()
    assert f"The catalog knows it in {there.label} now: holdall.load_result(key='results/" in str(caught.value)


@pytest.mark.usefixtures("ran")
def test_a_copy_may_take_the_catalog_along(here: OpenStorage, there: OpenStorage) -> None:
    """With `repoint`; the originals stay."""
    done = copy(here, there, repoint=catalog(), settings=settings.current())

    assert keys(here) == keys(there)
    assert done.repointed
    assert {there.label} == {row.storage for row in catalog().references()}


@pytest.mark.usefixtures("ran")
def test_a_selection_goes_alone(here: OpenStorage, there: OpenStorage) -> None:
    """By name or by key; a payload that another record names stays for it."""
    by_name = copy(here, there, chosen=Selection(name="plain"), settings=settings.current())
    assert {"plain"} == {each.name for each in by_name.items}
    assert 3 == by_name.count("copied")

    before = set(keys(here))
    done = move(here, there, catalog(), chosen=Selection(keys=["big.pkl"]), settings=settings.current())
    gone = before - set(keys(here))

    assert [name_key("big.pkl")] == [each.key for each in done.items]
    assert {"big.pkl_.pkl", name_key("big.pkl")} == gone
    assert "x" * 20_000 == load_result(key="big.pkl") == load_result(key="big.pkl", storage="./there")
    key = record_key("big")
    assert "x" * 20_000 == load_result(key=key, storage="./here")
    before = set(keys(here))
    move(here, there, catalog(), chosen=Selection(keys=[key]), settings=settings.current())
    assert {"cache", "payloads"} == {each.partition("/")[0] for each in before - set(keys(here))}


def test_what_cannot_be_is_refused_first(here: OpenStorage, there: OpenStorage) -> None:
    """One place, and a key that is not there."""
    with pytest.raises(ConfigurationError, match="are one place"):
        copy(here, here, settings=settings.current())
    with pytest.raises(MissingResultError, match="no result 'nope' in local-file-system:"):
        copy(here, there, chosen=Selection(keys=["nope"]), settings=settings.current())


@pytest.mark.usefixtures("ran")
def test_one_place_by_two_names_loses_nothing(here: OpenStorage, place: Path) -> None:
    """All seems to have arrived already, and must not be removed for that."""
    (place / "link").symlink_to(place / "here")
    before, found = keys(here), results()

    with pytest.raises(ConfigurationError, match="are one place"):
        move(here, place_of(LocalFileSystem(basepath=place / "link")), catalog(), settings=settings.current())
    assert before == keys(here)
    assert found == results()


@pytest.mark.usefixtures("ran")
def test_a_bad_payload_stays_and_the_others_go(here: OpenStorage, there: OpenStorage, place: Path) -> None:
    """It is told, and not copied; the record of it stays readable as it was."""
    bad = min((place / "here" / "payloads").rglob("*.pkl"), key=lambda each: abs(each.stat().st_size - 20_000))
    bad.write_bytes(bad.read_bytes()[:-1] + b"?")
    done = move(here, there, catalog(), settings=settings.current())
    failed = [each for each in done.items if each.what == "failed"]

    assert not done.complete
    assert ["big", "big"] == [each.name for each in failed]
    assert all("is damaged" in str(each.problem) for each in failed)
    assert sorted([each.key for each in failed] + ["big.pkl_.pkl", bad.relative_to(place / "here").as_posix()]) == keys(
        here
    )


@pytest.mark.usefixtures("ran")
def test_a_move_deletes_nothing_whose_copy_has_rotted(here: OpenStorage, there: OpenStorage, place: Path) -> None:
    """What an earlier copy brought there is read before the original goes, and sent again where it is bad."""
    copy(here, there, settings=settings.current())
    found = results()
    for payload in (place / "there" / "payloads").rglob("*.pkl"):
        payload.write_bytes(payload.read_bytes()[:-1] + b"?")
    done = move(here, there, catalog(), settings=settings.current())

    assert done.complete
    assert [] == keys(here)
    assert found == results()


@pytest.mark.usefixtures("ran")
def test_a_younger_result_at_the_target_stays_and_so_does_ours(here: OpenStorage, there: OpenStorage) -> None:
    """The report says so; nothing is thrown away."""
    task(result_storage="./there", cache_key_fn=lambda *_: "small")(lambda: "younger")()
    done = move(here, there, catalog(), settings=settings.current())

    assert 1 == done.count("newer")
    assert done.complete
    (item,) = [each for each in done.items if each.what == "newer"]
    assert [1] == load_result(key=item.key, storage="./here")
    assert "younger" == load_result(key=item.key, storage="./there")


class Failing(FaultyStorage):
    """Takes so many puts and then no more, or lets nothing be deleted."""

    def __init__(self, inner: Any, /, *, puts: int = 1000, deletes: bool = True) -> None:
        super().__init__(inner)
        self.puts = puts
        self.deletes = deletes

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        self.puts -= 1
        if self.puts < 0:
            raise StorageError("full", block="faulty", key=key, operation="put")
        return super().put(key, parts, mode=mode)

    def delete(self, key: str, /) -> None:
        if not self.deletes:
            raise StorageError("read only", block="faulty", key=key, operation="delete")
        super().delete(key)


@pytest.mark.usefixtures("ran")
def test_a_storage_that_fails_is_not_asked_for_each_of_many(here: OpenStorage, there: OpenStorage) -> None:
    """What arrived is moved, the rest stays for another time, which does it."""
    failing = Failing(there.storage, puts=4)
    done = move(here, OpenStorage(failing, there.where), catalog(), jobs=1, settings=settings.current())

    assert not done.complete
    assert 3 == done.count("failed")
    assert 7 == len(done.items)
    found = results()
    rest = move(here, there, catalog(), settings=settings.current())
    assert rest.complete
    assert [] == [key for key in keys(here) if not key.startswith(PAYLOADS)]
    assert found == results()


@pytest.mark.usefixtures("ran")
def test_what_cannot_be_deleted_is_told(here: OpenStorage, there: OpenStorage) -> None:
    """It has been copied, and the catalog points to the copy."""
    done = move(
        OpenStorage(Failing(here.storage, deletes=False), here.where), there, catalog(), settings=settings.current()
    )

    assert not done.complete
    assert {"It was copied, and could not be removed: read only"} == {each.problem for each in done.items}
    assert keys(here) == keys(there)


@pytest.mark.usefixtures("ran")
def test_nothing_is_deleted_where_the_catalog_cannot_follow(
    here: OpenStorage, there: OpenStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reference that leads nowhere is worse than a copy too many."""

    def repoint(_: Any) -> int:
        raise CatalogError("locked")

    found = catalog()
    monkeypatch.setattr(found, "repoint", repoint)
    before = keys(here)
    done = move(here, there, found, settings=settings.current())

    assert ("locked", before, before) == (done.problem, keys(here), keys(there))


@pytest.mark.usefixtures("ran")
def test_a_result_that_is_replaced_meanwhile_stays(here: OpenStorage, there: OpenStorage) -> None:
    """The catalog's turn is between copy and removal: a writer may come then, and the catalog leads to what it wrote."""
    runs = []

    class Slow:
        def __init__(self) -> None:
            self.catalog = catalog()

        def repoint(self, moved: Any) -> int:
            if not runs:
                again = task(result_storage="./here", cache_key_fn=lambda *_: "small", refresh_cache=True)
                runs.append(again(lambda: [2]).with_options(return_state=True)().run_id)
                catalog()
            return self.catalog.repoint(moved)

    done = move(here, there, Slow(), settings=settings.current())  # type: ignore[arg-type]  # what a move asks of it

    assert [True] == ["was replaced meanwhile" in str(each.problem) for each in done.items if each.problem]
    assert [record_key("small")] == keys(here)
    assert [2] == load_result(key=record_key("small")) == load_result(run=runs[0])
    assert move(here, there, catalog(), settings=settings.current()).complete
    assert [2] == load_result(key=record_key("small"), storage="./there") == load_result(run=runs[0])


def test_a_second_record_that_comes_meanwhile_keeps_its_payload(here: OpenStorage, there: OpenStorage) -> None:
    """A cached result with a name has two, and a writer may be between them when the storage is listed."""
    big()
    data = bytes(here.storage.get(name_key("big.pkl")))
    here.storage.delete(name_key("big.pkl"))

    class Slow:
        def repoint(self, _: Any) -> int:
            here.storage.put(name_key("big.pkl"), [data])
            return 0

    move(here, there, Slow(), settings=settings.current())  # type: ignore[arg-type]  # what a move asks of it

    assert "x" * 20_000 == load_result(key="big.pkl", storage="./here")
    move(here, there, catalog(), settings=settings.current())
    assert [] == keys(here)
    assert "x" * 20_000 == load_result(key="big.pkl", storage="./there")


@pytest.mark.usefixtures("ran")
def test_a_move_that_ends_between_copy_and_record_is_finished(here: OpenStorage, there: OpenStorage) -> None:
    """What other tools read goes before its record does, as nothing else leads to it."""

    class Dying(FaultyStorage):
        def delete(self, key: str, /) -> None:
            super().delete(key)
            if key.startswith("big"):
                raise StorageError("killed", block="faulty", key=key, operation="delete")

    move(OpenStorage(Dying(here.storage), here.where), there, catalog(), settings=settings.current())
    assert move(here, there, catalog(), settings=settings.current()).complete

    assert [] == [key for key in keys(here) if not key.startswith(PAYLOADS)]


def test_other_files_stay_where_they_are(here: OpenStorage, there: OpenStorage) -> None:
    """They are no results."""
    here.storage.put("notes.txt", [b"mine"])
    done = move(here, there, catalog(), settings=settings.current())

    assert [] == done.items
    assert [] == keys(there)
    assert ["notes.txt"] == keys(here)


@pytest.mark.usefixtures("ran")
def test_a_dry_run_changes_nothing(here: OpenStorage, there: OpenStorage) -> None:
    """It says what would be done."""
    before = keys(here)
    done = move(here, there, catalog(), dry_run=True, settings=settings.current())

    assert 7 == done.count("copied")
    assert (before, []) == (keys(here), keys(there))
    assert Directory(here.where.location["basepath"]).exists(before[0])


@task(result_storage="./here", result_storage_key="latest")
def latest(x: int) -> list[Any]:
    return [x, "y" * 9_000]


@pytest.mark.parametrize("small", [True, False])
def test_a_name_that_is_taken_anew_in_the_moment_of_its_deletion_stays(
    here: OpenStorage, there: OpenStorage, *, small: bool
) -> None:
    """No lock keeps its next writer away; record, payload and readable copy of the new one are where they were."""
    value = [1, 2] if small else [2, "y" * 9_000]
    again = task(result_storage="./here", result_storage_key="latest")(lambda: value)
    latest(1)
    key = catalog().references()[0].key
    through = Meanwhile(here.storage, "delete_unchanged", again, key=key)
    done = move(OpenStorage(through, here.where), there, catalog(), settings=settings.current())

    assert through.happened
    assert 1 == done.count("failed")
    assert "It was replaced meanwhile, and the new one stays where it was." == done.items[0].problem
    assert value == load_result(key=key) == load_result(key=key, storage="./here")
    assert [1, "y" * 9_000] == load_result(key=key, storage="./there")


def test_a_payload_that_gets_a_record_at_the_source_meanwhile_stays(here: OpenStorage, there: OpenStorage) -> None:
    """Copied back from where it went, say: it was made young, and is no longer what the mover had listed."""
    big()
    names = {row.key for row in catalog().references()}

    def back() -> None:
        copy(there, here, settings=settings.current())

    through = Meanwhile(here.storage, "delete_unchanged", back, key=PAYLOADS)
    move(OpenStorage(through, here.where), there, catalog(), settings=settings.current())

    assert through.happened
    assert ["x" * 20_000] * len(names) == [load_result(key=name, storage="./here") for name in names]


def moved_before_reading(monkeypatch: pytest.MonkeyPatch, moves: list[Any]) -> None:
    """Let a move take place each time that a reader stands between the catalog and the storage, while there are any."""
    real = ResultStore.record

    def record(self: ResultStore, *arguments: Any, **more: Any) -> Any:
        if moves:
            moves.pop(0)()
        return real(self, *arguments, **more)

    monkeypatch.setattr(ResultStore, "record", record)


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("times", [1, 2])
def test_what_is_moved_beside_a_reader_is_found_where_it_went(
    here: OpenStorage, there: OpenStorage, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """By key and by run; also where it goes back again meanwhile."""
    found = catalog()
    ways = [{"key": row.key} for row in found.references()]
    ways += [{"run": row.id} for row in found.runs() if row.result is not None]
    expected = [load_result(**way) for way in ways]
    places = [here, there]
    for way, value in zip(ways, expected, strict=True):
        moves = []
        for _ in range(times):
            moves.append(partial(move, places[0], places[1], found, settings=settings.current()))
            places.reverse()
        with monkeypatch.context() as patch:
            moved_before_reading(patch, moves)

            assert value == load_result(**way)
            assert [] == moves


def test_what_is_gone_for_good_is_said_to_be(here: OpenStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever deletes it meanwhile does not make a reader look for ever."""
    plain(1)
    (row,) = catalog().references()
    deleted = [partial(here.storage.delete, row.key)]
    moved_before_reading(monkeypatch, deleted)

    with pytest.raises(MissingResultError, match="It was deleted or never written there"):
        load_result(key=row.key)
    assert [] == deleted


@pytest.mark.usefixtures("ran")
def test_moves_that_cross_lose_nothing(here: OpenStorage, there: OpenStorage) -> None:
    """Each would find its results at the other end, take them for its own work, and delete where they came from."""
    found = catalog()
    runs = {row.id: load_result(run=row.id) for row in found.runs() if row.result is not None}
    for _ in range(10):
        start = threading.Barrier(2)

        def cross(ways: tuple[OpenStorage, OpenStorage], start: threading.Barrier = start) -> Any:
            start.wait()
            return move(*ways, found, settings=settings.current())

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(cross, [(here, there), (there, here)]))

        assert [True, True] == [each.complete for each in done]
        assert runs == {run: load_result(run=run) for run in runs}


def test_what_is_deleted_while_its_bytes_are_copied_is_no_failure(here: OpenStorage, there: OpenStorage) -> None:
    """There is nothing to copy any more; and what has taken its place is copied in its stead."""
    for again in (False, True):
        plain(1)
        key = catalog().references()[0].key

        def replaced(key: str = key, again: bool = again) -> None:
            ResultStore(here.storage, PickleCodec()).delete(key)
            if again:
                ResultStore(here.storage, PickleCodec()).write([2, "z" * 9_000], key=key)

        through = Meanwhile(here.storage, "stream", replaced, key=PAYLOADS)
        done = copy(OpenStorage(through, here.where), there, settings=settings.current())

        assert through.happened
        assert done.complete
        assert (1 if again else 0) == done.count("copied")
        if again:
            assert [2, "z" * 9_000] == ResultStore(there.storage, PickleCodec()).read(key)


def test_a_payload_that_is_gone_for_good_is_a_failure(here: OpenStorage, there: OpenStorage) -> None:
    """Its record is still there, and says that it should be."""
    plain(1)
    for meta in here.storage.scan(PAYLOADS):
        here.storage.delete(meta.key)
    (item,) = copy(here, there, settings=settings.current()).items

    assert "failed" == item.what
    assert "is gone, though its record is still there" in str(item.problem)
