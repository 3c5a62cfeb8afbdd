"""Search for the part of an object that could not be pickled; runs after pickling has failed, for a limited time."""

from __future__ import annotations

import copyreg
from contextlib import suppress
from functools import partial
from itertools import chain
from time import perf_counter
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from holdall.builtin.pickle.lazy_cloudpickle import PROTOCOL, DiscardingFile, LazyCloudPickler
from holdall.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS: Final = 2.0
DEPTH: Final = 32
"""Limit of steps in a path: a longer one comes of nesting that is too deep, and its start says enough."""

_ATOMS: Final = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray))
_LABEL: Final = 60


def refusal(obj: Any, error: Exception, /, *, attempt: Callable[[Any], None], library: str) -> SerializationError:
    """Returns the error to raise for `obj`; `attempt` pickles a part of it and discards the bytes."""
    path, part, reason = _search(obj, error, attempt)
    if isinstance(reason, RecursionError):
        why = "it is nested deeper than Python's recursion limit allows. Flatten it, or raise sys.setrecursionlimit."
    else:
        why = f"{str(reason).rstrip('.') or type(reason).__name__}. {_advice(obj, part, library)}"
    return SerializationError(f"The pickle serializer ({library}) cannot write {path}: {why}", path=path, value=obj)


def _advice(obj: Any, part: Any, library: str) -> str:
    """Names the serializer that can write the object, if there is one."""
    if library == "pickle":
        with suppress(Exception):  # whatever an object's own __reduce__ raises: then it cannot write it either
            LazyCloudPickler(sink := DiscardingFile(), PROTOCOL, buffer_callback=sink.take).dump(obj)
            return 'PickleSerializer(picklelib="cloudpickle") can write it.'
    from holdall.builtin.candidates import candidates

    own = [codec.slug for codec in candidates(type(part))]
    if own and part is not obj:
        return f'result_serializer="auto" stores that part by itself, as {own[0]}.'
    if own:
        return f'Use result_serializer="{own[0]}" for it.'
    return (
        "Leave that part out of the result (its class can, with __getstate__), or register a serializer for its type: "
        "@holdall.register(types=[…])."
    )


def _search(obj: Any, error: Exception, attempt: Callable[[Any], None]) -> tuple[str, Any, Exception]:
    path, deadline = "result", perf_counter() + SECONDS
    visited = {id(obj): obj}  # the objects themselves, so that no id is used again meanwhile
    for _ in range(DEPTH):
        step = _failing_child(obj, visited, attempt, deadline)
        if step is None:
            return path, obj, error
        label, obj, error = step
        path += label
        visited[id(obj)] = obj
    return path + "…", obj, error


def _failing_child(
    obj: Any, visited: dict[int, Any], attempt: Callable[[Any], None], deadline: float
) -> tuple[str, Any, Exception] | None:
    # A user's own attributes and methods are run here, and may raise anything: such a part is skipped.
    parts = chain(_quietly(_children, obj), _quietly(_reduced, obj))
    for label, child in parts:
        if type(child) in _ATOMS or id(child) in visited:
            continue
        if perf_counter() > deadline:
            return None
        try:
            attempt(child)
        except Exception as error:  # noqa: BLE001 - whatever a user's __reduce__ raises
            return label, child, error
    return None


def _quietly(parts: Callable[[Any], Iterator[tuple[str, Any]]], obj: Any) -> Iterator[tuple[str, Any]]:
    try:
        yield from parts(obj)
    except Exception:  # noqa: BLE001 - see _failing_child
        return


def _children(obj: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        for number, (key, value) in enumerate(obj.items()):
            yield f".keys()[{number}]", key
            yield f"[{_label(key)}]", value
    elif isinstance(obj, tuple) and hasattr(obj, "_fields"):
        yield from ((f".{name}", value) for name, value in zip(obj._fields, obj, strict=True))
    elif isinstance(obj, list | tuple):
        yield from ((f"[{number}]", item) for number, item in enumerate(obj))
    elif isinstance(obj, set | frozenset):
        yield from ((f"{{{type(item).__name__}}}", item) for item in obj)
    if isinstance(obj, FunctionType):
        yield from _captured(obj)
    elif isinstance(obj, MethodType):
        yield from ((f".{name}", getattr(obj, name)) for name in ("__self__", "__func__"))
    elif isinstance(obj, partial):
        yield from ((f".{name}", getattr(obj, name)) for name in ("func", "args", "keywords"))
    elif not isinstance(obj, type):
        yield from _attributes(obj)


def _captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield f"<closure {name}>", cell.cell_contents
    yield ".__defaults__", function.__defaults__
    yield ".__kwdefaults__", function.__kwdefaults__
    space = function.__globals__
    yield from ((f"<global {name}>", space[name]) for name in code.co_names if name in space)


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yields what pickle itself would write: the state that the class chooses, or else its fields."""
    cls = type(obj)
    if getattr(cls, "__getstate__", None) is not getattr(object, "__getstate__", None):
        state = obj.__getstate__()
        if isinstance(state, dict):
            yield from ((f".{name}", value) for name, value in state.items())
        else:
            yield ".__getstate__()", state
    elif not _reduces_itself(cls):
        yield from ((f".{name}", value) for name, value in getattr(obj, "__dict__", {}).items())
        for name in copyreg._slotnames(cls):  # type: ignore[attr-defined]  # noqa: SLF001 - as pickle finds them
            if hasattr(obj, name):
                yield f".{name}", getattr(obj, name)


def _reduced(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yields the pieces that a class which reduces itself gives pickle."""
    if not _reduces_itself(type(obj)):
        return
    pieces = obj.__reduce_ex__(5)
    if isinstance(pieces, tuple):
        names = getattr(pieces[2], "keys", None) if len(pieces) > 2 else None
        if names is not None:
            yield from ((f".{name}", value) for name, value in pieces[2].items())
        yield from ((f".__reduce__()[{number}]", piece) for number, piece in enumerate(pieces[1:3], start=1))


def _reduces_itself(cls: Any) -> bool:
    return cls.__reduce__ is not object.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__


def _label(key: Any) -> str:
    if type(key) is str:
        shown = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    elif type(key) in _ATOMS:
        shown = repr(key)
    else:
        return f"<{type(key).__name__}>"  # a foreign repr may do, or reveal, anything
    return shown if len(shown) <= _LABEL else f'{shown[: _LABEL - 1]}…"'
