"""Making the catalog anew from what lies in storages."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall import blocks, flow, load_result, task
from holdall.builtin.local.block import LocalFileSystem
from holdall.builtin.local.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import catalog_path, close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import CatalogError, StorageError
from holdall.maintenance import known_storages, rebuild_catalog
from holdall.results.store import ResultStore
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.catalog import Catalog
    from holdall.abc.storage import Storage
    from holdall.maintenance.known_storages import OpenStorage
    from holdall.types import ByteRange, ObjectMeta

pytestmark = pytest.mark.usefixtures("place")

LARGE = "x" * 20_000


@task(persist_result=True)
def plain(value: Any) -> Any:
    return value


@task(cache_key_fn=lambda context, parameters: f"{context.task.name}-{parameters['value']}")
def cached(value: Any) -> Any:
    return value


@task(
    cache_key_fn=lambda _, parameters: f"short-{parameters['value']}",
    cache_expiration=timedelta(microseconds=1),
)
def short(value: Any) -> Any:
    return value


@task(result_storage="./reports", result_storage_key="{parameters[value][0]}.pkl")
def report(value: Any) -> Any:
    return value


def catalog() -> Catalog:
    return open_catalog(settings.current())


def known() -> list[OpenStorage]:
    places, unopened = known_storages.known(settings.current(), catalog(), os.getcwd())

    assert [] == unopened
    return places


def lose_the_catalog() -> None:
    recorder_for(catalog()).flush()
    close_catalogs()
    for suffix in ("", "-wal", "-shm"):
        Path(catalog_path(settings.current()) + suffix).unlink(missing_ok=True)


def at(path: str) -> OpenStorage:
    return known_storages.named([path], settings.current(), os.getcwd())[0]


def reasons(done: rebuild_catalog.Rebuilt) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in done.skipped:
        found.setdefault(each.reason, []).append(each.key)
    return found


def test_every_result_is_found_again() -> None:
    """Small, large, cached, named and in other serializers: the rows are those that the runs had written."""

    @flow(persist_result=True)
    def whole() -> str:
        plain(["small"])
        cached(LARGE)
        report(["report", LARGE])
        plain.with_options(result_serializer="json", result_storage="./reports")({"deep": [1]})
        return LARGE

    whole()
    places = known()
    before = catalog().references()
    lose_the_catalog()
    done = rebuild_catalog.rebuild(places, catalog(), settings=settings.current())

    assert sum(each.restored for each in done) == len(before) == 5
    assert [json.loads(row.reference) for row in before] == [
        json.loads(row.reference) for row in catalog().references()
    ]
    assert [row._replace(reference="", created=0.0) for row in before] == [
        row._replace(reference="", created=0.0) for row in catalog().references()
    ]
    for row in before:
        assert load_result(key=row.key) == load_result(key=row.key, storage=row.storage.partition(":")[2])


def test_the_newest_result_is_first_however_keys_sort() -> None:
    """Results of several storages are put in by the time at which they were made."""
    stores = [ResultStore(Directory(os.path.abspath(name)), PickleCodec()) for name in ("one", "two")]
    for number, key in enumerate("mbxaq"):
        stores[number % 2].write(number, key=f"named-{key}", created=1_000_000.0 + number)
    done = rebuild_catalog.rebuild([at("./one"), at("./two")], catalog(), settings=settings.current())

    assert [3, 2] == [each.restored for each in done]
    assert [4, 3, 2, 1, 0] == [load_result(key=row.key) for row in catalog().references()]


def test_what_the_catalog_knows_already_is_left_as_it_is() -> None:
    """A second time nothing changes, and a missing row goes back to its place among the others."""
    for value in "abc":
        plain([value])
    before = catalog().references()
    (again,) = rebuild_catalog.rebuild(known(), catalog(), settings=settings.current())
    catalog().delete_reference(before[1].storage, before[1].key)
    (done,) = rebuild_catalog.rebuild(known(), catalog(), settings=settings.current())

    assert (0, 3) == (again.restored, again.known)
    assert (1, 2) == (done.restored, done.known)
    assert [row.key for row in before] == [row.key for row in catalog().references()]


def test_says_what_it_skips_and_why(place: Path) -> None:
    """Expired, damaged, foreign: each is named, and none stops the others."""
    plain(["kept"])
    short("gone")
    report(["report", LARGE])
    folder = place / ".holdall-results"
    torn = next((folder / "results").rglob("*.json"))
    copy = folder / "copy-of-a-record.bak"
    shutil.copy(torn, copy)
    plain(["also kept"])
    content = torn.read_bytes()
    torn.write_bytes(content.replace(b"holdall", b"holdall", 1)[:-40] + content[-39:])
    (folder / "notes.txt").write_text("of another program")
    (folder / "empty").write_bytes(b"")
    newer = folder / "from-tomorrow.json"
    newer.write_bytes(b'{"holdall":99,"rest":"unknown"}')
    lose_the_catalog()
    results, reports = rebuild_catalog.rebuild(
        [at("./.holdall-results"), at("./reports")], catalog(), settings=settings.current()
    )
    expired = [key for key in reasons(results)["expired"] if key.startswith("cache/")]

    assert (1, 1, 0) == (results.restored, len(expired), results.copies)
    assert {
        "expired": expired,
        "damaged": ["from-tomorrow.json", torn.relative_to(folder).as_posix()],
        "foreign": ["copy-of-a-record.bak", "empty", "notes.txt"],
    } == reasons(results)
    assert any("newer holdall" in each.problem for each in results.skipped)
    assert (1, 1, {}) == (reports.restored, reports.copies, reasons(reports))


def test_literals_in_records_are_found_and_others_are_not() -> None:
    """A literal that a cache key keeps in a record is a result in storage; another is in the catalog alone."""
    cached(value=True)
    plain(value=None)
    lose_the_catalog()
    (done,) = rebuild_catalog.rebuild([at("./.holdall-results")], catalog(), settings=settings.current())
    (row,) = catalog().references()

    assert (1, 0) == (done.restored, row.size)
    assert load_result(key=row.key) is True


def test_a_folder_that_was_moved_is_indexed_where_it_is(place: Path) -> None:
    """The reference leads to where the record was found, not to where it was written."""
    plain([LARGE])
    key = catalog().references()[0].key
    shutil.move(place / ".holdall-results", place / "archive")
    lose_the_catalog()
    rebuild_catalog.rebuild([at("./archive")], catalog(), settings=settings.current())

    assert [LARGE] == load_result(key=key)


def test_references_to_records_that_are_gone_are_forgotten(place: Path) -> None:
    """The storage is the truth; but one in which nothing lies may be a disk that is not there now."""
    plain(["a"])
    plain(["b"])
    plain.with_options(result_storage="./unmounted")(["c"])
    newest = catalog().references(storage=f"local-file-system:{place}/.holdall-results")[0]
    (place / ".holdall-results" / newest.key).unlink()
    shutil.rmtree(place / "unmounted")
    done = {
        each.label.rpartition("/")[2]: each
        for each in rebuild_catalog.rebuild(known(), catalog(), settings=settings.current())
    }

    assert (1, 1) == (done[".holdall-results"].forgotten, done[".holdall-results"].known)
    assert (0, 0) == (done["unmounted"].forgotten, done["unmounted"].known)
    assert newest.key not in {row.key for row in catalog().references()}
    assert len(catalog().references()) == 2


def test_one_place_by_two_names_is_one_entry(place: Path) -> None:
    """What was written by path and is read by slug is not listed twice."""
    plain.with_options(result_storage="./shared")(["a"])
    LocalFileSystem(basepath=str(place / "shared")).save("team")
    (done,) = [
        each for each in rebuild_catalog.rebuild(known(), catalog(), settings=settings.current()) if each.restored
    ]
    (row,) = catalog().references()

    assert done.label == row.storage == "local-file-system/team"
    assert ["a"] == load_result(key=row.key)


def test_blocks_the_default_and_references_name_the_storages(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved, configured, default, referenced, and `.holdall-results` where it is there; each place once."""
    LocalFileSystem(basepath=str(place / "saved")).save("saved")
    (place / "holdall.toml").write_text('[blocks.local-file-system.set]\nbasepath = "configured"\n')
    monkeypatch.setenv("HOLDALL_RESULTS_DEFAULT_STORAGE", str(place / "default"))
    plain.with_options(result_storage="./referenced")(["a"])
    plain.with_options(result_storage="./saved")(["a"])
    without = {place.label.rpartition("/")[2] for place in known()}
    (place / ".holdall-results").mkdir()

    assert {"saved", "set", "default", "referenced"} == without
    assert {*without, ".holdall-results"} == {place.label.rpartition("/")[2] for place in known()}


