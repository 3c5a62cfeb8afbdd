"""What the spool holds, sent to where it belongs."""

from __future__ import annotations

import os
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from holdall import HoldallWarning, load_result, task
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.errors import CorruptResultError
from holdall.filesystems import LocalFileSystem
from holdall.ids import new_id
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import place_of
from holdall.maintenance.push_spool import push
from holdall.maintenance.rebuild_catalog import rebuild
from holdall.results import spool
from holdall.results.layout import name_key, record_key
from holdall.results.record import at
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.types import StorageReference

if TYPE_CHECKING:
    from pathlib import Path

    from holdall.maintenance.copy_report import CopyReport


@pytest.fixture
def wall(place: Path) -> Path:
    """A file where the folder of the storage should be."""
    path = place / "wall"
    path.write_text("")
    return path


@pytest.fixture
def kept(wall: Path) -> list[str]:
    """Keys of what is in the spool: a small result, and a large one that is cached and has a name."""
    block = LocalFileSystem(basepath=wall / "results", on_failure="spool")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HoldallWarning)
        small = task(result_storage=block, return_state=True)(lambda: [1])()
        task(result_storage=block, cache_key_fn=lambda *_: "k", result_storage_key="big.pkl", on_storage_error="run")(
            lambda: "x" * 20_000
        )()
    return [small.reference.key, name_key("big.pkl"), record_key("k")]


def pushed(**more: Any) -> list[CopyReport]:
    return list(push(settings.current(), **more))


def in_spool() -> list[str]:
    return [meta.key for folder in spool.folders(settings.current().home) for meta in folder.scan()]


def test_nothing_to_send(place: Path) -> None:
    """No spool, no storage asked."""
    assert place.is_dir()
    assert [] == pushed()


def test_what_is_sent_is_there_and_no_longer_here(kept: list[str], wall: Path) -> None:
    """Every record, the payload, the readable copy; reads ask the storage from then on."""
    wall.unlink()
    (done,) = pushed()

    assert done.complete
    assert sorted(kept) == sorted(each.key for each in done.items)
    assert [] == in_spool()
    assert "x" * 20_000 == load_result(key="big.pkl") == load_result(key=kept[2], storage=wall / "results")
    assert (wall / "results" / "big.pkl_.pkl").stat().st_size > 20_000
    assert [] == pushed()


@pytest.mark.usefixtures("kept")
def test_hits_are_quick_again_once_all_is_sent(wall: Path) -> None:
    """Folders without a result in them are no reason to look into the spool."""
    home = settings.current().home
    assert spool.may_hold(home)
    wall.unlink()
    pushed()

    assert not spool.may_hold(home)


def test_it_stays_while_the_storage_is_away(kept: list[str], wall: Path) -> None:
    """Each says why; then the next time sends it."""
    before = in_spool()
    (done,) = pushed()

    assert not done.complete
    assert {"failed"} == {each.what for each in done.items}
    assert all("a file stands where a folder is needed" in str(each.problem) for each in done.items)
    assert before == in_spool()
    wall.unlink()
    (again,) = pushed()
    assert len(kept) == again.count("copied")


def test_a_dry_run_lists_and_asks_nobody(kept: list[str]) -> None:
    """The storage is away, and that is no matter."""
    before = in_spool()
    (done,) = pushed(dry_run=True)

    assert sorted(kept) == sorted(each.key for each in done.items)
    assert before == in_spool()


def test_one_storage_alone(kept: list[str], wall: Path, place: Path) -> None:
    """By any way to the place."""
    wall.unlink()
    elsewhere, there = (place_of(LocalFileSystem(basepath=each)) for each in (place / "other", wall / "results"))

    assert [] == pushed(only=[elsewhere])
    (done,) = pushed(only=[elsewhere, there])
    assert len(kept) == done.count("copied")


@pytest.mark.usefixtures("kept")
def test_a_younger_result_stays(wall: Path) -> None:
    """Another machine has computed it since; the spool's is given up."""
    wall.unlink()
    ResultStore(Directory(str(wall / "results")), PickleCodec()).write("younger", key=record_key("k"))
    (done,) = pushed()

    assert 1 == done.count("newer")
    assert done.complete
    assert [] == in_spool()
    assert "younger" == load_result(key=record_key("k"), storage=wall / "results")


def test_a_damaged_result_stays_and_the_others_go(kept: list[str], wall: Path, place: Path) -> None:
    """It is told, and never sent."""
    (payload,) = (place / "home" / "spool").glob("*/payloads/*/*.pkl")
    payload.write_bytes(payload.read_bytes()[:-1] + b"?")
    wall.unlink()
    (done,) = pushed()

    assert [kept[0]] == [each.key for each in done.items if each.removed]
    assert all("is damaged" in str(each.problem) for each in done.items if not each.removed)
    with pytest.raises(CorruptResultError):
        load_result(key="big.pkl")


def test_a_slug_that_means_nothing_here_is_told(kept: list[str], place: Path, wall: Path) -> None:
    """What it held stays, and the place itself may be named."""
    assert kept
    (folder,) = spool.folders(str(place / "home"))
    for key in [each for each in in_spool() if "payloads" not in each and each != "big.pkl"]:
        data = bytes(folder.get(key))
        folder.put(key, [at(data, StorageReference(slug="s3/gone", type="s3", location={"bucket_path": "b"}))])
    (done,) = pushed()

    assert "s3/gone" in str(done.problem)
    assert not done.complete
    assert in_spool()


@pytest.mark.usefixtures("kept", "wall")
def test_a_rebuilt_catalog_forgets_nothing_that_is_in_the_spool(place: Path) -> None:
    """Its storage is the truth, and has not got it yet."""
    (place / "wall").unlink()
    there = place_of(LocalFileSystem(basepath=place / "wall" / "results"))
    there.storage.put("notes.txt", [b"not empty"])
    before = open_catalog(settings.current()).references()
    rebuild([there], open_catalog(settings.current()), settings=settings.current())

    assert before == open_catalog(settings.current()).references()
    assert 2 == len(before)


def test_house_keeping_takes_debris_and_no_result(kept: list[str], place: Path) -> None:
    """A killed writer's file and a payload without a record go in time; results stay, expired or not."""
    (folder,) = spool.folders(str(place / "home"))
    old = time.time() - 3 * 86_400
    unique = f"{int(old * 1000):012x}{new_id()[12:]}"
    payload = f"payloads/{unique[-5:-3]}/{unique}.pkl"
    folder.put(payload, [b"x"])
    debris = f"{folder.base}/results/.holdall-tmp-{unique}"
    before = in_spool()
    for path in (f"{folder.base}/{payload}", debris):
        with open(path, "ab"):
            os.utime(path, (old, old))
    done = collect(place_of(folder), grace=86_400)

    assert ["payload"] == [each.what for each in done.removed if each.key == payload]
    assert [each for each in before if each != payload] == in_spool()
    assert set(kept) <= set(in_spool())
