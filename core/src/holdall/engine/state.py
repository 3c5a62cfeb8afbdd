"""Final state of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from holdall.errors import MissingResultError
from holdall.results.references import ResultLiteral, ResultReference
from holdall.types import UNSET

if TYPE_CHECKING:
    from collections.abc import Iterable

R_co = TypeVar("R_co", covariant=True)

StateType = Literal["running", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State(Generic[R_co]):
    """Final state of one run. `reference` is where the catalog has its result; None if no result was stored."""

    type: StateType
    kind: Literal["task", "flow"]
    run_id: str
    name: str
    message: str | None = None
    reference: ResultLiteral | ResultReference | None = None
    cached: bool = False
    attempts: int = 1
    _value: Any = field(default=UNSET, repr=False)
    _error: BaseException | None = field(default=None, repr=False)

    def result(self, *, raise_on_failure: bool = True, accept: Iterable[str] = ()) -> R_co:
        """Returns what the run returned; reads it from the storage if it is not in memory.

        Args:
            raise_on_failure: False returns the exception of a failed run instead of raising it.
            accept: What `ResultReference.get` accepts beyond the default.

        Raises:
            Exception: what the body raised.
            MissingResultError: the value is not in memory (`cache_result_in_memory=False`) and was not stored.
        """
        if self._error is not None:
            if raise_on_failure:
                try:
                    raise self._error
                finally:
                    del self  # the traceback holds this frame, and the state would hold the traceback
            return self._error  # type: ignore[return-value]  # what the caller asked for by name
        if self.reference is None:
            if self._value is UNSET:
                raise MissingResultError(
                    f"The {self.kind} run {self.name} kept no result. Set persist_result=True on it, or leave "
                    "cache_result_in_memory on."
                )
            return self._value  # type: ignore[no-any-return]
        if isinstance(self.reference, ResultReference):
            # From another process, the reference comes without the value, which the state has.
            self.reference.set_cached_value(self._value)
            return self.reference.get(accept=accept)  # type: ignore[no-any-return]
        return self.reference.get()  # type: ignore[return-value]  # a literal of the type that the run returned

    async def aresult(self, *, raise_on_failure: bool = True, accept: Iterable[str] = ()) -> R_co:
        """Returns what `result` returns, without blocking the event loop."""
        if self._error is None and self._value is UNSET and isinstance(self.reference, ResultReference):
            return await self.reference.aget(accept=accept)  # type: ignore[no-any-return]
        return self.result(raise_on_failure=raise_on_failure, accept=accept)

    def is_completed(self) -> bool:
        return self.type == "completed"

    def is_failed(self) -> bool:
        return self.type == "failed"
