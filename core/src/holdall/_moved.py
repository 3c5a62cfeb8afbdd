"""Old names of modules, classes and functions, from before the core had packages.

Programs import them, and stored pickles and JSON name them. The tables are read only where an old name is looked up.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

# Below holdall.
_MODULES: Final = {
    "_registry": "plugins.registry",
    "abc.compression": "serialization.compression",
    "abc.keyring": "security.keyring",
    "abc.policy": "security.policy",
    "abc.ranged": "serialization.sources",
    "abc.sameness": "serialization.compare",
    "abc.typed": "serialization.typed",
    "abc.typed.form": "serialization.typed.form",
    "abc.typed.jsontree": "serialization.typed.json",
    "abc.typed.names": "serialization.typed.class_names",
    "abc.typed.reader": "serialization.typed.reader",
    "abc.typed.refusal": "serialization.typed.errors",
    "abc.typed.writer": "serialization.typed.writer",
    "abc.wrapping": "serialization.wrapping",
    "blocks": "blocks.lookup",
    "boundary": "storage.guard",
    "builtin.bundle": "builtin.bundle.serializer",
    "builtin.compressed": "builtin.compressed.serializer",
    "builtin.json": "builtin.json.serializer",
    "builtin.local": "builtin.local.block",
    "builtin.octets": "builtin.bytes",
    "builtin.pickle": "builtin.pickle.serializer",
    "plugins": "plugins.diagnosis",
    "results": "results.references",
    "settings": "settings.model",
    "catalogs": "catalog.open",
    "events": "hooks.events",
    "fields": "plugins.options",
    "futures": "engine.future",
    "options": "declaration.options",
    "recorder": "catalog.recorder",
    "resolution": "declaration.resolution",
    "retries": "declaration.retry_delay",
    "retrieval": "results.load",
    "runnable": "tasks",
    "states": "engine.state",
    "testing.capabilities": "testing.storage.capabilities",
    "testing.holders": "testing.locks.processes",
    "testing.large": "testing.storage.large",
    "testing.listing": "testing.storage.listing",
    "testing.processes": "testing.storage.processes",
    "testing.promises": "testing.storage.asserts",
    "testing.sharing": "testing.storage.concurrency",
    "testing.trouble": "testing.storage.errors",
    "testing.unfinished": "testing.storage.leftovers",
    "units": "declaration.definition",
    "unmapping": "engine.inputs",
}
# Names that left their module, or have another name in it.
_NAMES: Final = {
    ("abc", "Compression"): ("serialization", "Compression"),
    ("abc", "CompressionSerializer"): ("serialization", "CompressionSerializer"),
    ("abc", "WrappingSerializer"): ("serialization", "WrappingSerializer"),
    ("abc.typed", "Form"): ("serialization.typed", "TypeHandler"),
    ("abc.typed", "Refused"): ("serialization.typed", "UnsupportedValue"),
    ("abc.typed.form", "Form"): ("serialization.typed.form", "TypeHandler"),
    ("abc.typed.refusal", "Refused"): ("serialization.typed.errors", "UnsupportedValue"),
    ("abc.typed.writer", "LEAST"): ("serialization.typed.writer", "MIN_INT"),
    ("abc.typed.writer", "MOST"): ("serialization.typed.writer", "MAX_INT"),
    ("results", "SerializerReference"): ("types", "SerializerReference"),
    ("results", "StorageReference"): ("types", "StorageReference"),
    ("units", "Unit"): ("declaration.definition", "Definition"),
    ("units", "_found"): ("declaration.definition", "_by_name"),
    ("units", "_varied"): ("declaration.definition", "_with_options"),
}


def place(module: str, name: str, /) -> tuple[str, str] | None:
    """Returns the module and the name that a name of an old module stands for; None if it has not moved."""
    old = module.removeprefix("holdall.")
    moved = _NAMES.get((old, name)) or ((_MODULES[old], name) if old in _MODULES else None)
    return moved and (f"holdall.{moved[0]}", moved[1])


def attribute(module: str, name: str, /) -> Any:
    """Returns the object that a name of an old module stands for, with a warning that says where it is.

    Raises:
        AttributeError: it stands for no object.
    """
    moved = None if name.startswith("__") else place(module, name)
    if moved is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    from warnings import warn

    # Stored in the module: an import statement asks twice, and is warned once.
    found = vars(sys.modules[module])[name] = getattr(import_module(moved[0]), moved[1])
    warn(f"{module}.{name} has moved: import it as {_public(*moved, found)}.", DeprecationWarning, stacklevel=3)
    return found


def spec(module: str, /) -> ModuleSpec | None:
    """Returns the import spec of an old module; None if there was no module of that name."""
    if module.removeprefix("holdall.") not in _MODULES:
        return None
    return ModuleSpec(module, _Loader(), is_package=True)  # type: ignore[arg-type]  # importlib.abc costs 2 ms


class _Loader:
    @staticmethod
    def create_module(_: ModuleSpec) -> None:
        return None

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        module.__doc__ = f"Old name of holdall.{_MODULES[module.__name__.removeprefix('holdall.')]}."
        module.__getattr__ = lambda name: attribute(module.__name__, name)  # type: ignore[method-assign]


def _public(module: str, name: str, found: object) -> str:
    if vars(sys.modules["holdall"])["_HOMES"].get(name) and getattr(sys.modules["holdall"], name) is found:
        return f"holdall.{name}"
    return f"{module}.{name}"
