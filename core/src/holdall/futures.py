"""What `.submit()` gives: a run that may still be going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Generator, Iterable, Iterator

    from holdall.states import State

R = TypeVar("R")
T = TypeVar("T")


class Future(Generic[R]):
    """A submitted run. Passed to a task or flow, alone or in a list or dict, it arrives there as its result."""

    __slots__ = ("_inner", "_observed", "name")

    def __init__(self, inner: concurrent.futures.Future[State[R]], name: str) -> None:
        self._inner = inner
        self._observed = False
        self.name = name

    def result(self, timeout: float | None = None, *, raise_on_failure: bool = True) -> R:
        """What the run returned; waits at most `timeout` seconds.

        Raises:
            TimeoutError: it is still going on.
            Exception: the run's own, unless `raise_on_failure=False` asks to have it returned.
        """
        return self.state(timeout).result(raise_on_failure=raise_on_failure)

    def state(self, timeout: float | None = None) -> State[R]:
        """How the run ended; waits at most `timeout` seconds, then raises TimeoutError."""
        self._observed = True
        try:
            return self._inner.result(timeout)
        except TimeoutError:
            if self._inner.done():
                raise
            raise TimeoutError(f"The run of {self.name} is not done after {timeout} s.") from None

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is done; waits at most `timeout` seconds."""
        wait([self], timeout)
        return self._inner.done()

    def done(self) -> bool:
        return self._inner.done()

    def add_done_callback(self, function: Callable[[Future[R]], object]) -> None:
        """Call the function with this future once it is done, in the thread that finished it."""
        self._inner.add_done_callback(lambda _: function(self))

    @property
    def unobserved_failure(self) -> BaseException | None:
        """The exception of a failed run that nobody has asked for."""
        if self._observed or not self._inner.done():
            return None
        lost = self._inner.exception()  # the worker died: there is not even a state
        return lost if lost is not None else self._inner.result()._error  # noqa: SLF001 - asking would count as asked

    def __await__(self) -> Generator[Any, None, R]:
        from asyncio import wrap_future  # noqa: PLC0415 - who awaits has imported it

        self._observed = True
        state = yield from wrap_future(self._inner).__await__()
        return state.result()

    def __repr__(self) -> str:
        return f"<Future {self.name}: {'done' if self.done() else 'pending'}>"


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
    from concurrent.futures import wait as wait_for  # noqa: PLC0415 - who has a future has imported it

    listed = list(futures)
    wait_for([each._inner for each in listed], timeout)  # noqa: SLF001 - this module's own class
    return [each for each in listed if each.done()], [each for each in listed if not each.done()]


def as_completed(futures: Iterable[Future[T]], timeout: float | None = None) -> Iterator[Future[T]]:
    """Each future as it gets done.

    Raises:
        TimeoutError: not all were done `timeout` seconds after the call.
    """
    from concurrent.futures import as_completed as done_first  # noqa: PLC0415 - as in wait

    by_inner = {each._inner: each for each in futures}  # noqa: SLF001 - this module's own class
    for inner in done_first(by_inner, timeout):
        yield by_inner[inner]
