"""What the walk of code cannot follow, for explanations: where it is and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FunctionType


class Unfollowed(NamedTuple):
    where: str
    expression: str
    reason: str


def unfollowed_in(functions: Iterable[FunctionType], /) -> list[Unfollowed]:
    return []
