"""The lock between processes of one machine."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from holdall.builtin.filelock import FileLockManager
from holdall.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import sys
from holdall.builtin.filelock import FileLockManager
lease = FileLockManager(lambda key: sys.argv[1] + "/" + key).acquire("key", timeout=10)
print(lease.token, flush=True)
sys.stdin.read()
lease.release()
"""

COUNT = """
import pathlib, sys
from holdall.builtin.filelock import FileLockManager
locks = FileLockManager(lambda key: sys.argv[1] + "/" + key)
total = pathlib.Path(sys.argv[1], "total")
for _ in range(20):
    with locks.acquire("key") as lease:
        total.write_text(str(int(total.read_text()) + 1))
        print(lease.token)
"""


@pytest.fixture
def locks(tmp_path: Path) -> FileLockManager:
    return FileLockManager(lambda key: str(tmp_path / "locks" / key))


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its input ends."""
    (tmp_path / "locks").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "locks")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_one_holder_at_a_time(locks: FileLockManager) -> None:
    """A taken lock gives None when the time is up, in the same thread too, and other keys are free."""
    with locks.acquire("key", timeout=0) or pytest.fail("free, and not given"):
        assert locks.acquire("key", timeout=0) is None
        assert locks.acquire("key", timeout=0.05) is None
        other = locks.acquire("deeper/other", timeout=0)
        assert other is not None
        other.release()

    again = locks.acquire("key", timeout=0)
    assert again is not None
    again.release()


def test_tokens_grow(locks: FileLockManager) -> None:
    """Each holder of a key gets a greater token than every holder before."""
    tokens = []
    for _ in range(3):
        lease = locks.acquire("key")
        assert lease is not None
        tokens.append(lease.token)
        lease.release()

    assert tokens == [1, 2, 3]


def test_a_torn_count_still_grows(locks: FileLockManager, tmp_path: Path) -> None:
    """A count that a power cut has torn is replaced by a greater one than any before."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "key.token").write_bytes(b"00000")
    first = locks.acquire("key")
    assert first is not None
    first.release()
    second = locks.acquire("key")
    assert second is not None
    second.release()

    assert first.token > 10**15
    assert second.token == first.token + 1


def test_release_is_idempotent_and_free_of_threads(locks: FileLockManager) -> None:
    """Any thread may release, more than once, and a late second release frees nobody else's lock."""
    lease = locks.acquire("key")
    assert lease is not None
    thread = threading.Thread(target=lease.release)
    thread.start()
    thread.join()
    following = locks.acquire("key", timeout=5)
    assert following is not None
    lease.release()
    lease.refresh()

    assert locks.acquire("key", timeout=0) is None
    following.release()


def test_a_waiter_without_a_limit_waits(locks: FileLockManager) -> None:
    """`timeout=None` waits for as long as it takes, also where this thread took the lease before."""
    lease = locks.acquire("key")
    assert lease is not None
    timer = threading.Timer(0.1, lease.release)
    timer.start()
    following = locks.acquire("key")
    assert following is not None
    following.release()
    timer.join()

    assert following.token == 2


def test_eight_threads(locks: FileLockManager) -> None:
    """Threads exclude each other as processes do."""
    inside: list[int] = []
    tokens: list[int] = []

    def work(number: int) -> None:
        for _ in range(5):
            with locks.acquire("key") or pytest.fail("not given") as lease:
                inside.append(number)
                tokens.append(lease.token)
                assert inside == [number]
                inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert tokens == list(range(1, 41))


def test_processes(tmp_path: Path) -> None:
    """Four processes that count in one file lose no count, and no token is given twice."""
    (tmp_path / "total").write_text("0")
    running = [
        subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate()[0].split() for process in running]

    assert [process.returncode for process in running] == [0] * 4
    assert (tmp_path / "total").read_text() == "80"
    assert sorted(int(token) for tokens in said for token in tokens) == list(range(1, 81))


def test_a_killed_holder_frees_it(locks: FileLockManager, holder: subprocess.Popen[str]) -> None:
    """SIGKILL leaves no lock behind, and the next token is greater."""
    assert holder.stdout is not None
    token = int(holder.stdout.readline())
    assert locks.acquire("key", timeout=0) is None

    holder.kill()
    lease = locks.acquire("key", timeout=5)

    assert lease is not None
    assert lease.token == token + 1
    lease.release()


def test_another_process_is_waited_for(locks: FileLockManager, holder: subprocess.Popen[str]) -> None:
    """A waiter has the lock soon after the holder lets go."""
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()
    holder.stdin.close()
    started = time.monotonic()
    lease = locks.acquire("key", timeout=10)

    assert lease is not None
    assert time.monotonic() - started < 5
    lease.release()


def test_a_place_without_locks_is_an_error(tmp_path: Path) -> None:
    """Where the lock file cannot be made, the error names it and says what to do; nothing is reported as taken."""
    (tmp_path / "file").write_text("")
    locks = FileLockManager(lambda key: str(tmp_path / "file" / key))

    with pytest.raises(StorageError, match=r"'key' cannot be taken: make .* writable") as caught:
        locks.acquire("key", timeout=0)

    assert caught.value.operation == "lock"
    assert caught.value.key == "key"
    assert caught.value.__cause__ is not None


def test_an_unreadable_count_frees_the_lock(locks: FileLockManager, tmp_path: Path) -> None:
    """A failure after the lock was taken gives it back."""
    blocked = tmp_path / "locks" / "key.token"
    blocked.mkdir(parents=True)
    with pytest.raises(StorageError):
        locks.acquire("key")
    blocked.rmdir()
    lease = locks.acquire("key", timeout=0)

    assert lease is not None
    lease.release()
