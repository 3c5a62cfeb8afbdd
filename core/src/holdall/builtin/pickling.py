"""Pickle, protocol 5: any Python object, large buffers without a copy. Free of pydantic; `PickleSerializer` is its face."""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from holdall.abc.codec import Codec
from holdall.builtin import pickleframe
from holdall.errors import ConfigurationError, CorruptResultError, HoldallWarning, SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from holdall.types import Buffer, Parts, Source

PROTOCOL: Final = 5
OUT_OF_BAND: Final = 64 << 10
"""Buffers of at least this many bytes are left out of the stream: below it a copy costs less than a frame."""

_NATIVE: Final = ("cloudpickle", "pickle")
"""Libraries whose streams `pickle.loads` reads; any other is a pair of functions, dumps and loads."""

_PROTO: Final = 0x80
_STOP: Final = 0x2E

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
    """The parts of one dump, and the file that its pickler writes to: chunks are kept as they come, never joined."""

    write = list.append
    outside: tuple[memoryview, ...] = ()
    names = False
    """Whether anything but exact builtins is in it, so that reading it back imports something."""
    by_value = False
    """Whether cloudpickle wrote code into it, so that reading it back needs cloudpickle and a like Python."""

    def take(self, buffer: pickle.PickleBuffer) -> bool:
        """As `buffer_callback`: True leaves the buffer in band."""
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        self.outside = (*self.outside, raw)
        return False


class LazyCloudPickler(pickle.Pickler):
    """Writes what cloudpickle would, byte for byte, and imports it at the first object that needs its judgement.

    The C pickler calls `reducer_override` only for what is no exact builtin, so plain data never comes here. From the
    first other object on, every answer is that of a cloudpickle pickler which is asked and never written to. So no
    object is pickled twice.
    """

    names = False
    by_value = False
    _judge: Callable[[Any], Any] | None = None
    _reducers: Mapping[type, Callable[[Any], Any]]

    def reducer_override(self, obj: Any, /) -> Any:
        self.names = True
        judge = self._judge
        if judge is None:
            if _is_known(obj):
                return NotImplemented
            consulted = import_module("cloudpickle").Pickler(io.BytesIO(), protocol=PROTOCOL)
            judge = self._judge = consulted.reducer_override
            self._reducers = consulted.dispatch_table.maps[0]
        reduced = judge(obj)
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


class PickleCodec(Codec):
    """`picklelib` is any importable module with `dumps(obj)` and `loads(bytes)`; cloudpickle unless named.

    `own` says that somebody configured it in this process, and so that its library may be imported for reading.
    """

    slug: ClassVar[str] = "pickle"
    media_type: ClassVar[str] = "application/vnd.python.pickle"
    suffix: ClassVar[str] = ".pkl"
    trusted_only: ClassVar[bool] = True

    def __init__(self, picklelib: str = "cloudpickle") -> None:
        """Raises `ConfigurationError` where the module cannot be imported, or has no `dumps` or no `loads`."""
        self.picklelib = picklelib
        self.own = True
        if picklelib not in _NATIVE:
            _checked(picklelib)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        """Imports nothing: whether the named module may be is the reader's to say, through `source.trust`."""
        codec = cls()
        codec.picklelib = options.get("picklelib", "cloudpickle")
        codec.own = False
        if set(options) - {"picklelib"} or not isinstance(codec.picklelib, str):
            raise ConfigurationError(f"The pickle serializer takes the option picklelib (a string), not {dict(options)}.")
        return codec

    def options(self) -> dict[str, Any]:
        return {} if self.picklelib == "cloudpickle" else {"picklelib": self.picklelib}

    def dump(self, obj: Any, /) -> Parts:
        pickled = Pickled()
        try:
            if self.picklelib == "cloudpickle":
                pickler = LazyCloudPickler(pickled, PROTOCOL, buffer_callback=pickled.take)
                pickler.dump(obj)
                if pickler.names:
                    pickled.names = True
                    pickled.by_value = pickler.by_value
            elif self.picklelib == "pickle":
                pickle.Pickler(pickled, PROTOCOL, buffer_callback=pickled.take).dump(obj)
                pickled.names = True
            else:
                pickled.append(_dumps(_checked(self.picklelib), obj))
        except ConfigurationError:
            raise
        except Exception as error:  # whatever an object's own __reduce__ or __getstate__ raises
            raise self._refusal(obj, error) from error
        if pickled.outside:
            pickled[:] = pickleframe.pack(pickled, pickled.outside)
        return pickled

    def load(self, source: Source, /) -> Any:
        data = source.buffer()
        if self.picklelib not in _NATIVE:
            loads = self._library(source).loads
            try:
                return loads(bytes(data))
            except Exception as error:  # a library of the user's choice raises what it likes
                raise _load_error(error, self.picklelib) from error
        if len(data) and data[0] == _PROTO:
            if data[-1] != _STOP:
                raise CorruptResultError(f"This pickle of {len(data)} bytes does not end where a pickle ends: cut short.")
            try:
                return pickle.loads(data)  # noqa: S301 - trusted_only says so; policy is the reader's
            except Exception as error:  # unpickling calls what the stream names, which raises what it likes
                raise _load_error(error, self.picklelib) from error
        return self._load_frame(memoryview(data).cast("B"))

    def _load_frame(self, view: memoryview, /) -> Any:
        if view.nbytes == 0 or view[0] != pickleframe.MAGIC[0]:
            raise CorruptResultError(f"These {view.nbytes} bytes start neither like a pickle nor like a framed one.")
        stream, _ = pickleframe.unpack(view)
        if not len(stream) or stream[-1] != _STOP:
            raise CorruptResultError("The stream inside this framed pickle does not end where a pickle ends.")
        if view.readonly:  # what a caller gets is writable and private: one copy for all buffers
            stream, buffers = pickleframe.unpack(memoryview(bytearray(view)))
        else:
            stream, buffers = pickleframe.unpack(view)
        left = iter(buffers)
        try:
            found = pickle.loads(stream, buffers=left)  # noqa: S301 - as in load
        except Exception as error:  # as in load
            raise _load_error(error, self.picklelib) from error
        if next(left, None) is not None:
            raise CorruptResultError("This framed pickle holds more buffers than its stream asks for.")
        return found

    def written_with(self, parts: Parts, /) -> dict[str, str]:
        """Only what reading needs: builtins need nothing, named classes a Python, code by value cloudpickle too."""
        python = ".".join(map(str, sys.version_info[:2]))
        if isinstance(parts, Pickled) and self.picklelib in _NATIVE and not parts.by_value:
            return {"picklelib": "pickle", "python": python} if parts.names else {"picklelib": "pickle"}
        version = _version(import_module(self.picklelib))
        found = {"picklelib": self.picklelib, "python": python}
        return found if version is None else {**found, "version": version}

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        wrote = recorded.get("version")
        if wrote is not None:
            module = import_module(self.picklelib) if self.own else sys.modules.get(self.picklelib)
            have = None if module is None else _version(module)
            if have is not None and _minor(wrote) != _minor(have):
                self._warn(f"{self.picklelib} {wrote}", f"{self.picklelib} {have}")
        python = _minor(recorded.get("python", ""))
        ours = sys.version_info[:2]
        # Code by value is bytecode, which suits one minor version of Python alone.
        if python is not None and (python > ours or (wrote is not None and python != ours)):
            self._warn("Python " + ".".join(map(str, python)), "Python " + ".".join(map(str, ours)))

    def _warn(self, wrote: str, have: str) -> None:
        warnings.warn(
            f"This result was pickled with {wrote} and is read with {have}: a pickle is only sure to load with what wrote "
            f"it. If it fails or looks wrong, read it with {wrote}, or run the task again to write it anew.",
            HoldallWarning,
            stacklevel=4,
        )

    def _library(self, source: Source) -> ModuleType:
        if self.own:
            return import_module(self.picklelib)
        return source.trust.module(self.picklelib, needed_for="This pickled result")

    def _refusal(self, obj: Any, error: Exception) -> SerializationError:
        from holdall.builtin.unpicklable import refusal  # noqa: PLC0415 - only a failure needs it

        return refusal(obj, error, attempt=self._attempt, library=self.picklelib)

    def _attempt(self, obj: Any, /) -> None:
        sink = _Sink()
        if self.picklelib == "cloudpickle":
            LazyCloudPickler(sink, PROTOCOL, buffer_callback=sink.take).dump(obj)
        elif self.picklelib == "pickle":
            pickle.Pickler(sink, PROTOCOL, buffer_callback=sink.take).dump(obj)
        else:
            _dumps(import_module(self.picklelib), obj)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PickleCodec) and self.picklelib == other.picklelib

    def __hash__(self) -> int:
        return hash((PickleCodec, self.picklelib))

    def __repr__(self) -> str:
        return f"PickleCodec(picklelib={self.picklelib!r})"


