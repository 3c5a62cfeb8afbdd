"""Probes: attributes that a walk has read, to check later that each is still the same object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CellType, FunctionType

MISSING: Final = object()
EMPTY: Final = object()
"""Stands for the content of an empty cell."""
_MADE_LATER: Final = frozenset({"__slotnames__", "__annotations_cache__"})
"""Attributes that Python adds to a class when an instance is pickled or hints are read."""


class Probes:
    """Attributes that a walk has read; `unchanged` checks whether each is still the same object."""

    __slots__ = ("cells", "classes", "entries", "functions")

    def __init__(self) -> None:
        self.entries: dict[tuple[int, str], tuple[Mapping[str, Any], str, Any]] = {}
        self.functions: dict[int, tuple[FunctionType, Any, Any, Any]] = {}
        self.cells: dict[int, tuple[CellType, Any]] = {}
        self.classes: dict[int, tuple[type, list[tuple[str, Any]]]] = {}

    def note_class(self, cls: type) -> None:
        self.classes[id(cls)] = (cls, [item for item in tuple(cls.__dict__.items()) if item[0] not in _MADE_LATER])

    def unchanged(self) -> bool:  # noqa: C901 - what every call pays for: a loop a kind, without calls
        for mapping, name, value in self.entries.values():
            if mapping.get(name, MISSING) is not value:
                return False
        for fn, code, defaults, named in self.functions.values():
            if fn.__code__ is not code or fn.__defaults__ is not defaults or fn.__kwdefaults__ is not named:
                return False
        for cell, value in self.cells.values():
            if contents(cell) is not value:
                return False
        for cls, items in self.classes.values():
            now = cls.__dict__
            if len(now) - len(_MADE_LATER & now.keys()) != len(items):
                return False
            for name, value in items:
                if now.get(name, MISSING) is not value:
                    return False
        return True


def contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY
