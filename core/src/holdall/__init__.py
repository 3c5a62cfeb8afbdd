"""holdall keeps what Python functions return: whether, where and how, and gives it back later.

Importing this package loads no other: each name below is imported when it is first used.
"""

from __future__ import annotations

# As typing.TYPE_CHECKING, which type checkers know by its name: typing itself would be most of this import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall._registry import register
    from holdall.abc.block import StorageBlock as Block
    from holdall.errors import (
        CatalogError,
        ConfigurationError,
        CorruptResultError,
        ExpiredResultError,
        HoldallError,
        HoldallWarning,
        MissingResultError,
        PersistenceRequiredError,
        PluginError,
        ResultError,
        SerializationError,
        StorageError,
        UnknownBlockError,
        UnknownSerializerError,
        UntrustedResultError,
    )
    from holdall.flows import Flow, flow
    from holdall.futures import Future, as_completed, wait
    from holdall.results import ResultLiteral, ResultReference
    from holdall.retries import exponential_backoff
    from holdall.retrieval import load_result
    from holdall.settings import Settings
    from holdall.states import State
    from holdall.tasks import Task, task, unmapped

    __version__: str

__all__ = [
    "Block",
    "CatalogError",
    "ConfigurationError",
    "CorruptResultError",
    "ExpiredResultError",
    "Flow",
    "Future",
    "HoldallError",
    "HoldallWarning",
    "MissingResultError",
    "PersistenceRequiredError",
    "PluginError",
    "ResultError",
    "ResultLiteral",
    "ResultReference",
    "SerializationError",
    "Settings",
    "State",
    "StorageError",
    "Task",
    "UnknownBlockError",
    "UnknownSerializerError",
    "UntrustedResultError",
    "as_completed",
    "exponential_backoff",
    "flow",
    "load_result",
    "register",
    "task",
    "unmapped",
    "wait",
]

# Name here: module, and the name there where it is another.
_HOMES = {
    "Block": "abc.block:StorageBlock",
    "CatalogError": "errors",
    "ConfigurationError": "errors",
    "CorruptResultError": "errors",
    "ExpiredResultError": "errors",
    "Flow": "flows",
    "Future": "futures",
    "HoldallError": "errors",
    "HoldallWarning": "errors",
    "MissingResultError": "errors",
    "PersistenceRequiredError": "errors",
    "PluginError": "errors",
    "ResultError": "errors",
    "ResultLiteral": "results",
    "ResultReference": "results",
    "SerializationError": "errors",
    "Settings": "settings",
    "State": "states",
    "StorageError": "errors",
    "Task": "tasks",
    "UnknownBlockError": "errors",
    "UnknownSerializerError": "errors",
    "UntrustedResultError": "errors",
    "as_completed": "futures",
    "exponential_backoff": "retries",
    "flow": "flows",
    "load_result": "retrieval",
    "register": "_registry",
    "task": "tasks",
    "unmapped": "tasks",
    "wait": "futures",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - 30 ms, which nobody else pays

        return globals().setdefault(name, version("holdall"))
    from holdall._lazy import attribute  # noqa: PLC0415 - `import holdall` itself needs nothing

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
