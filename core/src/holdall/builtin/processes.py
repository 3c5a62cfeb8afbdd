"""Task runner in processes of this machine, started fresh (spawn), so that no lock or thread of the parent is copied."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from holdall._cached import cached
from holdall.abc.runner import TaskRunner
from holdall.types import Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.types import Call


class ProcessRunner(TaskRunner):
    """Runs calls in up to `max_workers` processes; by default one per core.

    A script that uses it guards its start with `if __name__ == "__main__":`, as every program that spawns processes.
    """

    slug: ClassVar[str] = "processes"
    remote: ClassVar[bool] = True

    def __init__(self, max_workers: int | None = None) -> None:
        self.max_workers = max_workers if max_workers is not None else (os.cpu_count() or 1)

    @cached
    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self.max_workers, multiprocessing.get_context("spawn"))

    def submit(self, call: Call, /) -> Future[Any]:
        from cloudpickle import dumps, loads

        # Both go through the pool's pipe, which only this process and its own children have open.
        inner = self._pool.submit(_work, dumps(call), call.secrets.reveal())
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()

        def relay(done: Future[bytes]) -> None:
            try:
                outer.set_result(loads(done.result()))
            except BaseException as error:  # noqa: BLE001 - the worker died, or its answer cannot be read here
                outer.set_exception(error)

        inner.add_done_callback(relay)
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


def _work(call: bytes, secrets: Mapping[str, Mapping[str, Any]]) -> bytes:
    from cloudpickle import dumps, loads

    answer: bytes = dumps(loads(call)(Secrets(secrets)))
    return answer
