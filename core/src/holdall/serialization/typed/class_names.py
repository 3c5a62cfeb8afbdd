"""Names of classes: written as `module:QualName`, and looked up under the reader's trust."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdall._moved import place
from holdall.errors import CorruptResultError, SerializationError
from holdall.serialization.typed.errors import UnsupportedValue, described
from holdall.serialization.typed.static_lookup import is_class, module_names, module_of, names, qualname_of

if TYPE_CHECKING:
    from types import ModuleType

    from holdall.types import Trust

_OWN = frozenset({"pydantic.networks", "pydantic.types", "pydantic_core._pydantic_core"})
"""Modules of a dependency of holdall whose classes have forms: as trusted as this module is."""


def class_name(cls: type, /) -> str:
    """Returns the name under which a reader finds `cls`.

    Raises:
        UnsupportedValue: another process could not find it.
    """
    module, qualname = module_of(cls), qualname_of(cls)
    if "<locals>" in qualname:
        raise UnsupportedValue(
            f"is {described(cls)}, a class made inside a function, which no other process can find by its name (move "
            f"it to the top of its module)"
        )
    loaded = sys.modules.get(module)
    if loaded is None or _walk(loaded, qualname) is not cls:
        raise UnsupportedValue(f"is {described(cls)}, and that class is not to be found under that name")
    return f"{module}:{qualname}"


def find_class(name: Any, /, *, trust: Trust, kind: str) -> type:
    """Returns the class of that name, looked up without running code of its module: no `__getattr__`, no property.

    Raises:
        UntrustedResultError: its module is neither imported nor accepted.
        SerializationError: the module is there and has no such class.
        CorruptResultError: the name is malformed, or is not that of a class.
    """
    module, colon, qualname = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not (module and colon and qualname) or "<" in qualname:
        raise CorruptResultError(f"The stored data holds a {kind} whose class name is malformed.")
    moved = place(module, qualname) if module.startswith("holdall.") else None
    if moved is not None:
        module, qualname = moved
    cls = _walk(_module(module, trust, f"A stored {kind}, {name!r},"), qualname)
    if cls is None:
        hint = " A class of __main__ is only found by the script that defines it." if module == "__main__" else ""
        raise SerializationError(
            f"The stored data holds a {kind} of class {name!r}, and the module has no such class here: was it renamed "
            f"or moved?{hint}"
        )
    if not is_class(cls):
        raise CorruptResultError(f"The stored data says that {name!r} is the class of a {kind}; it is no class.")
    return cls  # type: ignore[no-any-return]  # as is_class says


def _module(name: str, trust: Trust, needed_for: str) -> ModuleType:
    if name in _OWN:
        return import_module(name)
    try:
        return trust.module(name, needed_for=needed_for)
    except ImportError as error:
        raise SerializationError(f"{needed_for} needs the module {name!r}, which cannot be imported here.") from error


def _walk(module: ModuleType, qualname: str, /) -> Any:
    value: Any = module
    for part in qualname.split("."):
        if value is not module and not is_class(value):
            return None
        value = (module_names(value) if value is module else names(value)).get(part)
    return value
