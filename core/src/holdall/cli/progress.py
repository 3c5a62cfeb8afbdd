"""How far long work has come, for whoever watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from holdall.storage.progress import wanted, watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_T = TypeVar("_T")
_LONG: Final = 0.5  # seconds: sooner than in a library, as somebody waits for nothing but this


def track(items: Sequence[_T], what: str, /) -> Iterable[_T]:
    """A bar on standard error once it takes long, in a terminal and where `HOLDALL_PROGRESS` is not 0."""
    return _tracked(items, what) if wanted() else items


def _tracked(items: Sequence[_T], what: str) -> Iterator[_T]:
    with watched(what, len(items), unit="items", after=_LONG) as done:
        for item in items:
            yield item
            done(1)
