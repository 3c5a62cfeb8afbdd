"""The run that the current thread or coroutine is inside of, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextvars import Token

    from holdall.engine.run import Run

current: ContextVar[Run | None] = ContextVar("holdall_run", default=None)


def leave(variable: ContextVar[Any], token: Token[Any]) -> None:
    """Reset, where this is still the context of the token: a coroutine that is thrown away ends in another one."""
    with suppress(ValueError):
        variable.reset(token)
