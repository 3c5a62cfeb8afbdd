"""What the last recorded run of a flow called."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdall.units import Unit

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog
    from holdall.types import RunRow

    AnyUnit = Unit[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What ran inside one run of a flow: a unit (or the flow itself) to those that it called, in order.

    `unknown` are functions that ran and are not loaded here; what is stored is not imported because it is named.
    """

    run: RunRow
    called: dict[AnyUnit, list[AnyUnit]]
    unknown: tuple[str, ...]


def recorded(flow: AnyUnit, catalog: Catalog, /) -> Recorded | None:
    """What the last recorded run of a flow called; None where the catalog knows no run of it."""
    runs = catalog.runs(kind="flow", name=flow.name)
    last = next((row for row in runs if _is_of(row.function, flow)), None)
    if last is None:
        return None
    called: dict[AnyUnit, list[AnyUnit]] = {}
    unknown: dict[str, None] = {}
    _collect(last, flow, catalog, called, unknown)
    return Recorded(run=last, called=called, unknown=tuple(unknown))


def _collect(
    run: RunRow, unit: AnyUnit, catalog: Catalog, called: dict[AnyUnit, list[AnyUnit]], unknown: dict[str, None]
) -> None:
    children = called.setdefault(unit, [])
    for row in reversed(catalog.runs(limit=10_000, parent_run_id=run.id)):
        child = _loaded(row.function, unit)
        if child is None:
            unknown[row.function] = None
        elif child not in called or child not in children:
            if child not in children:
                children.append(child)
            _collect(row, child, catalog, called, unknown)


def _is_of(function: str, unit: AnyUnit) -> bool:
    # A script records its functions as those of __main__, whatever it is called here.
    return function in {unit.function_name, f"__main__.{unit.__qualname__}"}


def _loaded(function: str, beside: AnyUnit) -> AnyUnit | None:
    """The task or flow of that name among the modules that are imported already."""
    parts = function.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        module = sys.modules.get(beside.__module__ if name == "__main__" else name)
        if module is not None:
            value: Any = module
            for part in parts[end:]:
                value = getattr(value, part, None)
            if isinstance(value, Unit):
                return value
    return None
