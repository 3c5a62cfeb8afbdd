"""One of several processes that want the same missing key: `cold.py`. It leaves a file for each run of the body."""

from __future__ import annotations

import os
import time

from holdall import task


@task(cache_key_fn=lambda *_: "cold", result_storage="./results")
def slow() -> dict[str, int]:
    with open(f"ran-{os.getpid()}", "w", encoding="ascii"):
        pass
    time.sleep(1)
    return {"a": 1}


assert slow() == {"a": 1}
