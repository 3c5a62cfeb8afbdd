"""Kills a writer at random moments and lets another run follow each time; prints what went wrong as JSON.

Each writer is a fork of this lean process, which has imported everything and opened nothing: 3 ms instead of 100.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from work import CACHED, everything

import holdall.builtin.filelock
import holdall.builtin.sqlite.catalog
import holdall.results.load  # noqa: F401 - as above: imported before the forks

if TYPE_CHECKING:
    from collections.abc import Callable


def forked(body: Callable[[], None], said: int) -> int:
    """The id of a child that does `body` and leaves with 0; what it raises goes to `said`."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        body()
        code = 0
    except BaseException:  # noqa: BLE001 - the child's only way to tell
        os.write(said, traceback.format_exc().encode())
    finally:
        os._exit(code)


def tidy(storage: Path) -> None:
    """What a collector of garbage would do, with no grace at all; nobody writes meanwhile, and the reader reads on."""
    for own in (storage / "results").rglob("*.json"):
        own.unlink()
    records = [*(storage / "cache").rglob("*.json"), *(storage / "names").rglob("*.json")]
    named = {path for record in records for path in re.findall(rb"payloads/[0-9a-f/]+\.pkl", record.read_bytes())}
    for payload in (storage / "payloads").rglob("*.pkl"):
        if str(payload.relative_to(storage)).encode() not in named:
            payload.unlink()


def main(storage: Path, kills: int, seed: int) -> None:
    """Kill, then look whether the next run goes as if nothing had happened."""
    chance = random.Random(seed)
    log = os.open(storage.parent / "children.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    failed: list[str] = []
    finished = 0

    def write() -> None:
        n = 0
        while True:
            everything(n, storage)
            n += 1

    def follow() -> None:
        warnings.simplefilter("error")
        assert everything(-1, storage) == 4 + CACHED
        sys.modules["holdall.catalog.open"].close_catalogs()

    slowest = 0.0
    usual, usual_home = storage, os.environ["HOLDALL_HOME"]
    for number in range(kills):
        fresh = number % 4 == 3  # killed while it makes its folders, its catalog, its locks
        storage = usual.parent / f"fresh-{number}" / "results" if fresh else usual
        os.environ["HOLDALL_HOME"] = str(storage.parent / "home") if fresh else usual_home
        writer = forked(write, log)
        time.sleep(chance.random() * 0.03 if fresh else chance.random() ** 2 * 0.12)
        os.kill(writer, signal.SIGKILL)
        _, status = os.waitpid(writer, 0)
        if not os.WIFSIGNALED(status):
            failed.append(f"the writer of kill {number} ended by itself")
        started = time.monotonic()
        _, status = os.waitpid(forked(follow, log), 0)
        slowest = max(slowest, time.monotonic() - started)
        if status:
            failed.append(f"the run after kill {number} failed")
        else:
            finished += 1
        if fresh:
            shutil.rmtree(storage.parent)
        elif number % 10 == 8:
            tidy(storage)
    print(json.dumps({"failed": failed, "finished": finished, "slowest": slowest}))


main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
