"""Contract of a lock manager, as tests to inherit.

```python
class TestMyLocks(LockContract):
    @pytest.fixture
    def locks(self):
        return MyLockManager(...)      # with no key taken
```

Class attributes say what a lock cannot do, or how much work a test may be.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

from holdall.testing.locks.processes import held_elsewhere, race

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from holdall.abc.lock import Lease, LockManager

_SOON = 20.0


class LockContract:
    """Contract of a lock manager: subclass with one fixture, `locks`, a manager that pickles and has no key taken."""

    expires_after: ClassVar[float] = 0.0
    """Seconds that the lease of a dead holder stays in force; 0 where it ends with its process."""
    shared_between_processes: ClassVar[bool] = True
    threads: ClassVar[int] = 8
    processes: ClassVar[int] = 3
    rounds: ClassVar[int] = 5
    """Times that each of them takes the lock."""

    def environment(self) -> Mapping[str, str]:
        """Environment variables with the secrets that a pickled manager does not contain."""
        return {}

    def test_one_holder_at_a_time(self, locks: LockManager) -> None:
        """A taken key gives None, at once or when the time is up, in the same thread too; other keys are free."""
        with taken(locks, "key"):
            assert locks.acquire("key", timeout=0) is None
            assert locks.acquire("key", timeout=0.05) is None
            taken(locks, "another/key").release()

        taken(locks, "key").release()

    def test_tokens_grow(self, locks: LockManager) -> None:
        """Each holder of a key has a greater token than those before, and knows it after its release."""
        leases = []
        for _ in range(4):
            with taken(locks, "key") as lease:
                leases.append(lease)
        tokens = [lease.token for lease in leases]

        assert sorted(set(tokens)) == tokens

    def test_a_holder_knows_that_it_holds(self, locks: LockManager) -> None:
        """`held` is true from the start, and after a `refresh`."""
        with taken(locks, "key") as lease:
            assert lease.held

            lease.refresh()

            assert lease.held
            assert locks.acquire("key", timeout=0) is None

    def test_release_is_idempotent_and_free_of_threads(self, locks: LockManager) -> None:
        """Any thread may release, more than once; a late second release, or a refresh, takes nothing from the next."""
        lease = taken(locks, "key")
        thread = threading.Thread(target=lease.release)
        thread.start()
        thread.join()
        with taken(locks, "key") as following:
            lease.release()
            lease.refresh()

            assert locks.acquire("key", timeout=0) is None

            following.refresh()

            assert following.held

    def test_a_waiter_without_a_limit_waits(self, locks: LockManager) -> None:
        """`timeout=None` waits for as long as it takes."""
        lease = taken(locks, "key")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(locks.acquire, "key")
            lease.release()
            following = waiting.result(_SOON)

        assert following is not None
        assert following.token > lease.token
        following.release()

    def test_threads_exclude_each_other(self, locks: LockManager) -> None:
        """Of many threads one is inside, all get in, and no token is given twice."""
        inside: list[int] = []
        tokens: list[int] = []

        def work(number: int) -> None:
            for _ in range(self.rounds):
                with taken(locks, "key", seconds=60) as lease:
                    inside.append(number)
                    tokens.append(lease.token)
                    assert [number] == inside
                    inside.remove(number)

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(work, range(self.threads)))

        assert self.threads * self.rounds == len(tokens)
        assert sorted(set(tokens)) == tokens

    def test_a_living_holder_stays(self, locks: LockManager) -> None:
        """However long it takes: whoever waits for twice the time in which a dead holder would be gone, waits in vain."""
        with taken(locks, "key") as lease:
            assert locks.acquire("key", timeout=2 * self.expires_after) is None
            assert lease.held

    def test_a_dead_holder_is_followed(self, locks: LockManager) -> None:
        """Nobody gets in while another process holds the key; it is killed, and somebody does, with a greater token."""
        if not self.shared_between_processes:
            return
        with held_elsewhere(locks, "key", environment=self.environment()) as holder:
            assert locks.acquire("key", timeout=0) is None

            holder.kill()
            with taken(locks, "key", seconds=self.expires_after + _SOON) as lease:
                assert holder.token < lease.token

    def test_processes_exclude_each_other(self, locks: LockManager, tmp_path: Path) -> None:
        """Spawned processes that count in one file lose no count, and no token is given twice."""
        if not self.shared_between_processes:
            return
        counted, tokens = race(
            locks, "key", tmp_path / "count", self.processes, self.rounds, environment=self.environment()
        )

        assert self.processes * self.rounds == counted == len(set(tokens))


def taken(locks: LockManager, key: str, /, *, seconds: float = _SOON) -> Lease:
    """Acquires a key that is free or becomes so; fails the test if it does not."""
    lease = locks.acquire(key, timeout=seconds)
    assert lease is not None, f"{key!r} did not come free in {seconds:g} s"
    return lease
