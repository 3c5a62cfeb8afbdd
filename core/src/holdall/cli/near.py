"""The nearest of what there is, for a name that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str], /, *, cutoff: float = 0.7) -> str:
    """` Did you mean …?`, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(dict.fromkeys(known)), n=3, cutoff=cutoff)
    return f" Did you mean {' or '.join(near)}?" if near else ""
