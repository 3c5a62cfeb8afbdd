"""One of several processes that ask for the same cold key at once; prints the value and how long it waited."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from holdall import task

storage = Path(sys.argv[1])


@task(cache_key_fn=lambda *_: "cold", result_storage=storage)
def slow() -> int:
    """Leaves a mark for each time that it runs."""
    (storage.parent / f"ran-{os.getpid()}").touch()
    time.sleep(1)
    return os.getpid()


print("ready", flush=True)
sys.stdin.readline()
started = time.monotonic()
value = slow()
print(json.dumps([value, time.monotonic() - started]))
