"""Run of a task or flow while it lasts, the session of an outermost run, and the replays of a flow that retries."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from holdall._system import fork
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.ids import new_id
from holdall.results.references import ResultReference
from holdall.types import UNSET

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterator

    from holdall.abc.runner import TaskRunner
    from holdall.catalog.recorder import Recorder
    from holdall.declaration.definition import AnyDefinition
    from holdall.declaration.resolution import Scope
    from holdall.engine.future import Future
    from holdall.engine.plan import ExecutionPlan
    from holdall.engine.state import State
    from holdall.results.references import ResultLiteral
    from holdall.results.store import ResultStore
    from holdall.settings.model import Settings


_WARNING = fork.renewed(threading.Lock())


class Session:
    """What an outermost run and all runs inside it share: settings and working directory as it started, stores by value."""

    __slots__ = ("directory", "recorder", "settings", "stores")

    def __init__(self, settings: Settings, directory: str) -> None:
        self.settings = settings
        self.directory = directory
        self.recorder: Recorder = recorder_for(open_catalog(settings))
        self.stores: dict[Any, tuple[ResultStore, Any]] = {}


ReplayKey = tuple[tuple[str, str, int], ...]
"""The steps from the outermost flow that retries down to a run; each is a function, inputs, and which of such calls."""


class Replays:
    """Results of the children of a flow that retries, for its next attempt.

    A child's replay key is its function, the digest of its inputs and which occurrence of that pair it is in the run
    around it, after the replay key of that run. Occurrences are counted anew in every attempt, so the order under
    `submit` and `map` does not matter, and a run that is replayed whole shifts nobody's number.
    """

    __slots__ = ("_kept", "around", "lock")

    def __init__(self, around: Replays | None) -> None:
        self.around = around
        self.lock: threading.RLock = fork.renewed(threading.RLock()) if around is None else around.lock
        self._kept: dict[ReplayKey, ResultLiteral | ResultReference] = {}

    def tables(self) -> Iterator[Replays]:
        """This one and those of the flows around it, nearest first."""
        table: Replays | None = self
        while table is not None:
            yield table
            table = table.around

    def kept(self, replay_key: ReplayKey) -> ResultLiteral | ResultReference | None:
        return self._kept.get(replay_key)

    def keep(self, replay_key: ReplayKey, result: ResultLiteral | ResultReference) -> None:
        # Without the object: a flow of many results would hold them all for a retry that may never come.
        self._kept[replay_key] = replace(result, _object=UNSET) if isinstance(result, ResultReference) else result


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
    """One run. A `cache_key_fn`, a `retry_condition_fn` and key templates see it too."""

    __slots__ = (
        "_children",
        "_occurrences",
        "_replay_key",
        "_warned",
        "attempt",
        "call_digests",
        "flow",
        "id",
        "kind",
        "number",
        "parent",
        "plans",
        "replays",
        "runner",
        "scope",
        "session",
        "submitted",
        "task_runner",
        "unit_name",
    )

    def __init__(self, kind: Literal["task", "flow"], unit_name: str, parent: Run | None, session: Session) -> None:
        self.id = new_id()
        self.kind = kind
        self.unit_name = unit_name
        self.parent = parent
        self.session = session
        self.attempt = 1
        self.runner: TaskRunner | None = None
        self.submitted: Submitted | None = None  # made with the runner, on the first submit
        # Made now: two threads that made it when they first need it would name two runs alike.
        self._children = itertools.count(1)
        self._replay_key: ReplayKey | None = None
        self._occurrences: dict[tuple[str, str], int] | None = None
        self._warned: set[str] | None = None
        self.call_digests: Callable[[], tuple[str, str]] | None = None
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

    def start_attempt(self) -> None:
        """Number the calls inside it from the first again: those of the attempt before are to be replayed."""
        self._occurrences = None

    def next_replay_key(self, function: str, inputs: str, lock: threading.RLock) -> ReplayKey:
        """Returns the replay key of the next call of that function with those inputs in this run."""
        with lock:
            around = self._own_replay_key(lock)
            if self._occurrences is None:
                self._occurrences = {}
            number = self._occurrences.get((function, inputs), 0)
            self._occurrences[function, inputs] = number + 1
        return (*around, (function, inputs, number))

    def claim_replay_key(self, function: str, inputs: str, lock: threading.RLock) -> ReplayKey:
        """Sets and returns the replay key of this run itself."""
        parent = self.parent
        self._replay_key = () if parent is None else parent.next_replay_key(function, inputs, lock)
        return self._replay_key

    def _own_replay_key(self, lock: threading.RLock) -> ReplayKey:
        if self._replay_key is None:
            # What is not kept itself has its inputs compared when something inside it is.
            self._replay_key = () if self.call_digests is None else self.claim_replay_key(*self.call_digests(), lock)
        return self._replay_key

    @property
    def outermost(self) -> Run:
        """The run around all that are around this one."""
        run = self
        while run.parent is not None:
            run = run.parent
        return run

    def is_first_warning(self, subject: str) -> bool:
        """Whether nothing inside this run has warned of the subject yet."""
        with _WARNING:
            if self._warned is None:
                self._warned = set()
            is_first = subject not in self._warned
            self._warned.add(subject)
        return is_first

    @property
    def name(self) -> str:
        """The name of its task or flow, and its place among the runs around it."""
        return f"{self.unit_name}-{self.number}" if self.parent is not None else f"{self.unit_name}-{self.id[-8:]}"

    @property
    def flow_run_id(self) -> str | None:
        """The nearest flow run around it, not itself."""
        flow = self.flow if self.kind == "task" else (self.parent.flow if self.parent is not None else None)
        return None if flow is None else flow.id


class CallContext(NamedTuple):
    """One call of a definition: where it runs, how, and with which arguments."""

    definition: AnyDefinition
    run: Run
    plan: ExecutionPlan
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
