"""Calls that the last recorded run of a flow made."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from holdall.declaration.definition import Definition

if TYPE_CHECKING:
    from holdall.abc.catalog import Catalog
    from holdall.types import RunRow

    AnyDefinition = Definition[Any, Any]


_MOST: Final = 100_000  # runs of one flow run that are looked at, the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Runs inside one run of a flow: each definition (or the flow itself) with those that it called, in order.

    `unknown` are functions that ran and are not loaded here; what is stored is not imported because it is named.
    """

    run: RunRow
    called: dict[AnyDefinition, list[AnyDefinition]]
    unknown: tuple[str, ...]


def recorded(flow: AnyDefinition, catalog: Catalog, /) -> Recorded | None:
    """Reads the calls of the last recorded run of a flow; None if the catalog has no run of it."""
    last = next((row for row in catalog.runs(kind="flow", name=flow.name) if _is_of(row.function, flow)), None)
    if last is None:
        return None
    called: dict[AnyDefinition, list[AnyDefinition]] = {}
    unknown: dict[str, None] = {}

    def collect(flow_run: RunRow, definition: AnyDefinition) -> None:
        definitions = {flow_run.id: definition}
        # Ids are in order of time, so a caller comes before what it calls.
        for row in reversed(catalog.runs(limit=_MOST, flow_run_id=flow_run.id)):
            child = _loaded(row.function, definition)
            if child is None:
                unknown[row.function] = None
                continue
            definitions[row.id] = child
            children = called.setdefault(definitions.get(row.parent_run_id or "", definition), [])
            if child not in children:
                children.append(child)
            if child.kind == "flow":
                collect(row, child)

    collect(last, flow)
    return Recorded(run=last, called=called, unknown=tuple(unknown))


def _is_of(function: str, definition: AnyDefinition) -> bool:
    # A script records its functions as those of __main__, whatever it is called here.
    return function in {definition.function_name, f"__main__.{definition.__qualname__}"}


def _loaded(function: str, beside: AnyDefinition) -> AnyDefinition | None:
    """Finds the task or flow of that name in the modules that are imported already."""
    parts = function.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        module = sys.modules.get(beside.__module__ if name == "__main__" else name)
        if module is not None:
            value: Any = module
            for part in parts[end:]:
                value = getattr(value, part, None)
            if isinstance(value, Definition):
                return value
    return None
