"""Background writer of run rows: batches them in a thread, so that no call waits for a disk."""

from __future__ import annotations

import atexit
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from holdall._system import fork
from holdall.errors import HoldallWarning

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog
    from holdall.types import ReferenceRow, RunRow

_DELAY: Final = 0.5  # seconds between the first waiting row and its writing
_IDLE: Final = 5.0  # seconds without a row after which the thread ends
_MANY: Final = 5_000  # rows: written at once, and at most so many per transaction
_LIMIT: Final = 50_000  # rows: from here on the caller writes, or, where the catalog is out of order, the oldest go
_PATIENCE: Final = 60.0  # seconds that the exit of the process waits for a write in progress


class Recorder:
    """Writes rows of runs in the background and rows of references at once; never stops a run.

    `record` only queues. A daemon thread writes half a second later; `flush` writes now, and so does the end of the
    process. If the catalog fails, one `HoldallWarning` says so, up to 50,000 rows wait in memory, and further attempts are
    spaced so that a catalog that fails slowly takes no more than a tenth of a caller's time.
    """

    def __init__(self, catalog: Catalog, /) -> None:
        self.catalog = catalog
        self._warned = False
        self._reset()
        _recorders.add(self)

    def _reset(self) -> None:
        self._runs: deque[RunRow] = deque()
        self._late: deque[ReferenceRow] = deque(maxlen=_LIMIT)
        self._armed = False  # whether the thread will look for rows later than now
        self._ended = False
        self._at_exit = False
        self._thread: threading.Thread | None = None
        self._threading = threading.Lock()
        self._writing = threading.RLock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._retry_at = 0.0
        self._trouble: str | None = None

    def record(self, row: RunRow, /) -> None:
        """Queues a row; the last one of an id wins."""
        runs = self._runs
        runs.append(row)
        if not self._armed:
            self._arm()
        elif len(runs) >= _MANY:
            self._relieve()

    def add_reference(self, row: ReferenceRow, /) -> bool:
        """Writes a reference now; returns False if the catalog failed and the row waits. The result is in its storage."""
        if self._retry_at and time.monotonic() < self._retry_at:
            self._late.append(row)
            return False
        started = time.monotonic()
        try:
            self.catalog.add_reference(row)
        except Exception as error:  # noqa: BLE001 - whatever a catalog raises, the run goes on
            self._failed(error, started)
            self._late.append(row)
            self._warn()
            return False
        return True

    def flush(self, *, retry: bool = False) -> bool:
        """Writes all rows that wait; returns whether none is left.

        For a while after a failure it does not try, unless `retry` is true.
        """
        done = self._write(retry=retry)
        self._warn()
        return done

    def close(self) -> None:
        """Flushes, and ends the thread. A row recorded after this is written at once."""
        self._end()
        atexit.unregister(self._end)
        self._at_exit = False
        if _of_catalog.get(id(self.catalog)) is self:
            del _of_catalog[id(self.catalog)]

    def _end(self) -> None:
        with self._threading:
            self._ended, self._armed = True, False
            thread, self._thread = self._thread, None
        self._wake.set()
        self._hurry.set()
        # Ended here and not by the interpreter, which would stop it inside SQLite with locks held.
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)
        self.flush(retry=True)

    def _arm(self) -> None:
        self._warn()
        with self._threading:
            if not self._ended:
                self._armed = True
                self._write_at_exit()
                self._wake.set()
                if self._thread is None:
                    self._start()
                return
        self.flush()

    def _start(self) -> None:
        # A thread of its own per burst would cost each first record 0.1 ms; one for ever would outlive its use.
        thread = threading.Thread(target=self._work, name="holdall-recorder", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending: the flush at exit writes what waits
            return
        self._thread = thread

    def _write_at_exit(self) -> None:
        if self._at_exit:
            return
        self._at_exit = True
        atexit.register(self._end)
        # A forked worker of multiprocessing leaves without atexit, and calls these instead.
        processes = sys.modules.get("multiprocessing.process")
        if processes is not None and processes.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(None, self._end, exitpriority=0)

    def _relieve(self) -> None:
        if not self._hurry.is_set():
            self._hurry.set()
        if len(self._runs) < _LIMIT:
            return
        self._write(retry=False)
        with self._writing:
            while len(self._runs) >= _LIMIT:
                self._runs.popleft()

    def _work(self) -> None:
        while True:
            if not self._wake.wait(_IDLE):
                with self._threading:
                    if not self._wake.is_set():
                        self._thread = None
                        return
            self._wake.clear()
            self._hurry.wait(_DELAY)
            self._hurry.clear()
            if self._ended:
                return
            self._armed = False  # before the rows are taken: one that comes later wakes the thread again
            self._write(retry=False)

    def _write(self, *, retry: bool) -> bool:
        with self._writing:
            if not self._runs and not self._late:
                return True
            started = time.monotonic()
            if not retry and started < self._retry_at:
                return False
            try:
                while self._late:
                    self.catalog.add_reference(self._late[0])
                    self._late.popleft()
                while self._runs:
                    self._write_some()
                self.catalog.checkpoint()
            except Exception as error:  # noqa: BLE001 - whatever a catalog raises, the run goes on
                self._failed(error, started)
                return False
            self._retry_at = 0.0
            return True

    def _write_some(self) -> None:
        # Only this method takes rows, under the lock; `record` adds at the other end meanwhile.
        rows = [self._runs.popleft() for _ in range(min(len(self._runs), _MANY))]
        try:
            self.catalog.add_runs(list({row[0]: row for row in rows}.values()))
        except BaseException:  # an interrupt too: what was taken out is not lost
            self._runs.extendleft(reversed(rows))
            raise

    def _failed(self, error: Exception, started: float) -> None:
        now = time.monotonic()
        self._retry_at = now + max(_DELAY, 10 * (now - started))
        self._trouble = self._trouble or str(error)

    def _warn(self) -> None:
        """Warns once of a failure, in a thread of the caller: warnings in the recorder's own thread reach nobody."""
        if self._trouble is None or self._warned:
            return
        self._warned = True
        warnings.warn(
            f"Runs are not being recorded; they go on, and results stay findable in their storages. {self._trouble} "
            f"Rows wait in memory (up to {_LIMIT:,}) and are written when the catalog works again; results that it "
            "missed are added by `holdall catalog rebuild`.",
            HoldallWarning,
            stacklevel=3,
        )


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
_of_catalog: dict[int, Recorder] = {}


def recorder_for(catalog: Catalog, /) -> Recorder:
    """Returns the recorder of an open catalog: the same object for every caller of this process until it is closed."""
    found = _of_catalog.get(id(catalog))
    # Two threads that both miss: `setdefault` lets one of the two recorders stand, and neither has a row yet.
    return found if found is not None else _of_catalog.setdefault(id(catalog), Recorder(catalog))


def _start_empty() -> None:
    # The parent writes the rows that waited in it; its locks may have been held by threads that are not here.
    _of_catalog.clear()
    for recorder in list(_recorders):
        recorder._reset()  # noqa: SLF001 - same module


fork.register(in_child=_start_empty)
