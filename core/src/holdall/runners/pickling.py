"""Pickling of states between processes: a value or exception that cannot be pickled becomes an error that says so."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import SerializationError, describe_error
from holdall.types import UNSET

if TYPE_CHECKING:
    from holdall.engine.state import State

_HEAP_TYPE: Final = 1 << 9  # of __flags__: created by a class statement


class _Picklable(Exception):  # noqa: N818 - pickles as the exception that it wraps
    """Wrapper that pickles an exception by its class, arguments and attributes, without its `__init__`.

    An exception whose `__init__` takes other arguments than it passes to `Exception` can be pickled but not unpickled.
    """

    def __init__(self, error: BaseException, *, linked: bool) -> None:
        super().__init__()
        self.error = error
        self.linked = linked

    def __reduce__(self) -> Any:
        error = self.error
        links: list[_Picklable | None] = [None, None]
        if self.linked:
            links = [None if each is None else _Picklable(each, linked=True) for each in _links(error)]
        inner = None
        # Those of the builtin base: OSError adds the file's name to its arguments.
        args = _builtin(type(error)).__reduce__(error)[1]
        if isinstance(error, BaseExceptionGroup):
            inner = [_Picklable(each, linked=self.linked) for each in error.exceptions]
            args = error.args[:1]
        return _rebuilt, (type(error), args, dict(error.__dict__), inner, links, error.__suppress_context__)


def _links(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    return error.__cause__, error.__context__


def _builtin(cls: type[BaseException]) -> Any:
    """Returns the nearest base that is not written in Python; it holds the arguments."""
    return next(base for base in cls.__mro__ if not base.__flags__ & _HEAP_TYPE)


def _rebuilt(
    cls: type[BaseException],
    args: tuple[Any, ...],
    attributes: dict[str, Any],
    inner: Any,
    links: list[BaseException | None],
    suppress: bool,
) -> Any:
    base = _builtin(cls)
    if inner is not None:
        error: BaseException = base.__new__(cls, args[0], inner)
    else:
        error = base.__new__(cls, *args)
        base.__init__(error, *args)
    error.__dict__.update(attributes)
    error.__cause__, error.__context__ = links
    error.__suppress_context__ = suppress
    return error


def dump_state(state: State[Any]) -> bytes:
    """Pickles a state; if its value or error cannot be pickled, a state that says so."""
    error = state._error  # noqa: SLF001 - asking would raise it
    if error is not None:
        return _dumps(replace(state, _error=_picklable(error)))
    try:
        return _dumps(state)
    except Exception as refusal:  # noqa: BLE001 - a user's __reduce__ may raise anything
        message = (
            f"The result of {state.kind} {state.name!r} cannot travel back from its process: it is a "
            f"{type(state._value).__qualname__}, and cannot be pickled ({describe_error(refusal)}). Return something plain, or "  # noqa: SLF001
            "keep it (persist_result=True, cache_result_in_memory=False) with a serializer that takes it."
        )
        return _dumps(replace(state, type="failed", message=message, _value=UNSET, _error=SerializationError(message)))


def load_state(data: bytes) -> State[Any]:
    """Unpickles what `dump_state` returned; only for bytes from this program's own workers."""
    return pickle.loads(data)  # type: ignore[no-any-return]  # noqa: S301 - as the docstring says


def _picklable(error: BaseException) -> BaseException:
    """Returns the exception in a form that can be pickled, with its traceback as a note."""
    trace = "".join(traceback.format_exception(error))
    error.add_note(f"In a worker process:\n{trace}")
    first_refusal: Exception | None = None
    own = hasattr(type(error).__reduce__, "__code__")  # the class defines its own pickling
    for candidate in (*([error] if own else []), _Picklable(error, linked=True), _Picklable(error, linked=False)):
        try:
            pickle.loads(_dumps(candidate))  # noqa: S301 - what this process has just written
        except Exception as refusal:  # noqa: BLE001 - as in dump_state
            first_refusal = first_refusal or refusal
        else:
            return candidate
    stand_in = SerializationError(
        f"The run failed with {describe_error(error)}. This stands in for that exception, which cannot be pickled"
        f"{'' if first_refusal is None else f' ({describe_error(first_refusal)})'}."
    )
    stand_in.add_note(f"In a worker process:\n{trace}")
    return stand_in


def _dumps(value: Any) -> bytes:
    from cloudpickle import dumps

    return dumps(value)  # type: ignore[no-any-return]  # bytes
