"""Steps of a run and their two drivers: blocking, and on an event loop.

The engine is written once, as a generator: it yields what has to be done, and a driver does it and sends the outcome back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

R = TypeVar("R")


class Step:
    """Call of `function` without arguments."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run(self) -> Any:
        return self.function()


class Body(Step):
    """Call of the user's function, never in another thread; `adrive` awaits what it returns."""

    __slots__ = ()


class Blocking(Step):
    """Call that waits for disk, network or a lock; not run on the event loop."""

    __slots__ = ()


class Sleep(Step):
    """Pause of `seconds`."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def run(self) -> None:
        time.sleep(self.seconds)


Steps = Generator[Step, Any, R]


def drive(steps: Steps[R], thrown: BaseException | None = None) -> R:
    """Runs all steps in this thread. `thrown`: the error of the last step of a generator that has been started."""
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
    """Runs all steps without blocking the event loop."""
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
                # The coroutine is being closed and may not await any more: the remaining steps run here.
                drive(steps, error)
                raise
            except BaseException as error:  # noqa: BLE001 - the engine's to handle, cancellation included
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what a generator returns
