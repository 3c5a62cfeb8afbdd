"""What a run in another process gave, made fit for the way back: each value and exception arrives, or says why not."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from holdall.errors import SerializationError, told
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.states import State


class _Carried(Exception):  # noqa: N818 - pickles as the exception that it carries
    """Pickles an exception by its class, arguments and attributes, and never through its `__init__`.

    An exception whose `__init__` takes other arguments than it hands to `Exception` can be pickled, and not unpickled.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def __reduce__(self) -> Any:
        error = self.error
        links = [None if each is None else _Carried(each) for each in (error.__cause__, error.__context__)]
        inner = [_Carried(each) for each in error.exceptions] if isinstance(error, BaseExceptionGroup) else None
        state = (*links, error.__suppress_context__)
        args = error.args if inner is None else error.args[:1]
        return _rebuilt, (type(error), args, dict(error.__dict__), inner, state)


def _rebuilt(
    cls: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any], inner: Any, links: Any
) -> Any:
    if inner is not None:
        error: BaseException = cls.__new__(cls, args[0], inner)
    else:
        error = cls.__new__(cls, *args)
        error.args = args
    error.__dict__.update(attributes)
    error.__cause__, error.__context__, error.__suppress_context__ = links
    return error


def packed(state: State[Any]) -> bytes:
    """The state as bytes; where it cannot be pickled, one that says what could not."""
    error = state._error  # noqa: SLF001 - asking would raise it
    if error is not None:
        return _dumps(replace(state, _error=_carried(error)))
    try:
        return _dumps(state)
    except Exception as refusal:  # noqa: BLE001 - a user's __reduce__ may raise anything
        message = (
            f"The result of {state.kind} {state.name!r} cannot travel back from its process: it is a "
            f"{type(state._value).__qualname__}, and cannot be pickled ({told(refusal)}). Return something plain, or "  # noqa: SLF001
            "keep it (persist_result=True, cache_result_in_memory=False) with a serializer that takes it."
        )
        return _dumps(replace(state, type="failed", message=message, _value=UNSET, _error=SerializationError(message)))


def unpacked(data: bytes) -> State[Any]:
    """What `packed` made. For bytes that come from this program's own workers: they are unpickled."""
    return pickle.loads(data)  # type: ignore[no-any-return]  # noqa: S301 - as the docstring says


def _carried(error: BaseException) -> BaseException:
    """The exception as it pickles; its traceback, which does not, as a note."""
    trace = "".join(traceback.format_exception(error))
    error.add_note(f"In a worker process:\n{trace}")
    carried = _Carried(error)
    try:
        pickle.loads(_dumps(carried))  # noqa: S301 - what this process has just written
    except Exception as refusal:  # noqa: BLE001 - as in packed
        stand_in = SerializationError(
            f"The run failed with {told(error)}. This stands in for that exception, which cannot be pickled "
            f"({told(refusal)})."
        )
        stand_in.add_note(f"In a worker process:\n{trace}")
        return stand_in
    return carried


def _dumps(value: Any) -> bytes:
    from cloudpickle import dumps  # noqa: PLC0415 - as the runner does

    return dumps(value)  # type: ignore[no-any-return]  # bytes