class _Sink:
    """A file that forgets."""

    def write(self, data: Any, /) -> int:
        return len(data)

    def take(self, buffer: pickle.PickleBuffer, /) -> None:
        """Leave every buffer out."""


def _checked(name: str) -> ModuleType:
    try:
        module = import_module(name)
    except Exception as error:  # a module of the user's choice runs its own code when imported
        raise ConfigurationError(
            f"picklelib={name!r} cannot be imported: {type(error).__name__}: {error}. Name an importable module with "
            "dumps(obj) and loads(bytes), as 'cloudpickle' is."
        ) from error
    for function in ("dumps", "loads"):
        if not callable(getattr(module, function, None)):
            raise ConfigurationError(f"picklelib={name!r} has no function {function}: it must have dumps and loads.")
    return module


def _dumps(module: ModuleType, obj: Any) -> Buffer:
    from inspect import signature  # noqa: PLC0415 - costs the default library's users an import

    try:
        takes_protocol = "protocol" in signature(module.dumps).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        takes_protocol = False
    made = module.dumps(obj, protocol=PROTOCOL) if takes_protocol else module.dumps(obj)
    if not isinstance(made, bytes | bytearray | memoryview):
        raise TypeError(f"{module.__name__}.dumps gave a {type(made).__name__}, not bytes")
    return made


def _version(module: ModuleType) -> str | None:
    version = getattr(module, "__version__", None)
    return version if isinstance(version, str) else None


def _minor(version: str) -> tuple[int, ...] | None:
    numbers = version.split(".")[:2]
    return tuple(map(int, numbers)) if all(number.isdecimal() for number in numbers) else None


def _load_error(error: Exception, library: str) -> CorruptResultError | SerializationError:
    if isinstance(error, pickle.UnpicklingError | EOFError):
        return CorruptResultError(f"This is no whole pickle: {error}.")
    if isinstance(error, ModuleNotFoundError):
        top = (error.name or "").partition(".")[0]
        return SerializationError(
            f"This pickle names the module {error.name!r}, which is not installed here: {error}. Install the package that "
            f"provides {top!r}, or put it on sys.path, and read again."
        )
    if isinstance(error, AttributeError | ImportError):
        return SerializationError(
            f"This pickle names something that the code installed here does not have: {error}. Install the version that "
            "wrote the result, or bring the name back, and read again."
        )
    return SerializationError(f"{library} cannot rebuild this object here: {type(error).__name__}: {error}.")
