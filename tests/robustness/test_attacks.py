"""Clocks, names, threads, forks and folders that misbehave in the middle of runs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import textwrap
import threading
import time
import warnings
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from holdall import (
    ConfigurationError,
    HoldallError,
    HoldallWarning,
    MissingResultError,
    flow,
    load_result,
    settings,
    task,
)
from holdall.abc.lock import LEASE_SECONDS
from holdall.cache import INPUTS
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Start = Callable[..., subprocess.Popen[str]]


def listed(n: int) -> list[int]:
    return [n]


kept = task(persist_result=True)(listed)


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("back", [3600.0, 86400 * 365 * 60.0])
def test_a_clock_that_goes_back_loses_nothing(back: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs before and after, the epoch included: all recorded, all readable, hits are hits."""
    ran = []
    cached = task(cache_key_fn=lambda *_: "key", cache_expiration=timedelta(seconds=60))(lambda: ran.append(1) or [1])
    cached()
    earlier = kept.with_options(return_state=True)(1)
    now, ticks = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now() - back)
    monkeypatch.setattr(time, "time_ns", lambda: ticks() - int(back * 1e9))
    later = kept.with_options(return_state=True)(2)
    cached()
    recorder_for(open_catalog(settings.current())).flush()

    assert [1] == ran
    assert [[1], [2]] == [load_result(run=each.run_id) for each in (earlier, later)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", ["täsk 日本 🎉", "a\nb", "nul\0", "\ud800", "", "x" * 1_000_000, "../../up", "/abs"])
def test_any_text_is_a_cache_key(key: str) -> None:
    """It is digested, so no file system ever sees it."""
    ran = []
    cached = task(cache_key_fn=lambda *_: key)(lambda: ran.append(1) or [1])

    assert [[1], [1]] == [cached(), cached()]
    assert [1] == ran


@pytest.mark.parametrize("key", ["a\nb", "../up", "/abs", "nul\0", "\ud800", "a//b", "x" * 300, ".locks/x", "con", ""])
def test_a_name_that_no_storage_takes_is_refused_and_loses_nothing(key: str, tmp_path: Path) -> None:
    """A `result_storage_key` from parameters is no way out of the base path."""
    made = task(result_storage_key="{parameters[name]}", result_storage=tmp_path / "a" / "b")(lambda name: [name])
    with pytest.raises(HoldallError) as caught:
        made(key)

    assert isinstance(caught.value, ConfigurationError) or [key] == caught.value.value  # type: ignore[attr-defined]
    assert ["b"] >= [each.name for each in (tmp_path / "a").glob("*")]


def test_ten_thousand_levels_end_in_an_error_or_a_value() -> None:
    """Never in a crash: as an input, as a result of each serializer, under a flow that retries."""
    deep = nested(10_000)
    for serializer in ("pickle", "json", "msgpack", "compressed/pickle"):
        with pytest.raises(HoldallError, match="nested deeper") as caught:
            kept.with_options(result_serializer=serializer).__class__(lambda _: deep, kept.options)(1)
        assert deep is caught.value.value  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        task(cache_policy=INPUTS)(len)(deep)

    assert 1 == task(len)(deep)
    assert 1 == flow(retries=1)(lambda: kept.__class__(len, kept.options)(deep))()
    assert 1 == flow(lambda: task(len).submit(deep).result())()


def test_two_flows_in_threads_keep_their_runs_apart() -> None:
    """Each task run belongs to the flow run that called it."""

    @flow
    def around(count: int) -> list[list[int]]:
        return [kept(n) for n in range(count)]

    threads = [threading.Thread(target=around, args=[count]) for count in (40, 60)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    runs = open_catalog(settings.current()).runs(limit=1000)
    flows = [run.id for run in runs if run.kind == "flow"]

    assert [40, 60] == sorted(sum(run.flow_run_id == each for run in runs) for each in flows)


@pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_flow_runs_on_both_sides() -> None:
    """With futures under way: the child keeps and reads, and the parent goes on as if nothing had been."""

    @flow
    def around() -> list[Any]:
        future = task(lambda: time.sleep(0.1) or [0]).submit()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if kept(1) == [1] else 2
                recorder_for(open_catalog(settings.current())).flush()
            finally:
                os._exit(code)
        return [os.waitpid(child, 0)[1], future.result(), kept(2)]

    assert [0, [0], [2]] == around()
    assert 2 == len(open_catalog(settings.current()).references())


def test_event_loops_in_threads_share_one_process() -> None:
    """Three loops with coroutines and submitted threads, and one cold key that all of them want."""
    ran = []

    @task(cache_key_fn=lambda *_: "cold")
    async def cold() -> list[int]:
        ran.append(1)
        await asyncio.sleep(0.05)
        return [1]

    @flow
    async def around() -> int:
        found = await asyncio.gather(*(cold() for _ in range(20)))
        futures = [kept.submit(n) for n in range(10)]
        return len(found) + len([await each for each in futures])

    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(asyncio.run(around()))) for _ in range(3)]
    started = time.monotonic()
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert [30] * 3 == answers
    assert [1] == ran
    assert time.monotonic() - started < LEASE_SECONDS


