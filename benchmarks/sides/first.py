"""The first result of a process, by one side; timed from outside."""

from __future__ import annotations

import sys

side = sys.argv[1]
if side == "raw":
    import os
    import pickle

    with open("first.tmp", "wb") as file:
        pickle.dump({"a": 1}, file, 5)
    os.replace("first.tmp", "first")
elif side == "holdall":
    from holdall import task

    @task(persist_result=True)
    def first() -> dict[str, int]:
        return {"a": 1}

    first()
elif side == "diskcache":
    from diskcache import Cache

    Cache("diskcache")["first"] = {"a": 1}
elif side == "joblib":
    from joblib import Memory

    def one() -> dict[str, int]:
        return {"a": 1}

    Memory("joblib", verbose=0).cache(one)()
