"""What `.submit()` gives: a run that may still be going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Generator, Iterable, Iterator

    from holdall.engine.state import State

R = TypeVar("R")
T = TypeVar("T")


class Future(Generic[R]):
    """A submitted run. Passed to a task or flow, alone or in a list or dict, it arrives there as its result."""

    __slots__ = ("_asked", "inner", "name")

    def __init__(self, inner: concurrent.futures.Future[State[R]], name: str, asked: _Asked | None = None) -> None:
        self.inner = inner
        self._asked = asked if asked is not None else _Asked()
        self.name = name

    def result(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> R:
        """What the run returned; waits at most `timeout` seconds.

        Raises:
            TimeoutError: it is still going on.
            Exception: the run's own, unless `raise_on_failure=False` asks to have it returned.
        """
        try:
            return self.state(timeout).result(raise_on_failure=raise_on_failure)
        finally:
            del self  # the traceback of a failure holds this frame, and the future would hold the traceback

    def state(self, timeout: float | None = None) -> State[R]:
        """How the run ended; waits at most `timeout` seconds, then raises TimeoutError."""
        try:
            found = self.inner.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"The run of {self.name} is not done after {timeout} s.") from None
        self._asked.yes = True
        return found

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is done; waits at most `timeout` seconds."""
        wait([self], timeout)
        return self.inner.done()

    async def finished(self) -> None:
        """Wait, without blocking the event loop and without asking how it ended."""
        from asyncio import shield, wrap_future

        # Shielded: who stops waiting does not cancel what others wait for as well.
        await shield(wrap_future(self.inner))

    def done(self) -> bool:
        return self.inner.done()

    def add_done_callback(self, function: Callable[[Future[R]], object]) -> None:
        """Call the function with this future once it is done, in the thread that finished it."""
        # An equal one, as a callback that held this very object would keep it, and its result, alive in a cycle.
        name, asked = self.name, self._asked
        self.inner.add_done_callback(lambda inner: function(Future(inner, name, asked)))

    @property
    def unobserved_failure(self) -> BaseException | None:
        """The exception of a failed run that nobody has asked for."""
        if self._asked.yes or not self.inner.done():
            return None
        return self.inner.result()._error  # noqa: SLF001 - asking would count as asked

    def __await__(self) -> Generator[Any, None, R]:
        yield from self.finished().__await__()
        return self.state().result()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Future) and other.inner is self.inner

    def __hash__(self) -> int:
        return hash(self.inner)

    def __repr__(self) -> str:
        return f"<Future {self.name}: {'done' if self.done() else 'pending'}>"


class _Asked:
    """Whether anybody has asked how a run ended; shared by all futures of that run."""

    __slots__ = ("yes",)

    def __init__(self) -> None:
        self.yes = False


class Futures(list[Future[R]]):
    """The futures of one `.map()`, in the order of its inputs."""

    def result(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> list[R]:
        """All results in order; `timeout` is for each."""
        return [each.result(timeout, raise_on_failure=raise_on_failure) for each in self]

    def wait(self, timeout: float | None = None) -> bool:
        """Whether all are done; waits at most `timeout` seconds for all together."""
        return not wait(self, timeout)[1]


def wait(futures: Iterable[Future[T]], timeout: float | None = None) -> tuple[list[Future[T]], list[Future[T]]]:
    """Wait until all are done or `timeout` seconds have passed; the done ones and the others, each in order."""
    from concurrent.futures import wait as wait_for

    listed = list(futures)
    wait_for([each.inner for each in listed], timeout)
    return [each for each in listed if each.done()], [each for each in listed if not each.done()]


def as_completed(futures: Iterable[Future[T]], timeout: float | None = None) -> Iterator[Future[T]]:
    """Each future as it gets done.

    Raises:
        TimeoutError: not all were done `timeout` seconds after the call.
    """
    from concurrent.futures import as_completed as done_first

    by_inner = {each.inner: each for each in futures}
    for inner in done_first(by_inner, timeout):
        yield by_inner[inner]
