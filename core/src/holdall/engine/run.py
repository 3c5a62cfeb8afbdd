"""Runs in progress, the current one, and the session of an outermost run."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from holdall._system import fork
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.ids import new_id

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable
    from contextvars import Token

    from holdall.abc.runner import TaskRunner
    from holdall.catalog.recorder import Recorder
    from holdall.declaration.definition import AnyDefinition
    from holdall.declaration.resolution import Scope
    from holdall.engine.future import Future
    from holdall.engine.plan import ExecutionPlan
    from holdall.engine.replay import ReplayKey, Replays
    from holdall.engine.state import State
    from holdall.results.store import ResultStore
    from holdall.settings.model import Settings


current: ContextVar[Run | None] = ContextVar("holdall_run", default=None)
"""Run that the current thread or coroutine is inside of."""
_WARNING = fork.renewed(threading.Lock())


def reset(variable: ContextVar[Any], token: Token[Any]) -> None:
    """Resets the variable unless the token belongs to another context, in which an abandoned coroutine is closed."""
    with suppress(ValueError):
        variable.reset(token)


class Session:
    """State that an outermost run shares with all runs inside it: settings and directory at its start, stores by value."""

    __slots__ = ("directory", "recorder", "settings", "stores")

    def __init__(self, settings: Settings, directory: str) -> None:
        self.settings = settings
        self.directory = directory
        self.recorder: Recorder = recorder_for(open_catalog(settings))
        self.stores: dict[Any, tuple[ResultStore, Any]] = {}


class Submitted:
    """Futures that a run has submitted and that have not succeeded; a success is dropped, so that its result can be freed."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: dict[int, Future[Any]] = {}

    def add(self, future: Future[Any]) -> None:
        number = id(future.inner)
        futures = self._futures
        futures[number] = future

        def done(inner: concurrent.futures.Future[State[Any]]) -> None:
            if not inner.cancelled() and inner.exception() is None and inner.result().type == "completed":
                futures.pop(number, None)

        future.inner.add_done_callback(done)

    def pop_all(self) -> list[Future[Any]]:
        """Removes and returns the futures that are running or have failed."""
        futures = list(self._futures.values())
        self._futures.clear()
        return futures


class Run:
    """One run; also passed to `cache_key_fn`, `retry_condition_fn` and key templates."""

    __slots__ = (
        "_children",
        "_occurrences",
        "_replay_key",
        "_warned",
        "attempt",
        "call_digests",
        "definition_name",
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
    )

    def __init__(
        self, kind: Literal["task", "flow"], definition_name: str, parent: Run | None, session: Session
    ) -> None:
        self.id = new_id()
        self.kind = kind
        self.definition_name = definition_name
        self.parent = parent
        self.session = session
        self.attempt = 1
        self.runner: TaskRunner | None = None
        self.submitted: Submitted | None = None  # created with the runner, on the first submit
        # Created now: two threads that created it on first use would give two runs one name.
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
        """Restarts the numbering of the calls inside this run, so that they replay those of the attempt before."""
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
            # A run that is not stored itself hashes its inputs only when a run inside it needs a replay key.
            self._replay_key = () if self.call_digests is None else self.claim_replay_key(*self.call_digests(), lock)
        return self._replay_key

    @property
    def outermost(self) -> Run:
        """Outermost run around this one; itself if there is none."""
        run = self
        while run.parent is not None:
            run = run.parent
        return run

    def is_first_warning(self, subject: str) -> bool:
        """Returns whether no run inside this one has warned of the subject before."""
        with _WARNING:
            if self._warned is None:
                self._warned = set()
            is_first = subject not in self._warned
            self._warned.add(subject)
        return is_first

    @property
    def name(self) -> str:
        """Name of its task or flow with its number among the runs inside its parent, or a part of its id."""
        return f"{self.definition_name}-{self.id[-8:] if self.parent is None else self.number}"

    @property
    def flow_run_id(self) -> str | None:
        """Id of the nearest flow run around it, not itself."""
        flow = self.flow if self.kind == "task" else (self.parent.flow if self.parent is not None else None)
        return None if flow is None else flow.id


class CallContext(NamedTuple):
    """One call of a definition: its run, its plan and its arguments."""

    definition: AnyDefinition
    run: Run
    plan: ExecutionPlan
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
