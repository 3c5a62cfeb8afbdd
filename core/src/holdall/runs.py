"""One run of a task or flow while it lasts, and what an outermost run fixes for all runs inside it."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from holdall.catalogs import open_catalog
from holdall.ids import new_id
from holdall.recorder import recorder_for
from holdall.results import ResultReference
from holdall.types import UNSET

if TYPE_CHECKING:
    import concurrent.futures

    from holdall.abc.runner import TaskRunner
    from holdall.futures import Future
    from holdall.recorder import Recorder
    from holdall.resolution import Scope
    from holdall.results import ResultLiteral
    from holdall.settings import Settings
    from holdall.states import State
    from holdall.store import ResultStore


class Root:
    """Settings and working directory as they were when the outermost run started, and its stores by value."""

    __slots__ = ("directory", "recorder", "settings", "stores")

    def __init__(self, settings: Settings, directory: str) -> None:
        self.settings = settings
        self.directory = directory
        self.recorder: Recorder = recorder_for(open_catalog(settings))
        self.stores: dict[Any, tuple[ResultStore, Any]] = {}


class Replays:
    """Results of the children of a flow that retries, for its next attempt.

    A child's identity is its function, the digest of its inputs and which occurrence of that pair it is; occurrences
    are counted anew in every attempt, so the order under `submit` and `map` does not matter.
    """

    __slots__ = ("_counts", "_kept", "_lock", "around")

    def __init__(self, around: Replays | None) -> None:
        self.around = around
        self._kept: dict[tuple[str, str, int], ResultLiteral | ResultReference] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def start_attempt(self) -> None:
        self._counts.clear()

    def claim(self, function: str, inputs: str) -> list[tuple[Replays, tuple[str, str, int]]]:
        """This occurrence's identity in this table and in those of the flows around it, nearest first."""
        with self._lock:
            number = self._counts.get((function, inputs), 0)
            self._counts[function, inputs] = number + 1
        outer = self.around.claim(function, inputs) if self.around is not None else []
        return [(self, (function, inputs, number)), *outer]

    def kept(self, identity: tuple[str, str, int]) -> ResultLiteral | ResultReference | None:
        return self._kept.get(identity)

    def keep(self, identity: tuple[str, str, int], result: ResultLiteral | ResultReference) -> None:
        # Without the object: a flow of many results would hold them all for a retry that may never come.
        self._kept[identity] = replace(result, _object=UNSET) if isinstance(result, ResultReference) else result


class Submitted:
    """What a run has submitted, let go of as it succeeds: neither the run nor its future keeps the results alive."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: dict[int, Future[Any]] = {}

    def add(self, future: Future[Any]) -> None:
        number = id(future.inner)
        self._left[number] = future
        left = self._left

        def done(inner: concurrent.futures.Future[State[Any]]) -> None:
            if not inner.cancelled() and inner.exception() is None and inner.result().type == "completed":
                left.pop(number, None)

        future.inner.add_done_callback(done)

    def take(self) -> list[Future[Any]]:
        """Those that are going on or have failed; they are forgotten here."""
        taken = list(self._left.values())
        self._left.clear()
        return taken


class Run:
    """What runs inside a task or flow needs to know of it; also what a `cache_key_fn` and a key template see."""

    __slots__ = (
        "_children",
        "attempt",
        "flow",
        "id",
        "kind",
        "number",
        "parent",
        "plans",
        "replays",
        "root",
        "runner",
        "scope",
        "submitted",
        "task_runner",
        "unit_name",
    )

    def __init__(self, kind: Literal["task", "flow"], unit_name: str, parent: Run | None, root: Root) -> None:
        self.id = new_id()
        self.kind = kind
        self.unit_name = unit_name
        self.parent = parent
        self.root = root
        self.attempt = 1
        self.runner: TaskRunner | None = None
        self.submitted = Submitted()
        # Made now: two threads that made it when they first need it would name two runs alike.
        self._children = itertools.count(1)
        if parent is not None:
            self.flow: Run | None = parent.flow
            self.scope: Scope | None = parent.scope
            self.plans: dict[Any, Any] | None = parent.plans
            self.replays: Replays | None = parent.replays
            self.task_runner: Any = parent.task_runner
            self.number = parent.next_child()
        else:
            self.task_runner = None
            self.flow = self.scope = self.plans = self.replays = None
            self.number = 0

    def next_child(self) -> int:
        return next(self._children)

    @property
    def name(self) -> str:
        """The name of its task or flow, and its place among the runs around it."""
        return f"{self.unit_name}-{self.number}" if self.parent is not None else f"{self.unit_name}-{self.id[-8:]}"

    @property
    def flow_run_id(self) -> str | None:
        """The nearest flow run around it, not itself."""
        flow = self.flow if self.kind == "task" else (self.parent.flow if self.parent is not None else None)
        return None if flow is None else flow.id
