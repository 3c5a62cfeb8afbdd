"""Exceptions that holdall raises.

```text
HoldallError
├── ConfigurationError (ValueError)         an option, a setting or a name is wrong
│   ├── UnknownBlockError (LookupError)     no block is saved or configured under the slug
│   ├── UnknownSerializerError (LookupError)
│   └── PersistenceRequiredError            persist_result=False against a feature that needs a result
├── PluginError (ImportError)
│   ├── PluginMissingError                  not installed: carries the install line
│   ├── PluginBrokenError                   installed, and its import or its class fails
│   └── PluginConflictError                 two distributions claim one name
├── ResultError
│   ├── MissingResultError (LookupError)    no record, or its payload is gone
│   ├── ExpiredResultError (LookupError)
│   ├── CorruptResultError (ValueError)     checksum, size or structure
│   ├── UntrustedResultError (PermissionError)
│   └── SerializationError (ValueError)     names the path inside the object
├── StorageError (OSError)                  names block, key and operation; never means "absent"
│   ├── KeyMissing (LookupError)            the only answer that means "absent"
│   └── KeyExists                           mode="create" found the key taken
└── CatalogError (OSError)

HoldallWarning (UserWarning)                the run goes on, and something is worth knowing
```

A leaf also inherits the builtin that a caller would think of, so `except LookupError` finds a missing result.
"""

from __future__ import annotations

from typing import Any


def _rebuild(cls: type[HoldallError], args: tuple[Any, ...], state: dict[str, Any]) -> HoldallError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class HoldallError(Exception):
    """Base class: `except HoldallError` catches every error that this library raises on purpose.

    If a run fails because its result could not be stored, `value` is what was computed (never in the message), and
    `kept` says where its bytes are stored instead, if they are.
    """

    value: Any = None
    kept: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Leaves take keywords, which BaseException.__reduce__ would lose between processes.
        return _rebuild, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        # OSError and KeyError format their arguments in ways of their own; ours are sentences.
        return str(self.args[0]) if self.args else type(self).__name__


class ConfigurationError(HoldallError, ValueError):
    """An option, a setting or a name is wrong, whatever the data."""


class UnknownBlockError(ConfigurationError, LookupError):
    """No storage block has the slug, in any of the places that were searched."""


class UnknownSerializerError(ConfigurationError, LookupError):
    """No serializer has the name."""


class PersistenceRequiredError(ConfigurationError):
    """A feature needs the result to be stored, and `persist_result=False` forbids it."""


class PluginError(HoldallError, ImportError):
    """A plugin is missing, broken, or in conflict with another."""


class PluginMissingError(PluginError):
    """No installed distribution provides the name, or a package that an extra brings is not installed."""


class PluginBrokenError(PluginError):
    """A distribution provides the name, and loading it fails; the cause is chained."""


class PluginConflictError(PluginError):
    """Two distributions provide the same name, and no setting chooses between them."""


class ResultError(HoldallError):
    """A result cannot be read, or cannot be stored."""


class MissingResultError(ResultError, LookupError):
    """There is no record under the key, or the payload that it names is gone."""


class ExpiredResultError(ResultError, LookupError):
    """The result has expired."""


class CorruptResultError(ResultError, ValueError):
    """Bytes differ from what was written: checksum, size or structure."""


class UntrustedResultError(ResultError, PermissionError):
    """Stored data names a module, a function or a serializer that the reader does not trust."""


class SerializationError(ResultError, ValueError):
    """A serializer cannot write a value, or cannot read it back.

    `path` is the place inside the object, as `result["model"].lock`, or None if it is not known.
    """

    def __init__(self, message: str, /, *, path: str | None = None, value: Any = None) -> None:
        super().__init__(message)
        self.path = path
        self.value = value


class StorageError(HoldallError, OSError):
    """An operation of a storage failed; `__cause__` is the backend's own error.

    `block` is the slug or the type of the block, `operation` the method that was called, as put or get. `transient` says
    that the same call may succeed in a moment.
    """

    def __init__(
        self, message: str, /, *, block: str = "", key: str = "", operation: str = "", transient: bool = False
    ) -> None:
        super().__init__(message)
        self.block = block
        self.key = key
        self.operation = operation
        self.transient = transient


class KeyMissing(StorageError, LookupError):  # noqa: N818 - reads as the answer it is
    """No object is stored under the key. No other error means that."""


class KeyExists(StorageError):  # noqa: N818 - reads as the answer it is
    """`mode="create"` found an object under the key, and left it unchanged."""


class CatalogError(HoldallError, OSError):
    """The catalog cannot be opened, read or written."""


class HoldallWarning(UserWarning):
    """A run goes on, and something about its results is worth knowing."""


def describe_error(error: BaseException) -> str:
    """Returns type and message, whatever `str(error)` does, without lone surrogates, which databases refuse."""
    try:
        message = str(error)
    except Exception as unspeakable:  # noqa: BLE001 - a user's __str__ may raise anything
        message = f"<its str() raises {type(unspeakable).__name__}>"
    return f"{type(error).__name__}: {message}".encode("utf-8", "backslashreplace").decode()