def test_a_task_that_changes_directory_moves_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative places are those of the moment when the outermost run started, also where that folder is left."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    @flow
    def around() -> None:
        kept(1)
        monkeypatch.chdir(elsewhere)
        kept(2)
        kept.with_options(result_storage="./named")(3)
        elsewhere.rmdir()
        kept(4)

    start = Path.cwd()
    around()
    with pytest.raises(ConfigurationError, match="working directory of this process has been removed"):
        kept(5)
    monkeypatch.chdir(start)

    assert not elsewhere.exists()
    assert 3 == len(list((start / ".holdall-results").rglob("*.json")))
    assert 1 == len(list((start / "named").rglob("*.json")))


def test_another_home_is_another_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go where HOLDALL_HOME points when they start; a reference needs neither."""
    first = kept.with_options(return_state=True, cache_result_in_memory=False)(1)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "second"))
    second = kept.with_options(return_state=True, cache_result_in_memory=False)(2)
    recorder_for(open_catalog(settings.current())).flush()
    with pytest.raises(MissingResultError, match="knows no run"):
        load_result(run=first.run_id)  # type: ignore[attr-defined]

    assert [2] == load_result(run=second.run_id)  # type: ignore[attr-defined]
    assert [1] == first.result()  # type: ignore[attr-defined]


def test_results_deleted_in_the_middle_of_a_run_are_made_again(tmp_path: Path) -> None:
    """What is gone is gone with a clear word; the folder is made anew for what comes."""
    storage = tmp_path / "results"
    large = task(persist_result=True, result_storage=storage, return_state=True, cache_result_in_memory=False)(bytes)
    cached = task(cache_key_fn=lambda *_: "key", result_storage=storage)(lambda: bytes(20_000))

    @flow
    def around() -> list[Any]:
        first = large(20_000)
        cached()
        shutil.rmtree(storage)
        with pytest.raises(MissingResultError, match="There is no result under"):
            first.result()  # type: ignore[attr-defined]
        return [len(large(30_000).result()), len(cached()), len(cached())]  # type: ignore[attr-defined]

    assert [30_000, 20_000, 20_000] == around()


def test_an_interpreter_that_ends_while_futures_run_keeps_what_they_kept(program: Start, tmp_path: Path) -> None:
    """Submitted outside any flow and waited for by nobody: done, kept and recorded before the process is gone."""
    script = """
        import sys, time
        from holdall import task
        kept = task(persist_result=True, result_storage=sys.argv[1])(lambda n: time.sleep(0.2) or [n])
        for n in range(3):
            kept.submit(n)
    """
    out, trouble = program("-c", textwrap.dedent(script), tmp_path / "results").communicate(timeout=600)
    catalog = open_catalog(settings.current())

    assert ("", "") == (out, trouble)
    assert [[0], [1], [2]] == sorted(load_result(key=row.key) for row in catalog.references())
    assert ["completed"] * 3 == [run.state for run in catalog.runs()]


def test_a_failing_interpreter_records_its_failure(program: Start) -> None:
    """The flow that ended the process is in the catalog as failed."""
    script = "from holdall import flow\n@flow\ndef broken():\n    raise SystemExit(3)\nbroken()"
    process = program("-c", script)
    process.communicate(timeout=600)
    runs = open_catalog(settings.current()).runs()

    assert 3 == process.returncode
    assert [("broken", "cancelled", "SystemExit: 3")] == [(run.name, run.state, run.message) for run in runs]


def test_a_worker_process_that_dies_is_an_error_and_no_hang() -> None:
    """os._exit in a worker: the future fails, the flow goes on."""

    @flow(task_runner="processes")
    def around() -> tuple[str, int]:
        dead = task(os._exit).submit(7)
        try:
            dead.result()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must come
            return type(error).__name__, 1
        return "", 0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HoldallWarning)
        name, told = around()

    assert 1 == told
    assert name


def test_what_a_worker_cannot_send_back_is_told(tmp_path: Path) -> None:
    """A value that no pickle takes, computed in another process: an error that says so, not a dead pool."""

    @flow(task_runner="processes")
    def around() -> tuple[str, list[int]]:
        write = task(persist_result=True, result_storage=tmp_path / "results")
        lost = write(threading.Lock).submit()
        message = ""
        try:
            lost.result()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must come
            message = f"{type(error).__name__}: {error}"
        return message, write(listed).submit(1).result()

    message, after = around()

    assert "lock" in message
    assert [1] == after


def test_json_of_a_hostile_reference_reads_nothing_outside(tmp_path: Path) -> None:
    """A reference that somebody made up leads to an error, and to no file outside its place."""
    (tmp_path / "secret.json").write_text("{}")
    reference = {
        "type": "reference",
        "key": "../secret.json",
        "storage": {"slug": None, "type": "local-file-system", "location": {"basepath": str(tmp_path / "results")}},
        "serializer": {"type": "pickle", "options": {"picklelib": "os"}},
    }
    from holdall.results import from_json

    with pytest.raises(HoldallError, match="could leave the base path"):
        from_json(json.dumps(reference)).get()
