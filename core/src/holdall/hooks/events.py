"""Events of runs and results, which listeners get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A task or flow begins, before its cache is looked up and its body runs."""

    run_id: str
    kind: Literal["task", "flow"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """A run has its final state. `duration` is in seconds; `cached` says that the body did not run."""

    run_id: str
    kind: Literal["task", "flow"]
    name: str
    state: str
    duration: float
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWritten:
    """A result is committed. `reference` is the JSON of its `ResultReference`; `size` in bytes as stored."""

    reference: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRead:
    """A result was fetched and deserialised. Fields as in `ResultWritten`."""

    reference: str
    size: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheHit:
    """The body will not run. `reference` is the JSON of the `ResultReference` or `ResultLiteral` that stands for it."""

    run_id: str
    name: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheMiss:
    """The body will run. `key` is the record's key, never the raw cache key, which may be sensitive."""

    run_id: str
    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """Attempt number `attempt` (from 1) failed; the next starts in `delay` seconds."""

    run_id: str
    name: str
    attempt: int
    delay: float
