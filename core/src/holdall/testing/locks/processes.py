"""Holders of locks in other processes; a program that the lock contract runs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.lock import LockManager


class Holder:
    """Process that holds a key until it is killed."""

    def __init__(self, process: subprocess.Popen[bytes], token: int) -> None:
        self.token = token
        self._process = process

    def kill(self) -> None:
        """Sends SIGKILL and waits for the end of the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def held_elsewhere(locks: LockManager, key: str, /, *, environment: Mapping[str, str]) -> Iterator[Holder]:
    """Starts a process that holds the key until the `with` block ends or it is killed."""
    with _started(locks, key, "", 0, environment) as process:
        try:
            yield Holder(process, int(_read_line(process)))
        finally:
            process.kill()


def race(
    locks: LockManager, key: str, file: Path, processes: int, rounds: int, /, *, environment: Mapping[str, str]
) -> tuple[int, list[int]]:
    """Lets processes count in one file under the lock; returns the count and their tokens."""
    file.write_text("0")
    started = [_started(locks, key, str(file), rounds, environment) for _ in range(processes)]
    said = [process.communicate() for process in started]
    assert [0] * processes == [process.returncode for process in started], said
    return int(file.read_text()), [int(token) for out, _ in said for token in out.split()]


def _started(
    locks: LockManager, key: str, file: str, rounds: int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 - this interpreter, this module
        [sys.executable, "-W", "error", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None
    process.stdin.write(pickle.dumps((sys.path, pickle.dumps(locks), key, file, rounds)))
    process.stdin.flush()
    return process


def _read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, error = process.communicate()
        raise AssertionError(f"the other process did not get the lock: {error.decode(errors='replace')}")
    return line


def _hold(locks: LockManager, key: str) -> None:
    lease = locks.acquire(key, timeout=20)
    assert lease is not None
    print(lease.token, flush=True)
    sys.stdin.read()  # until it is killed


def _count(locks: LockManager, key: str, file: Path, rounds: int) -> None:
    for _ in range(rounds):
        lease = locks.acquire(key, timeout=60)
        assert lease is not None
        with lease:
            file.write_text(str(int(file.read_text()) + 1))
            print(lease.token)


if __name__ == "__main__":
    # The path comes first: the class of the manager may lie anywhere on it.
    path, pickled, name, counted, times = pickle.load(sys.stdin.buffer)
    sys.path[:] = path
    if times:
        _count(pickle.loads(pickled), name, Path(counted), times)
    else:
        _hold(pickle.loads(pickled), name)