def test_a_storage_that_cannot_be_had_is_said_and_the_others_are_read() -> None:
    """A block whose plugin is not here costs the others nothing."""
    block = MemoryFileSystem(namespace="gone")
    blocks.define("memory/gone", block)
    try:
        plain.with_options(result_storage="memory/gone")(["a"])
    finally:
        blocks.undefine("memory/gone")
        block.clear()
    plain(["b"])
    places, unopened = known_storages.known(settings.current(), catalog(), os.getcwd())

    assert [".holdall-results"] == [each.label.rpartition("/")[2] for each in places]
    assert ["memory/gone"] == [each.label for each in unopened]
    assert "memory/gone" in unopened[0].problem


class Failing(MemoryFileSystem):
    """Cannot be listed."""

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        raise StorageError(f"no network {prefix}", transient=True)


class Closed(MemoryFileSystem):
    """Gives out one object less than it lists."""

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Any:
        if key == "secret.json":
            raise StorageError("permission denied", key=key)
        return super().get(key, byte_range=byte_range)


def written(storage: Storage, *values: Any) -> Storage:
    store = ResultStore(storage, PickleCodec())
    for number, value in enumerate(values):
        store.write(value, key=f"result-{number}")
    return storage


def test_storages_that_fail_are_named_and_change_nothing() -> None:
    """One that cannot be listed is a problem of its own; one object that is not given out is skipped."""
    failing, closed = Failing(namespace="failing"), Closed(namespace="closed")
    try:
        written(failing, 1)
        written(closed, 2).put("secret.json", [b"?"])
        rows = [
            rebuild_catalog._row(
                ResultStore(failing, PickleCodec()).record("result-0"), known_storages.place_of(failing)
            )
        ]
        catalog().add_reference(rows[0])
        first, second = rebuild_catalog.rebuild(
            [known_storages.place_of(failing), known_storages.place_of(closed)], catalog(), settings=settings.current()
        )
    finally:
        failing.clear()
        closed.clear()

    assert (0, 0, "no network ") == (first.restored, first.forgotten, first.problem)
    assert (1, {"unreadable": ["secret.json"]}) == (second.restored, reasons(second))
    assert {"result-0"} == {row.key for row in catalog().references()}


