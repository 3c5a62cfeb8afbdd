"""A plain task call in a flow, run record included; and 1,000 of them mapped over 4 threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from timing import Row, interleaved

from holdall import flow, task
from holdall.builtin.threads import ThreadRunner

if TYPE_CHECKING:
    from pathlib import Path

CALLS, MAPPED = 20_000, 1_000


def bare(number: int) -> int:
    return number


plain = task(bare)


@flow
def called() -> None:
    for number in range(CALLS):
        plain(number)


@flow(task_runner=ThreadRunner(max_workers=4))
def mapped() -> list[int]:
    return plain.map(range(MAPPED)).result()


def measure(directory: Path) -> list[Row]:
    del directory

    def loop() -> float:
        started = time.perf_counter()
        for number in range(CALLS):
            bare(number)
        return (time.perf_counter() - started) / CALLS * 1e6

    def in_flow() -> float:
        started = time.perf_counter()
        called()
        return (time.perf_counter() - started) / CALLS * 1e6

    def pool() -> float:
        started = time.perf_counter()
        with ThreadPoolExecutor(4) as threads:
            futures = [threads.submit(bare, number) for number in range(MAPPED)]
            assert [future.result() for future in futures] == list(range(MAPPED))
        return (time.perf_counter() - started) / MAPPED * 1e6

    def parallel() -> float:
        import joblib

        started = time.perf_counter()
        joblib.Parallel(4, prefer="threads")(joblib.delayed(bare)(number) for number in range(MAPPED))
        return (time.perf_counter() - started) / MAPPED * 1e6

    def map_in_flow() -> float:
        started = time.perf_counter()
        assert mapped() == list(range(MAPPED))
        return (time.perf_counter() - started) / MAPPED * 1e6

    calls = interleaved({"raw": loop, "holdall": in_flow}, rounds=7)
    maps = interleaved({"raw": pool, "holdall": map_in_flow, "joblib": parallel}, rounds=9)
    return [
        Row(title="A plain task call in a flow, its run record written", unit="us", rounds=calls, target="raw + 15 us"),
        Row(title="1,000 trivial tasks mapped over 4 threads, each", unit="us", rounds=maps, target="3x"),
    ]
