"""Processes of this machine, started fresh (spawn), so that no lock or thread of the parent is copied."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from holdall._cached import cached
from holdall.abc.runner import TaskRunner

if TYPE_CHECKING:
    from holdall.types import Call

_key: bytes | None = None


class ProcessRunner(TaskRunner):
    """Up to `max_workers` processes; by default one per core.

    A script that uses it guards its start with `if __name__ == "__main__":`, as every program that spawns processes.
    """

    slug: ClassVar[str] = "processes"
    remote: ClassVar[bool] = True

    def __init__(self, max_workers: int | None = None) -> None:
        self.max_workers = max_workers if max_workers is not None else (os.cpu_count() or 1)

    @cached
    def key(self) -> bytes:
        from cryptography.fernet import Fernet

        return Fernet.generate_key()

    @cached
    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.max_workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(self.key,)
        )

    def submit(self, call: Call, /) -> Future[Any]:
        from cloudpickle import dumps, loads

        inner = self._pool.submit(_work, dumps(call))
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()

        def arrived(done: Future[bytes]) -> None:
            try:
                outer.set_result(loads(done.result()))
            except BaseException as error:  # noqa: BLE001 - the worker died, or its answer cannot be read here
                outer.set_exception(error)

        inner.add_done_callback(arrived)
        return outer

    def shutdown(self, *, wait: bool = True) -> None:
        if "_pool" in self.__dict__:
            self._pool.shutdown(wait)

    def duplicate(self) -> ProcessRunner:
        return ProcessRunner(self.max_workers)

    def __reduce__(self) -> Any:
        return ProcessRunner, (self.max_workers,)

    def __repr__(self) -> str:
        return f"ProcessRunner(max_workers={self.max_workers})"


def _start(key: bytes) -> None:
    global _key  # noqa: PLW0603 - one key per worker process, for its whole life
    _key = key


def _work(call: bytes) -> bytes:
    from cloudpickle import dumps, loads

    answer: bytes = dumps(loads(call)(_key))
    return answer
