"""Outcome of a run: its value or error, the state that callers see, the row that the catalog has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from holdall.engine.state import State
from holdall.errors import describe_error
from holdall.types import UNSET, RunRow

if TYPE_CHECKING:
    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.persist import StoredResult
    from holdall.engine.run import Run
    from holdall.engine.state import StateType


class RunOutcome(NamedTuple):
    """What a run returned and where that is stored, or what it raised."""

    value: Any
    stored: StoredResult | None = None
    cached: bool = False
    message: str | None = None
    type: StateType = "completed"
    error: BaseException | None = None

    def state(self, definition: AnyDefinition, run: Run) -> State[Any]:
        """Returns what callers see of it: without the value where that may not stay in memory."""
        held = self.value if definition.options.cache_result_in_memory or self.stored is None else UNSET
        result = None if self.stored is None else self.stored.result
        return state_of(definition, run, self.type, self.message, result, held, self.error, cached=self.cached)


class Failed(Exception):  # noqa: N818 - it is no error, it carries one
    """Carries what the body raised through the generators of the engine, where a StopIteration would become another error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def failure_of(error: BaseException) -> tuple[StateType, str]:
    kind: StateType = "failed" if isinstance(error, Exception) else "cancelled"
    return kind, describe_error(error)[:1000]


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
