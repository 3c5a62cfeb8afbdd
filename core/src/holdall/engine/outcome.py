"""Outcome of a run, and the state and catalog row that are made of it."""

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
    """Value of a run and where it is stored, or the error that its body raised."""

    value: Any
    stored: StoredResult | None = None
    cached: bool = False
    message: str | None = None
    type: StateType = "completed"
    error: BaseException | None = None

    def state(self, definition: AnyDefinition, run: Run) -> State[Any]:
        """Returns the state for callers, without the value if it may not stay in memory."""
        held = self.value if definition.options.cache_result_in_memory or self.stored is None else UNSET
        result = None if self.stored is None else self.stored.result
        return state_of(definition, run, self.type, self.message, result, held, self.error, cached=self.cached)


class Failed(Exception):  # noqa: N818 - not an error itself, it carries one
    """Carries what the body raised through the generators of the engine, where a StopIteration would become another error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def failure_of(error: BaseException) -> tuple[StateType, str]:
    """Returns the state type and the message of a run that raised the error."""
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
    """Returns the catalog row of a run; `result` is the JSON of its reference."""
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
    reference: Any,
    value: Any,
    error: BaseException | None,
    *,
    cached: bool = False,
) -> State[Any]:
    """Returns the state of a run for callers."""
    return State(
        type=kind,
        kind=definition.kind,
        run_id=run.id,
        name=run.name,
        message=message,
        reference=reference,
        cached=cached,
        attempts=run.attempt,
        _value=value,
        _error=error,
    )
