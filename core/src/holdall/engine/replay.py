"""Replay in a flow that retries: results that an earlier attempt stored, and the keys that find them again."""

from __future__ import annotations

import threading
import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from holdall._system import fork
from holdall.engine.outcome import RunOutcome
from holdall.engine.persist import StoredResult
from holdall.errors import ConfigurationError, HoldallWarning, ResultError, StorageError
from holdall.results.references import ResultReference
from holdall.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.declaration.definition import AnyDefinition
    from holdall.engine.run import CallContext, Run
    from holdall.results.references import ResultLiteral

ReplayKey = tuple[tuple[str, str, int], ...]
"""Path from the outermost retrying flow to a run; each step is a function, inputs, and the number of that call."""


class Replays:
    """Table of the results of the runs inside a flow that retries, for its next attempt.

    A child's replay key is its function, the digest of its inputs and which occurrence of that pair it is in the run
    around it, after the replay key of that run. Occurrences are counted anew in every attempt, so the order under
    `submit` and `map` does not matter, and a run that is replayed whole shifts nobody's number.
    """

    __slots__ = ("_results", "around", "lock")

    def __init__(self, around: Replays | None) -> None:
        self.around = around
        self.lock: threading.RLock = fork.renewed(threading.RLock()) if around is None else around.lock
        self._results: dict[ReplayKey, ResultLiteral | ResultReference] = {}

    def tables(self) -> Iterator[Replays]:
        """Yields this table and those of the flows around it, nearest first."""
        table: Replays | None = self
        while table is not None:
            yield table
            table = table.around

    def get(self, replay_key: ReplayKey) -> ResultLiteral | ResultReference | None:
        return self._results.get(replay_key)

    def add(self, replay_key: ReplayKey, result: ResultLiteral | ResultReference) -> None:
        # Without the cached value: a flow with many results would hold them all for a retry that may never come.
        self._results[replay_key] = replace(result, _object=UNSET) if isinstance(result, ResultReference) else result


def replay_keys_of(call: CallContext, replays: Replays) -> list[tuple[Replays, ReplayKey]]:
    """Returns the replay tables of the retrying flows around the run, nearest first, with its key; none if it is not stored."""
    digests = partial(call_digests, call.definition, call.args, call.kwargs)
    if call.plan.store is None:
        call.run.call_digests = digests
        return []
    function, inputs = digests()
    replay_key = call.run.claim_replay_key(function, inputs, replays.lock)
    # Inputs that cannot be hashed mean that it runs again.
    return [(table, replay_key) for table in replays.tables()] if inputs else []


def replay_keys_in(
    definition: AnyDefinition, replays: Replays, around: Run, args: Any, kwargs: Any
) -> list[tuple[Replays, ReplayKey]]:
    """Returns the same for a call that runs in another process; `around` is the run that submits it."""
    function, inputs = call_digests(definition, args, kwargs)
    replay_key = around.next_replay_key(function, inputs, replays.lock)
    return [(table, replay_key) for table in replays.tables()] if inputs else []


def call_digests(definition: AnyDefinition, args: Any, kwargs: Any) -> tuple[str, str]:
    """Returns the digests of the function and of its inputs; the second is empty if either cannot be hashed."""
    from holdall.cache.digest import digest

    try:
        return definition.identity.as_task(), digest((getattr(definition.fn, "__self__", None), args, kwargs))
    except ConfigurationError:
        return definition.function_name, ""


def replay(definition: AnyDefinition, result: ResultLiteral | ResultReference) -> RunOutcome | None:
    """Returns what an earlier attempt stored, or None if it cannot be read any more."""
    try:
        # Through a copy without a cached value: the table of replays would hold every object until the flow ends.
        value = (replace(result, cache_in_memory=False) if isinstance(result, ResultReference) else result).get()
    except (ResultError, StorageError) as error:
        warnings.warn(
            f"{definition.name!r} runs again in this attempt, as its kept result cannot be read: {error}",
            HoldallWarning,
            stacklevel=2,
        )
        return None
    return RunOutcome(value, StoredResult(result, result.json()), cached=True, message="replayed")
