"""A 512 MB array of float64 written or read by one side: `arrays.py SIDE put|get`, and the memory that it added."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak, reset_peak, touch

COUNT = 64 << 20


def raw(what: str, array: Any) -> Any:
    if what == "put":
        np.save("array.tmp.npy", array)
        Path("array.tmp.npy").replace("array.npy")
        return None
    return np.load("array.npy")


def holdall(what: str, array: Any) -> Any:
    if what == "get":
        from holdall import load_result

        return load_result(storage="./results", key="array")
    from holdall import task

    return task(result_storage="./results", result_storage_key="array", cache_result_in_memory=False)(lambda: array)()


def joblib(what: str, array: Any) -> Any:
    import joblib

    if what == "put":
        joblib.dump(array, "array.joblib.tmp")
        Path("array.joblib.tmp").replace("array.joblib")
        return None
    return joblib.load("array.joblib")


def diskcache(what: str, array: Any) -> Any:
    from diskcache import Cache

    cache = Cache("diskcache", size_limit=1 << 40)
    return cache.set("array", array) if what == "put" else cache.get("array")


def main(side: str, what: str) -> None:
    chosen = {"raw": raw, "holdall": holdall, "joblib": joblib, "diskcache": diskcache}[side]
    if side == "holdall":
        import holdall as imported

        imported.task  # noqa: B018 - the import is not what is measured
    array = np.arange(COUNT, dtype="f8") if what == "put" else None
    touch(8 * COUNT)
    before = reset_peak()
    started = time.perf_counter()
    got = chosen(what, array)
    seconds = time.perf_counter() - started
    added = peak() - before
    if what == "get":
        assert got[-1] == COUNT - 1
        got[0] = 1.0  # private and writable
    print(json.dumps({"s": seconds, "extra": added / (8 * COUNT)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
