"""`holdall gc`: what it says, and what it takes for a time."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from holdall.ids import new_id, shard

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

LABEL = "local-file-system:<tmp>/project/.holdall-results"


@pytest.fixture
def orphan(ran: ModuleType, work: Path) -> Path:
    """A payload of two days ago that no record names."""
    assert ran is not None
    moment = time.time() - 2 * 86_400
    unique = f"{int(moment * 1000):012x}{new_id()[12:]}"
    path = work / ".holdall-results" / "payloads" / shard(unique) / f"{unique}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 1500)
    os.utime(path, (moment, moment))
    return path


def test_says_what_it_removed(holdall: Any, orphan: Path, plain: Any) -> None:
    """One sentence for each kind; a second time there is nothing."""
    dry = holdall("gc", "--dry-run")

    assert orphan.exists()
    first = holdall("gc")
    second = holdall("gc")
    elsewhere = "local-file-system:<tmp>/project/elsewhere: nothing to remove.\n"
    name = orphan.relative_to(orphan.parents[2]).as_posix()

    assert (f"{LABEL}: 1 object that no record names would be removed, 1.5 kB.\n  {plain(name)}\n{elsewhere}") == plain(
        dry.stdout
    )
    assert f"{LABEL}: 1 object that no record names removed, 1.5 kB.\n{elsewhere}" == plain(first.stdout)
    assert f"{LABEL}: nothing to remove.\n{elsewhere}" == plain(second.stdout)
    assert (0, "") == (first.exit_code, first.stderr)
    assert not orphan.exists()


def test_says_the_same_as_json(holdall: Any, orphan: Path) -> None:
    """Sizes are in bytes, the grace in seconds."""
    found = json.loads(holdall("gc", "--json", "--grace", "12h").stdout)

    assert {"dry_run", "grace", "bytes", "storages", "unopened"} == set(found)
    assert (False, 43_200.0, 1500) == (found["dry_run"], found["grace"], found["bytes"])
    assert [{"label", "bytes", "removed", "young", "expired_left", "held", "problem"}] * 2 == [
        set(each) for each in found["storages"]
    ]
    assert [{"what": "payload", "key": orphan.relative_to(orphan.parents[2]).as_posix(), "size": 1500}] == found[
        "storages"
    ][0]["removed"]


@pytest.mark.parametrize(
    ("grace", "goes"), [("3d", False), ("49h", False), ("1w", False), ("47h", True), ("1.5d", True), ("90", True)]
)
def test_the_grace_is_a_time(holdall: Any, orphan: Path, grace: str, goes: bool) -> None:
    """A number and a unit, or seconds."""
    assert 0 == holdall("gc", "--grace", grace, "--storage", "./.holdall-results").exit_code
    assert goes != orphan.exists()


@pytest.mark.parametrize("grace", ["soon", "-1d", "1y", ""])
def test_what_is_no_time_is_refused(holdall: Any, orphan: Path, grace: str) -> None:
    """Before anything is looked at."""
    found = holdall("gc", f"--grace={grace}")

    assert 2 == found.exit_code
    assert "is no duration" in found.stderr
    assert orphan.exists()


def test_a_record_that_cannot_be_read_keeps_payloads(holdall: Any, orphan: Path, work: Path) -> None:
    """It says which and what to do; when that is done, all goes."""
    record = next((work / ".holdall-results" / "results").rglob("*.json"))
    record.write_bytes(b"")
    found = holdall("gc")
    key = record.relative_to(work / ".holdall-results").as_posix()

    assert 1 == found.exit_code
    assert orphan.exists()
    assert "payloads that no record names were left" in found.stderr
    assert key in found.stderr
    holdall("result", "delete", key, "--storage", "./.holdall-results", "--yes")

    assert 0 == holdall("gc").exit_code
    assert not orphan.exists()


def test_looking_makes_no_catalog(holdall: Any, work: Path, tmp_path: Path) -> None:
    """Where nothing is known it says so."""
    assert work.is_dir()
    found = holdall("gc")

    assert "No storage is known here, so there is nothing to tidy. Name one with --storage.\n" == found.stdout
    assert not (tmp_path / "home").exists()


@pytest.mark.filterwarnings("ignore::holdall.HoldallWarning")
def test_the_spool_is_tidied_and_its_results_stay(
    holdall: Any, pipeline: ModuleType, work: Path, tmp_path: Path
) -> None:
    """Expired or not: they are nowhere else."""
    (work / "elsewhere").write_text("")
    short = pipeline.total.with_options(
        result_storage="./elsewhere", on_storage_error="run", cache_expiration=timedelta(microseconds=1)
    )
    short([1, 2])
    (spooled,) = [each for each in (tmp_path / "home" / "spool").iterdir() if each.is_dir()]
    before = {each for each in spooled.rglob("*") if each.is_file()}
    moment = time.time() - 2 * 86_400
    unique = f"{int(moment * 1000):012x}{new_id()[12:]}"
    path = spooled / "payloads" / shard(unique) / f"{unique}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (moment, moment))
    found = holdall("gc", "--expired", "--grace", "0")

    assert "1 object that no record names removed, 1 byte." in found.stdout
    assert before
    assert before == {each for each in spooled.rglob("*") if each.is_file()}
