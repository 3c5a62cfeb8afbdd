"""Futures: handles of submitted runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Generator, Iterable, Iterator

    from holdall.engine.state import State

R = TypeVar("R")
T = TypeVar("T")


class Future(Generic[R]):
    """Handle of a submitted run. A task or flow that gets one as input, alone or in a list or dict, gets its result."""

    __slots__ = ("_observed", "inner", "name")

    def __init__(
        self, inner: concurrent.futures.Future[State[R]], name: str, observed: _Observed | None = None
    ) -> None:
        self.inner = inner
        self._observed = observed if observed is not None else _Observed()
        self.name = name

    def result(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> R:
        """Returns what the run returned; waits at most `timeout` seconds.

        Raises:
            TimeoutError: the run is not done.
            Exception: what the body raised; `raise_on_failure=False` returns it instead.
        """
        try:
            return self.state(timeout).result(raise_on_failure=raise_on_failure)
        finally:
            del self  # the traceback of a failure holds this frame, and the future would hold the traceback

    def state(self, timeout: float | None = None) -> State[R]:
        """Returns the state of the finished run; waits at most `timeout` seconds.

        Raises:
            TimeoutError: the run is not done.
        """
        try:
            state = self.inner.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"The run of {self.name} is not done after {timeout} s.") from None
        self._observed.yes = True
        return state

    def wait(self, timeout: float | None = None) -> bool:
        """Waits at most `timeout` seconds and returns whether the run is done."""
        wait([self], timeout)
        return self.inner.done()

    async def finished(self) -> None:
        """Waits without blocking the event loop and without observing the result."""
        from asyncio import shield, wrap_future

        # Shielded: a waiter that is cancelled does not cancel the run for the others.
        await shield(wrap_future(self.inner))

    def done(self) -> bool:
        """Returns whether the run is done."""
        return self.inner.done()

    def add_done_callback(self, function: Callable[[Future[R]], object]) -> None:
        """Calls the function with this future once it is done, in the thread that finished it."""
        # An equal one: a callback that held this object would hold it and its result in a reference cycle.
        name, observed = self.name, self._observed
        self.inner.add_done_callback(lambda inner: function(Future(inner, name, observed)))

    @property
    def unobserved_failure(self) -> BaseException | None:
        """Exception of a failed run whose state or result was not requested; None otherwise."""
        if self._observed.yes or not self.inner.done():
            return None
        return self.inner.result()._error  # noqa: SLF001 - a public method would mark it as observed

    def __await__(self) -> Generator[Any, None, R]:
        yield from self.finished().__await__()
        return self.state().result()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Future) and other.inner is self.inner

    def __hash__(self) -> int:
        return hash(self.inner)

    def __repr__(self) -> str:
        return f"<Future {self.name}: {'done' if self.done() else 'pending'}>"


class _Observed:
    """Flag of a run whose state or result was requested; shared by all futures of that run."""

    __slots__ = ("yes",)

    def __init__(self) -> None:
        self.yes = False


class Futures(list[Future[R]]):
    """List of the futures of one `.map()`, in the order of its inputs."""

    def result(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> list[R]:
        """Returns all results in order; `timeout` is for each."""
        return [each.result(timeout, raise_on_failure=raise_on_failure) for each in self]

    def wait(self, timeout: float | None = None) -> bool:
        """Waits at most `timeout` seconds for all together and returns whether all are done."""
        return not wait(self, timeout)[1]


def wait(futures: Iterable[Future[T]], timeout: float | None = None) -> tuple[list[Future[T]], list[Future[T]]]:
    """Waits until all are done or `timeout` seconds have passed; returns the done ones and the others, each in order."""
    from concurrent.futures import wait as wait_for

    listed = list(futures)
    wait_for([each.inner for each in listed], timeout)
    return [each for each in listed if each.done()], [each for each in listed if not each.done()]


def as_completed(futures: Iterable[Future[T]], timeout: float | None = None) -> Iterator[Future[T]]:
    """Yields each future when it is done.

    Raises:
        TimeoutError: not all are done `timeout` seconds after the call.
    """
    from concurrent.futures import as_completed as done_first

    by_inner = {each.inner: each for each in futures}
    for inner in done_first(by_inner, timeout):
        yield by_inner[inner]
