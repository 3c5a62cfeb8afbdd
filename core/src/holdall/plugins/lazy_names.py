"""Class names of `holdall.filesystems`, `runners` and `serializers`: built-ins by table, plugins by entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall import _lazy
from holdall.plugins import registry
from holdall.plugins.known import KNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.plugins.registry import Kind


def resolve(face: str, kind: Kind, builtin: Mapping[str, str], aliases: Mapping[str, str], name: str, /) -> type:
    """Imports the class of a name.

    Raises:
        AttributeError: no built-in and no installed or known plugin has a class of that name.
        PluginError: a plugin has it, and is missing, broken or in conflict with another. It is an `ImportError`, so
            that `from … import name` ends with its message.
    """
    if name in builtin:
        return _lazy.load(builtin[name], name)  # type: ignore[no-any-return]  # the table's names are of classes
    # Python asks modules for names such as __path__ on its own account, which is no reason to scan.
    slug = None if name.startswith("_") else aliases.get(name) or _slug(kind, name)
    if slug is None:
        raise AttributeError(f"module {face!r} has no attribute {name!r}", name=name)
    return registry.load(kind, slug)


def listed(kind: Kind, builtin: Mapping[str, str], /) -> list[str]:
    """Returns the class names that are built in or installed, whether they can be imported or not."""
    return sorted({*builtin, *(_class(entry.target) for entry in registry.entries(kind) if entry.shadowed_by is None)})


def _slug(kind: Kind, name: str) -> str | None:
    for entry in registry.entries(kind):
        if entry.shadowed_by is None and _class(entry.target) == name:
            return entry.name
    return next((slug for slug, (_, known) in KNOWN[kind].items() if known == name), None)


def _class(target: str) -> str:
    return target.rpartition(":")[2].rpartition(".")[2]
