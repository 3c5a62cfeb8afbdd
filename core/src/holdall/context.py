"""The run that the current thread or coroutine is inside of, and nothing else."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdall.runs import Run

current: ContextVar[Run | None] = ContextVar("holdall_run", default=None)
