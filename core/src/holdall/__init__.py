"""Stores what Python functions return, and reads it back: whether, where and how is for each task or flow to say.

Importing this package loads no other: each name below is imported on first use.
"""

from __future__ import annotations

import sys

# As typing.TYPE_CHECKING, which type checkers know by its name: typing itself would be most of this import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any

    from holdall.abc.block import StorageBlock as Block
    from holdall.declaration.retry_delay import exponential_backoff
    from holdall.engine.future import Future, as_completed, wait
    from holdall.engine.state import State
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
    from holdall.plugins.registry import register
    from holdall.results.load import load_result
    from holdall.results.references import ResultLiteral, ResultReference
    from holdall.settings.model import Settings
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
    "Future": "engine.future",
    "HoldallError": "errors",
    "HoldallWarning": "errors",
    "MissingResultError": "errors",
    "PersistenceRequiredError": "errors",
    "PluginError": "errors",
    "ResultError": "errors",
    "ResultLiteral": "results.references",
    "ResultReference": "results.references",
    "SerializationError": "errors",
    "Settings": "settings.model",
    "State": "engine.state",
    "StorageError": "errors",
    "Task": "tasks",
    "UnknownBlockError": "errors",
    "UnknownSerializerError": "errors",
    "UntrustedResultError": "errors",
    "as_completed": "engine.future",
    "exponential_backoff": "declaration.retry_delay",
    "flow": "flows",
    "load_result": "results.load",
    "register": "plugins.registry",
    "task": "tasks",
    "unmapped": "tasks",
    "wait": "engine.future",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return globals().setdefault(name, version("holdall"))
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _OldModules:
    """Import finder for the names that modules had before the core had packages; asked last."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        del path, target
        if not name.startswith("holdall."):
            return None
        from holdall._moved import spec

        return spec(name)


sys.meta_path.append(_OldModules)
