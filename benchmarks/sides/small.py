"""1,000 small dicts kept, or 2,000 hits on 200 of them, by one side: `small.py SIDE put|get|same`."""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PUTS, KEYS, HITS = 1_000, 200, 2_000


def value(number: int) -> dict[str, Any]:
    return {"number": number, "name": "a small dict", "parts": [1, 2.5, None]}


def raw() -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    Path("raw").mkdir(exist_ok=True)

    def put(number: int) -> None:
        with open(f"raw/{number}.tmp", "wb") as file:
            file.write(pickle.dumps(value(number), 5))
        os.replace(f"raw/{number}.tmp", f"raw/{number}")

    def get(number: int) -> Any:
        with open(f"raw/{number}", "rb") as file:
            return pickle.loads(file.read())

    return put, get


def holdall() -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    from holdall import task

    kept = task(persist_result=True)(value)
    cached = task(cache_key_fn=lambda _, parameters: f"small-{parameters['number']}")(value)
    return kept, cached


def diskcache() -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    from diskcache import Cache

    cache = Cache("diskcache")
    return (lambda number: cache.set(number, value(number))), cache.get


def joblib() -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    from joblib import Memory

    cached = Memory("joblib", verbose=0).cache(value)
    return cached, cached


def timed(function: Callable[[int], Any], numbers: list[int]) -> float:
    started = time.perf_counter()
    for number in numbers:
        function(number)
    return (time.perf_counter() - started) / len(numbers) * 1e6


def main(side: str, what: str) -> None:
    put, get = {"raw": raw, "holdall": holdall, "diskcache": diskcache, "joblib": joblib}[side]()
    if side == "holdall":
        from holdall import flow

        around: Callable[..., Any] = flow
    else:
        around = lambda function: function  # noqa: E731 - the flow that is not there

    fill = get if side in {"holdall", "joblib"} else put

    @around
    def measured() -> float:
        if what == "put":
            return timed(put, list(range(1_000_000, 1_000_000 + PUTS)))
        if what == "same":
            for number in range(KEYS):
                fill(number)
        return timed(get, [number % KEYS for number in range(HITS)])

    @around
    def filled() -> None:
        for number in range(KEYS):
            fill(number)

    if what == "fill":
        filled()
        print(json.dumps({}))
        return
    if what == "put":
        put(0)  # opens what has to be opened
    elif what == "get":
        get(0)
    print(json.dumps({"us": measured()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
