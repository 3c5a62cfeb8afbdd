"""Classes in type hints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NAME: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def classes_in(
    hints: Iterable[tuple[str, Any]], namespace: Mapping[str, Any], *, leave_out: str = ""
) -> Iterator[type]:
    """Yields the classes that hints name, also within `X | None`, `list[X]` and in texts."""
    for name, hint in hints:
        if name != leave_out:
            yield from _classes(hint, namespace)


def _classes(hint: Any, namespace: Mapping[str, Any]) -> Iterator[type]:
    if isinstance(hint, str):
        for name in _NAME.findall(hint):
            first, *rest = name.split(".")
            found = namespace.get(first)
            for each in rest:
                found = getattr(found, "__dict__", {}).get(each)
            if found is not None and not isinstance(found, str):
                yield from _classes(found, namespace)
        return
    inner = getattr(hint, "__args__", None)
    if isinstance(inner, tuple):
        for each in inner:
            yield from _classes(each, namespace)
        hint = getattr(hint, "__origin__", None)
    forward = getattr(hint, "__forward_arg__", None)
    if isinstance(forward, str):
        yield from _classes(forward, namespace)
    elif isinstance(hint, type):
        yield hint
