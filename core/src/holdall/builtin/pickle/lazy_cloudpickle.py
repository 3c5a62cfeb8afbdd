"""Pickler that writes the bytes of cloudpickle and imports it only for an object that needs it."""

from __future__ import annotations

import io
import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from holdall.types import Buffer

PROTOCOL: Final = 5
OUT_OF_BAND: Final = 64 << 10
"""Buffers of at least this many bytes are left out of the stream: below it a copy costs less than a frame."""

# Common values of the standard library that cloudpickle pickles by name, as pickle does: not worth its import.
_BY_NAME: Final = {
    **dict.fromkeys(("complex", "range", "slice"), "builtins"),
    **dict.fromkeys(("date", "datetime", "time", "timedelta", "timezone"), "datetime"),
    **dict.fromkeys(("OrderedDict", "Counter", "deque", "defaultdict"), "collections"),
    **dict.fromkeys(("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"), "pathlib"),
    "Decimal": "decimal",
    "Fraction": "fractions",
    "UUID": "uuid",
}


class Pickled(list["Buffer"]):
    """The parts of one dump, and the file that its pickler writes to: chunks are stored as they come, never joined."""

    write = list.append
    outside: Sequence[memoryview] = ()
    names = False
    """Whether it contains more than exact builtins, so that reading imports something."""
    by_value = False
    """Whether cloudpickle wrote code into it, so that reading it back needs cloudpickle and a like Python."""

    def take(self, buffer: pickle.PickleBuffer) -> bool:
        """Stores a large buffer, as `buffer_callback`; True leaves the buffer in the stream."""
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        if isinstance(self.outside, list):
            self.outside.append(raw)
        else:
            self.outside = [raw]
        return False


class LazyCloudPickler(pickle.Pickler):
    """Writes what cloudpickle would, byte for byte, and imports it for the first object that needs it.

    The C pickler calls `reducer_override` only for what is no exact builtin, so plain data never comes here. From the
    first other object on, a cloudpickle pickler decides, which is never written to. So no object is pickled twice.
    """

    names = False
    by_value = False
    _override: Callable[[Any], Any] | None = None
    _reducers: Mapping[type, Callable[[Any], Any]]

    def reducer_override(self, obj: Any, /) -> Any:
        self.names = True
        override = self._override
        if override is None:
            if _is_known(obj):
                return NotImplemented
            pickler = import_module("cloudpickle").Pickler(io.BytesIO(), protocol=PROTOCOL)
            override = self._override = pickler.reducer_override
            self._reducers = pickler.dispatch_table.maps[0]
        reduced = override(obj)
        if reduced is NotImplemented:
            reducer = self._reducers.get(type(obj))
            if reducer is None:
                return NotImplemented
            reduced = reducer(obj)
        self.by_value = True
        return reduced


def _is_known(obj: Any) -> bool:
    cls = obj if type(obj) is type else type(obj)
    name = cls.__name__
    module = _BY_NAME.get(name)
    return module is not None and getattr(sys.modules.get(module), name, None) is cls


class DiscardingFile:
    """File that discards what is written to it."""

    def write(self, data: Any, /) -> int:
        return len(data)

    def take(self, buffer: pickle.PickleBuffer, /) -> None:
        """Discards the buffer, as `buffer_callback`."""
