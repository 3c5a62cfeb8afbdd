"""Retries: how many, after how long, under which condition, and what is replayed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdall import exponential_backoff, flow, task
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.declaration.retry_delay import delay_before
from holdall.engine import steps
from holdall.errors import ConfigurationError, PersistenceRequiredError
from holdall.settings import model as settings

pytestmark = pytest.mark.usefixtures("place")


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (None, [0, 0, 0]),
        (2, [2, 2, 2]),
        (0.5, [0.5, 0.5, 0.5]),
        ([1, 2], [1, 2, 2]),
        ((), [0, 0, 0]),
        (exponential_backoff(3), [3, 6, 12]),
        (lambda retries: retries, [3, 3, 3]),
        (lambda _: [-1], [0, 0, 0]),
    ],
)
def test_delays(delay: Any, expected: list[float]) -> None:
    """A number, a list whose last entry serves for the rest, a function of the number of retries."""
    assert expected == [delay_before(retry, retries=3, delay=delay) for retry in (1, 2, 3)]


def test_a_negative_backoff_is_refused() -> None:
    """When it is made."""
    with pytest.raises(ConfigurationError):
        exponential_backoff(-1)


class Flaky:
    """Fails so many times, then returns how often it ran."""

    def __init__(self, failures: int, error: BaseException | None = None) -> None:
        self.left = failures
        self.ran = 0
        self.error = error or ValueError("not yet")

    def __call__(self) -> list[int]:
        self.ran += 1
        if self.ran <= self.left:
            raise self.error
        return [self.ran]


def test_retries_are_made_after_their_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the run says how many attempts it took."""
    slept: list[float] = []
    monkeypatch.setattr(steps.Sleep, "run", lambda self: slept.append(self.seconds))
    state: Any = task(retries=3, retry_delay_seconds=[1, 2])(Flaky(3))(return_state=True)
    catalog = open_catalog(settings.current())
    recorder_for(catalog).flush()

    assert ([4], 4) == (state.result(), state.attempts)
    assert [1, 2, 2] == slept
    assert [4] == [row.attempts for row in catalog.runs()]


def test_the_last_failure_is_raised() -> None:
    """Itself, after all attempts."""
    flaky = Flaky(9)
    with pytest.raises(ValueError, match="not yet") as caught:
        task(retries=2)(flaky)()

    assert 3 == flaky.ran
    assert flaky.error is caught.value


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), BaseExceptionGroup("g", [KeyboardInterrupt()])])
def test_nothing_but_exceptions_is_retried(error: BaseException) -> None:
    """Who wants out gets out."""
    flaky = Flaky(1, error)
    with pytest.raises(type(error)):
        task(retries=3)(flaky)()

    assert 1 == flaky.ran


def test_a_persistence_error_is_not_retried() -> None:
    """A flow that retries does not try again what cannot work."""
    ran = []

    @flow(retries=3)
    def outer() -> None:
        ran.append(1)
        task(retries=1, persist_result=False)(Flaky(1))()

    with pytest.raises(PersistenceRequiredError):
        outer()
    assert [1] == ran


def test_a_condition_decides() -> None:
    """It gets the task, the run and the failed state."""
    seen: list[Any] = []

    def condition(unit: Any, run: Any, state: Any) -> bool:
        seen.append((unit.name, run.attempt, type(state.result(raise_on_failure=False)), state.is_failed()))
        return len(seen) < 2

    flaky = Flaky(9)
    with pytest.raises(ValueError, match="not yet"):
        task(name="flaky", retries=5, retry_condition_fn=condition)(flaky)()

    assert [("flaky", 1, ValueError, True), ("flaky", 2, ValueError, True)] == seen
    assert 2 == flaky.ran


def test_async_retries_sleep_on_the_loop() -> None:
    """Other coroutines run meanwhile."""
    flaky = Flaky(2)

    @task(retries=2, retry_delay_seconds=0.01)
    async def body() -> list[int]:
        return flaky()

    assert [3] == asyncio.run(body())


def test_a_retried_flow_replays_what_was_kept() -> None:
    """By task, inputs and occurrence; what was not kept runs again, as does what has other inputs."""
    ran: list[Any] = []

    def note(name: str, value: Any) -> Any:
        ran.append(name)
        return value

    kept = task(persist_result=True)(lambda name: note(name, [name]))
    literal = task(lambda: note("literal", True))
    uncounted = task(persist_result=True, cache_result_in_memory=False)(lambda _: note("uncounted", [1]))
    attempts = Flaky(1)

    @flow(retries=1)
    def outer() -> list[Any]:
        found = [kept("a"), kept("a"), kept("b"), literal(), uncounted(each for each in ())]
        found += kept.map(["c", "d"]).result()
        attempts()
        return [*found, kept("e")]

    assert [["a"], ["a"], ["b"], True, [1], ["c"], ["d"], ["e"]] == outer()
    first = ["a", "a", "b", "literal", "uncounted", "c", "d"]
    assert sorted([*first, "literal", "uncounted", "e"]) == sorted(ran)


def test_methods_are_replayed_for_their_own_instance() -> None:
    """Two shops in another order keep their prices."""

    class Shop:
        def __init__(self, name: str) -> None:
            self.name = name

        @task(persist_result=True)
        def price(self) -> list[str]:
            return [self.name]

    attempts = Flaky(1)

    @flow(retries=1)
    def outer() -> list[Any]:
        names = ["a", "b"] if attempts.ran == 0 else ["b", "a"]
        found = [Shop(name).price() for name in names]
        attempts()
        return found

    assert [["b"], ["a"]] == outer()
