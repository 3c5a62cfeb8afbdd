"""Pickle libraries by name: their functions, their versions, and their failures."""

from __future__ import annotations

import pickle
import sys
import warnings
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from holdall.builtin.pickle.lazy_cloudpickle import PROTOCOL
from holdall.errors import ConfigurationError, CorruptResultError, HoldallWarning, SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from holdall.types import Buffer


_MAX_DIGITS: Final = 9
"""Limit of a number in a version: a longer one is not a version, and may be too long for `int`."""


def checked(name: str) -> ModuleType:
    """Imports the module; ConfigurationError if it cannot be imported or lacks dumps or loads."""
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


def dump_with(module: ModuleType, obj: Any) -> Buffer:
    """Calls `dumps` of the module, with our protocol if it takes one."""
    try:
        takes_protocol = "protocol" in signature(module.dumps).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        takes_protocol = False
    data = module.dumps(obj, protocol=PROTOCOL) if takes_protocol else module.dumps(obj)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"{module.__name__}.dumps gave a {type(data).__name__}, not bytes")
    return data


def version_of(module: ModuleType) -> str | None:
    version = getattr(module, "__version__", None)
    return version if isinstance(version, str) else None


def warn_of_versions(recorded: Mapping[str, str], library: str, have: str | None) -> None:
    """Warns if a result was written by other versions than read it; `have` is that of the library here, None if unknown."""
    wrote = recorded.get("version")
    if wrote is not None and have is not None and _minor(wrote) != _minor(have):
        _warn(f"{library} {wrote}", f"{library} {have}")
    python = _minor(recorded.get("python", ""))
    ours = sys.version_info[:2]
    # Code by value is bytecode, which suits one minor version of Python alone.
    if python is not None and (python > ours or (wrote is not None and python != ours)):
        _warn("Python " + ".".join(map(str, python)), "Python " + ".".join(map(str, ours)))


def _warn(wrote: str, have: str) -> None:
    warnings.warn(
        f"This result was pickled with {wrote} and is read with {have}: a pickle is only sure to load with what wrote "
        f"it. If it fails or looks wrong, read it with {wrote}, or run the task again to write it anew.",
        HoldallWarning,
        stacklevel=4,
    )


def _minor(version: str) -> tuple[int, ...] | None:
    numbers = version.split(".")[:2]
    return (
        tuple(map(int, numbers))
        if all(number.isdecimal() and len(number) <= _MAX_DIGITS for number in numbers)
        else None
    )


def load_error(error: Exception, library: str) -> CorruptResultError | SerializationError:
    """Returns the error to raise in place of one that loading raised."""
    if isinstance(error, pickle.UnpicklingError | EOFError):
        return CorruptResultError(f"This is no whole pickle: {error}.")
    if isinstance(error, ModuleNotFoundError):
        top = (error.name or "").partition(".")[0]
        return SerializationError(
            f"This pickle names the module {error.name!r}, which is not installed here: {error}. Install the package "
            f"that provides {top!r}, or put it on sys.path, and read again."
        )
    if isinstance(error, AttributeError | ImportError):
        return SerializationError(
            f"This pickle names something that the code installed here does not have: {error}. Install the version "
            "that wrote the result, or bring the name back, and read again."
        )
    return SerializationError(f"{library} cannot rebuild this object here: {type(error).__name__}: {error}.")
