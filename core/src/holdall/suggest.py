"""Spelling suggestions for error messages: the nearest of the names that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggest(name: str, names: Iterable[str], /, *, cutoff: float = 0.6) -> str | None:
    """Returns the one of `names` nearest to `name`; None if the similarity (0 to 1) of all is below `cutoff`.

    Of names that are equally near, the one that sorts last is returned, whatever the order of `names`.
    """
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, names, n=1, cutoff=cutoff)), None)


def suggestion(name: str, names: Iterable[str], /, *, cutoff: float = 0.7) -> str:
    """Returns ` Did you mean a or b?`, to follow the sentence that `name` does not exist; empty if no name is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(dict.fromkeys(names)), n=3, cutoff=cutoff)
    return f" Did you mean {' or '.join(near)}?" if near else ""
