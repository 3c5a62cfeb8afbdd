"""Self-test of a storage: tries each operation that holdall needs, with a verdict for each."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from holdall.errors import HoldallError, KeyExists, KeyMissing, StorageError
from holdall.ids import new_id
from holdall.storage.guard import guard
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.abc.storage import Storage
    from holdall.storage.guard import GuardedStorage

Outcome = Literal["ok", "warning", "failed", "skipped"]

CHECKS: Final = ("reach", "list", "write", "read", "range", "create", "delete", "latency", "throughput")
_PREFIX: Final = "holdall-check-"
"""Keys of one segment, so that no folder is left in a file system."""
_BYTES: Final = 1024
_ROUNDS: Final = 5
_SIZES: Final = (1 << 18, 1 << 21, 1 << 24)
_QUICK: Final = 0.25
"""Seconds: only what took less is tried eight times as large, so that a slow line is measured in a few seconds too."""
_NO_LOCKS: Final = (
    "Results are kept and read as elsewhere, but nothing can lock here: callers of one cache key on several machines may "
    "each compute it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Outcome of one of the `CHECKS`.

    `message` says what was found and, unless it is `ok`, what to do. With a `warning`, the storage can be used;
    `skipped` was not tried, because of another failure. `seconds` is how long it took.
    """

    check: str
    outcome: Outcome
    message: str
    seconds: float = 0.0


def check(storage: Storage, /) -> Iterator[Verdict]:
    """Tries everything, in the order of `CHECKS`, and deletes what it writes. Errors of the storage are verdicts."""
    trial = _Trial(guard(storage))
    try:
        yield from trial.verdicts()
    finally:
        trial.clean_up()


class _Answer(Exception):  # noqa: N818 - an outcome that is neither well nor an error of the storage
    """Ends a check with an outcome."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message


class _Trial:
    """One test of a storage; `left` are the keys that it may have left there."""

    def __init__(self, storage: GuardedStorage) -> None:
        self.storage = storage
        self.base = f"{_PREFIX}{new_id()}"
        self.data = os.urandom(_BYTES)
        self.left: set[str] = set()
        self.passed: dict[str, bool] = {}
        self.dead = False

    def verdicts(self) -> Iterator[Verdict]:
        tries: dict[str, Callable[[], str]] = {
            "reach": self.reach,
            "list": self.list,
            "write": self.write,
            "read": self.read,
            "range": self.range,
            "create": self.create,
            "delete": self.delete,
            "latency": self.latency,
            "throughput": self.throughput,
        }
        for name, call in tries.items():
            why_not = self._why_not(name)
            verdict = (
                self._tried(name, call) if why_not is None else Verdict(check=name, outcome="skipped", message=why_not)
            )
            self.passed[name] = verdict.outcome in {"ok", "warning"}
            yield verdict

    def _why_not(self, name: str) -> str | None:
        if self.dead:
            return "not tried: the storage cannot be reached"
        if name in {"reach", "list", "write", "read"}:
            return None
        if not self.passed["write"]:
            return "not tried: nothing could be written"
        if name in {"latency", "throughput"} and not self.passed["delete"]:
            return "not tried: what it writes could not be deleted"
        if name in {"range", "latency", "throughput"} and not self.passed["read"]:
            return "not tried: nothing could be read"
        return None

    def _tried(self, name: str, call: Callable[[], str]) -> Verdict:
        started = time.perf_counter()
        outcome: Outcome = "ok"
        try:
            message = call()
        except _Answer as answer:
            outcome, message = answer.outcome, answer.message
        except HoldallError as error:
            outcome, message = "failed", str(error)
            # Every further check of a storage that cannot be reached would wait for its timeouts.
            self.dead = isinstance(error, StorageError) and error.transient
        return Verdict(check=name, outcome=outcome, message=message, seconds=time.perf_counter() - started)

    def reach(self) -> str:
        with suppress(KeyMissing):
            self.storage.head(self.base)
            raise _Answer("failed", f"{self.base} was never written, and the storage says that it is there")
        return "it answers, and says of a key that is not there that it is absent"

    def list(self) -> str:
        found = [meta.key for meta in self.storage.scan(self.base)]
        if found:
            raise _Answer("failed", f"it lists {found[0]}, which was never written")
        return "it can be listed"

    def write(self) -> str:
        self._put(self.base, self.data)
        return "an object was written"

    def read(self) -> str:
        if self.passed["write"]:
            self._expect(self.storage.get(self.base), self.data)
            return "the object reads as it was written"
        try:
            self.storage.get(self.base)
        except KeyMissing:
            return "it may be read; there was nothing to try it on, as nothing could be written"
        raise _Answer("failed", "an object is there that could not be written")

    def range(self) -> str:
        self._expect(self.storage.get(self.base, byte_range=ByteRange(100, 200)), self.data[100:200])
        return "a part of the object reads as it was written"

    def create(self) -> str:
        key = f"{self.base}-create"
        try:
            self._put(key, self.data, create=True)
        except KeyExists:
            raise _Answer("failed", f"{key} was never written, and the storage says that it is taken") from None
        except StorageError as error:
            if error.transient:
                raise
            raise _Answer("warning", f"{error} {_NO_LOCKS}.") from error
        try:
            self._put(key, self.data, create=True)
        except KeyExists:
            return "of two who create one key, the second is refused"
        raise _Answer(
            "warning",
            f"the storage ignores the condition: of two who create one key, both are told that they did. {_NO_LOCKS}. "
            "Use a storage that honours it (If-None-Match) where that matters",
        )

    def delete(self) -> str:
        for key in sorted(self.left):
            self._remove(key)
        if self.storage.exists(self.base):
            raise _Answer("failed", f"{self.base} is still there after it was deleted. Delete it by hand")
        return "the object was deleted"

    def latency(self) -> str:
        written, read = [], []
        for number in range(_ROUNDS):
            key = f"{self.base}-{number}"
            started = time.perf_counter()
            self._put(key, self.data)
            between = time.perf_counter()
            self._expect(self.storage.get(key), self.data)
            written.append(between - started)
            read.append(time.perf_counter() - between)
            self._remove(key)
        return f"{_number(median(written) * 1000)} ms to write 1 kB, {_number(median(read) * 1000)} ms to read it"

    def throughput(self) -> str:
        key = f"{self.base}-large"
        message = ""
        for size in _SIZES:
            data = os.urandom(size)
            started = time.perf_counter()
            self._put(key, data)
            between = time.perf_counter()
            self._expect(self.storage.get(key), data)
            ended = time.perf_counter()
            written, read = size / 1e6 / (between - started), size / 1e6 / (ended - between)
            message = f"{_number(written)} MB/s written, {_number(read)} MB/s read, one object of {size / 1e6:.1f} MB"
            if ended - started > _QUICK:
                break
        self._remove(key)
        return message

    def _put(self, key: str, data: bytes, *, create: bool = False) -> None:
        self.left.add(key)
        self.storage.put(key, [data], mode="create" if create else "overwrite")

    def _remove(self, key: str) -> None:
        self.storage.delete(key)
        self.left.discard(key)

    def _expect(self, found: bytes | bytearray | memoryview, expected: bytes) -> None:
        if found != expected:
            raise _Answer(
                "failed",
                f"other bytes came back than were written ({len(found)} of {len(expected)}). Do not keep results here",
            )

    def clean_up(self) -> None:
        for key in sorted(self.left):
            with suppress(HoldallError):  # the check that failed on it has said so
                self._remove(key)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
