"""Pickle codec, protocol 5: any object, large buffers without a copy. Free of pydantic, as `PickleSerializer` is not."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from holdall.abc.codec import Codec
from holdall.builtin.pickle import frame
from holdall.builtin.pickle.lazy_cloudpickle import PROTOCOL, DiscardingFile, LazyCloudPickler, Pickled
from holdall.builtin.pickle.library import checked, dump_with, load_error, version_of, warn_of_versions
from holdall.errors import ConfigurationError, CorruptResultError, SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from holdall.types import Parts, Source

_NATIVE: Final = ("cloudpickle", "pickle")
"""Libraries whose streams `pickle.loads` reads; any other has its own dumps and loads."""

_PROTO: Final = 0x80
_STOP: Final = 0x2E


class PickleCodec(Codec):
    """Pickles with `picklelib`: cloudpickle, or any importable module with `dumps(obj)` and `loads(bytes)`.

    `own` says that it was configured in this process: a library that only stored data names is not called.
    """

    slug: ClassVar[str] = "pickle"
    media_type: ClassVar[str] = "application/vnd.python.pickle"
    suffix: ClassVar[str] = ".pkl"
    trusted_only: ClassVar[bool] = True

    def __init__(self, picklelib: str = "cloudpickle") -> None:
        """Checks the library.

        Raises:
            ConfigurationError: the module cannot be imported, or has no `dumps` or no `loads`.
        """
        self.picklelib = picklelib
        self.own = True
        if picklelib not in _NATIVE:
            checked(picklelib)

    @property
    def exact(self) -> bool:  # type: ignore[override]  # depends on the library, and stays read-only
        return self.picklelib in _NATIVE

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        """Imports nothing: the reader decides, through `source.trust`, whether the named library may be called."""
        codec = cls()
        codec.picklelib = options.get("picklelib", "cloudpickle")
        codec.own = False
        if set(options) - {"picklelib"} or not isinstance(codec.picklelib, str):
            raise ConfigurationError(
                f"The pickle serializer takes the option picklelib (a string), not {dict(options)}."
            )
        return codec

    def options(self) -> dict[str, Any]:
        return {} if self.picklelib == "cloudpickle" else {"picklelib": self.picklelib}

    @property
    def calls(self) -> frozenset[str]:
        return frozenset({self.picklelib} if self.own else ()) - frozenset(_NATIVE)

    def dump(self, obj: Any, /) -> Parts:
        if not self.own and self.picklelib not in _NATIVE:
            raise ConfigurationError(
                f"The pickle library {self.picklelib!r} is named by stored data alone, and nothing is written with it. Write "
                f"with PickleSerializer(picklelib={self.picklelib!r})."
            )
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
                pickled.append(dump_with(checked(self.picklelib), obj))
        except ConfigurationError:
            raise
        except Exception as error:  # whatever an object's own __reduce__ or __getstate__ raises
            raise self._refusal(obj, error) from error
        if pickled.outside:
            pickled[:] = frame.pack(pickled, pickled.outside)
        return pickled

    def load(self, source: Source, /) -> Any:
        data = source.buffer()
        if self.picklelib not in _NATIVE:
            loads = self._library(source).loads
            try:
                return loads(bytes(data))
            except Exception as error:  # a library of the user's choice raises any exception
                raise load_error(error, self.picklelib) from error
        if len(data) and data[0] == _PROTO:
            if data[-1] != _STOP:
                raise CorruptResultError(
                    f"This pickle of {len(data)} bytes does not end where a pickle ends: cut short."
                )
            try:
                return pickle.loads(data)  # noqa: S301 - trusted_only says so; policy is the reader's
            except Exception as error:  # unpickling calls what the stream names, which raises any exception
                raise load_error(error, self.picklelib) from error
        return self._load_frame(memoryview(data).cast("B"))

    def _load_frame(self, view: memoryview, /) -> Any:
        if view.nbytes == 0 or view[0] != frame.MAGIC[0]:
            raise CorruptResultError(f"These {view.nbytes} bytes start neither like a pickle nor like a framed one.")
        stream, _ = frame.unpack(view)
        if not len(stream) or stream[-1] != _STOP:
            raise CorruptResultError("The stream inside this framed pickle does not end where a pickle ends.")
        if view.readonly:  # what a caller gets is writable and private: one copy for all buffers
            stream, buffers = frame.unpack(memoryview(bytearray(view)))
        else:
            stream, buffers = frame.unpack(view)
        left = iter(buffers)
        try:
            obj = pickle.loads(stream, buffers=left)  # noqa: S301 - as in load
        except Exception as error:  # as in load
            raise load_error(error, self.picklelib) from error
        if next(left, None) is not None:
            raise CorruptResultError("This framed pickle holds more buffers than its stream asks for.")
        return obj

    def written_with(self, parts: Parts, /) -> dict[str, str]:
        """Records what reading needs: nothing for builtins, a Python for named classes, cloudpickle too for code by value."""
        python = ".".join(map(str, sys.version_info[:2]))
        if isinstance(parts, Pickled) and self.picklelib in _NATIVE and not parts.by_value:
            return {"picklelib": "pickle", "python": python} if parts.names else {"picklelib": "pickle"}
        version = version_of(import_module(self.picklelib))
        libraries = {"picklelib": self.picklelib, "python": python}
        return libraries if version is None else {**libraries, "version": version}

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        module = None
        if self.own or self.picklelib in _NATIVE:
            loaded = sys.modules.get(self.picklelib)
            module = import_module(self.picklelib) if self.own and "version" in recorded else loaded
        warn_of_versions(recorded, self.picklelib, None if module is None else version_of(module))

    def _library(self, source: Source) -> ModuleType:
        if self.own:
            return import_module(self.picklelib)
        module: ModuleType = source.trust.called(
            self.picklelib, needed_for="A stored pickle serializer, as its picklelib,"
        )
        if not callable(getattr(module, "loads", None)):
            raise ConfigurationError(f"picklelib={self.picklelib!r} has no function loads.")
        return module

    def _refusal(self, obj: Any, error: Exception) -> SerializationError:
        from holdall.builtin.pickle.diagnose import refusal

        return refusal(obj, error, attempt=self._attempt, library=self.picklelib)

    def _attempt(self, obj: Any, /) -> None:
        sink = DiscardingFile()
        if self.picklelib == "cloudpickle":
            LazyCloudPickler(sink, PROTOCOL, buffer_callback=sink.take).dump(obj)
        elif self.picklelib == "pickle":
            pickle.Pickler(sink, PROTOCOL, buffer_callback=sink.take).dump(obj)
        else:
            dump_with(import_module(self.picklelib), obj)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PickleCodec) and self.picklelib == other.picklelib

    def __hash__(self) -> int:
        return hash((PickleCodec, self.picklelib))

    def __repr__(self) -> str:
        return f"PickleCodec(picklelib={self.picklelib!r})"
