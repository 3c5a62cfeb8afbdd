"""What a run comes to: a value and how it came about, the state that callers see, the row that the catalog keeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall.engine.state import State
from holdall.errors import told
from holdall.types import RunRow

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.persist import StoredResult
    from holdall.engine.run import Run
    from holdall.engine.state import StateType


class Done(NamedTuple):
    """A value and how it came about."""

    value: Any
    kept: StoredResult | None
    cached: bool
    message: str | None = None


class Failed(Exception):  # noqa: N818 - it is no error, it carries one
    """Carries what the body raised through the generators of the engine."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Outcome(NamedTuple):
    """How a run ended. `value` is what the body gave, `held` what may stay in memory of it; `error` what it raised."""

    definition: AnyDefinition
    run: Run
    kind: StateType
    message: str | None
    kept: StoredResult | None
    value: Any
    held: Any
    error: BaseException | None
    cached: bool = False

    @property
    def state(self) -> State[Any]:
        kept = None if self.kept is None else self.kept.result
        return state_of(
            self.definition, self.run, self.kind, self.message, kept, self.held, self.error, cached=self.cached
        )


def failure_of(error: BaseException) -> tuple[StateType, str]:
    kind: StateType = "failed" if isinstance(error, Exception) else "cancelled"
    return kind, told(error)[:1000]


def row_of(
    definition: AnyDefinition,
    run: Run,
    state: str,
    message: str | None,
    started: float,
    result: str | None,
    *,
    cached: bool,
) -> RunRow:
    parent = run.parent
    return RunRow(
        run.id,
        definition.kind,
        definition.name,
        definition.function_name,
        run.flow_run_id,
        None if parent is None else parent.id,
        state,
        message,
        started,
        None if state == "running" else time.time(),
        run.attempt,
        result,
        cached,
    )


def state_of(
    definition: AnyDefinition,
    run: Run,
    kind: Any,
    message: str | None,
    kept: Any,
    value: Any,
    error: BaseException | None,
    *,
    cached: bool = False,
) -> State[Any]:
    return State(
        type=kind,
        kind=definition.kind,
        run_id=run.id,
        name=run.name,
        message=message,
        reference=kept,
        cached=cached,
        attempts=run.attempt,
        _value=value,
        _error=error,
    )
