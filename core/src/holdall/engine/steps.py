"""A run as a generator of steps, and the two ways to take them: blocking, or on an event loop.

The engine is written once. It yields what has to be done; a driver does it and sends the outcome back in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

R = TypeVar("R")


class Step:
    """One thing to do: call `function` without arguments."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run(self) -> Any:
        return self.function()


class Body(Step):
    """The user's function: awaited where it gives an awaitable, and never moved to another thread."""

    __slots__ = ()


class Blocking(Step):
    """Disk, network or a lock: kept off the event loop."""

    __slots__ = ()


class Sleep(Step):
    """Wait for so many seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self) -> None:
        time.sleep(self.seconds)


Steps = Generator[Step, Any, R]


def drive(steps: Steps[R], thrown: BaseException | None = None) -> R:
    """Take every step in this thread; `thrown` is what came of the last one, where steps have been taken already."""
    try:
        step = next(steps) if thrown is None else steps.throw(thrown)
        while True:
            try:
                outcome = step.run()
            except BaseException as error:  # noqa: BLE001 - the engine's to handle, whatever it is
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what a generator returns


async def adrive(steps: Steps[R]) -> R:
    """Take every step without blocking the event loop."""
    from asyncio import sleep, to_thread

    try:
        step = next(steps)
        while True:
            try:
                if type(step) is Body:
                    outcome = await step.function()
                elif type(step) is Sleep:
                    outcome = await sleep(step.seconds, None)
                else:
                    outcome = await to_thread(step.run)
            except GeneratorExit as error:
                # The coroutine is being thrown away, and nothing may be awaited any more: what is left is taken here.
                drive(steps, error)
                raise
            except BaseException as error:  # noqa: BLE001 - the engine's to handle, cancellation included
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what a generator returns
