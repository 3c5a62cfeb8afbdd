"""Context variable with the run that the current thread or coroutine is inside of."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextvars import Token

    from holdall.engine.run import Run

current: ContextVar[Run | None] = ContextVar("holdall_run", default=None)


def reset(variable: ContextVar[Any], token: Token[Any]) -> None:
    """Resets the variable unless the token belongs to another context, in which an abandoned coroutine is closed."""
    with suppress(ValueError):
        variable.reset(token)
