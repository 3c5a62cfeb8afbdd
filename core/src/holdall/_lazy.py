"""Lazy names: a public module has a table of its names, and each is imported on first use.

The table and two functions cost the import of the module nothing:

```python
_HOMES = {"Block": "abc.block:StorageBlock", "task": "tasks"}

def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)

def __dir__() -> list[str]:
    return list(__all__)
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def attribute(namespace: dict[str, Any], homes: Mapping[str, str], name: str, /) -> Any:
    """Imports an attribute and stores it in the module, so that its next use is an ordinary look-up.

    Args:
        namespace: What the module's `globals()` returns.
        homes: Attribute -> the module that defines it, below the package; `module:name` where its name is another there.
        name: The attribute that the module was asked for.

    Raises:
        AttributeError: the table has no such attribute.
    """
    home = homes.get(name)
    if home is None:
        module = namespace["__name__"]
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    module, _, there = home.partition(":")
    return namespace.setdefault(name, load(f"{namespace['__package__']}.{module}", there or name))


def load(module: str, name: str, /) -> Any:
    """Imports a module and returns one attribute of it."""
    return getattr(import_module(module), name)