def test_a_row_newer_than_what_was_read_stays() -> None:
    """A result that is written anew while the storage is being read keeps its row."""
    cached("a")
    (row,) = catalog().references()
    newer = row._replace(created=row.created + 60, run_id="f" * 32)
    catalog().add_reference(newer)
    rebuild_catalog.rebuild(known(), catalog(), settings=settings.current())

    assert [newer] == catalog().references()


def damage_the_header(path: str) -> None:
    Path(path).write_bytes(b"no database at all" * 100)


def damage_a_page(path: str) -> None:
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        file.seek(2048)
        file.write(b"\xa5" * (size - 2048))


def drop_a_table(path: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE runs")
    connection.close()


@pytest.mark.parametrize("harm", [damage_the_header, damage_a_page, drop_a_table])
def test_a_damaged_catalog_is_moved_aside_whole(harm: Any) -> None:
    """Its bytes are kept under another name, and a new one has the results."""
    plain([LARGE])
    recorder_for(catalog()).flush()
    places = known()
    close_catalogs()
    path = catalog_path(settings.current())

    assert rebuild_catalog.damage(settings.current()) is None
    close_catalogs()
    harm(path)
    before = Path(path).read_bytes()
    said = rebuild_catalog.damage(settings.current())
    aside = rebuild_catalog.move_aside(settings.current())
    rebuild_catalog.rebuild(places, catalog(), settings=settings.current())

    assert "damaged" in str(said)
    assert before == Path(aside).read_bytes()
    assert aside.startswith(f"{path}.corrupt-2")
    assert [LARGE] == load_result(key=catalog().references()[0].key)
    assert rebuild_catalog.damage(settings.current()) is None


def test_catalogs_are_moved_aside_under_names_of_their_own() -> None:
    """Two in one second do not take each other's place, and the log goes with its file."""
    path = catalog_path(settings.current())
    names = []
    for content in (b"one", b"two"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(content)
        Path(f"{path}-wal").write_bytes(content)
        names.append(rebuild_catalog.move_aside(settings.current()))

    assert [b"one", b"two"] == [Path(name).read_bytes() for name in names]
    assert [b"one", b"two"] == [Path(f"{name}-wal").read_bytes() for name in names]
    assert not Path(f"{path}-wal").exists()


def test_a_catalog_that_is_only_absent_newer_or_foreign_is_not_damaged() -> None:
    """What another program or a later holdall wrote is never moved."""
    path = catalog_path(settings.current())

    assert rebuild_catalog.damage(settings.current()) is None
    assert not os.path.lexists(path)
    Path(path).parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE somebodys (own)")
    connection.close()
    with pytest.raises(CatalogError, match="another program"):
        rebuild_catalog.damage(settings.current())


def test_results_written_by_another_process_meanwhile_are_all_indexed() -> None:
    """A writer beside the rebuilding loses no row of its own, and its rows stay the newest."""
    script = textwrap.dedent("""
        import sys
        from holdall import task

        @task(persist_result=True)
        def value(number):
            return [number]

        for number in range(300):
            value(number)
            if number == 50:
                print("on the way", flush=True)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        rounds = 0
        while writer.poll() is None or not rounds:
            rebuild_catalog.rebuild([at("./.holdall-results")], catalog(), settings=settings.current())
            rounds += 1

    assert writer.returncode == 0
    rows = catalog().references(limit=1000)
    assert len(rows) == 300
    assert [299] == load_result(key=max(rows, key=lambda row: row.created).key)
