"""Settings of commands that only inspect results: files of a project extend no trust there.

A user who inspects the results of a clone has not agreed to what its author wrote into `holdall.toml`. One who runs its
programs has.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from holdall.settings.model import Settings, adjust_with
from holdall.settings.sources import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ACCEPT = "accept"


@contextmanager
def looking() -> Iterator[None]:
    """Context manager in which `settings.current` takes trust from the environment alone, not from files of a project."""
    before = adjust_with(distrusting)
    try:
        yield
    finally:
        adjust_with(before)


def accept(names: Iterable[str], /) -> None:
    """Adds names to what commands accept, until `looking` ends."""
    more = frozenset(names)
    if more:
        adjust_with(lambda found: _accepting(distrusting(found), more))


def distrusting(found: Settings, /) -> Settings:
    """Returns the settings without what a file of a project accepts: for all results, in a block, or by its catalog."""
    own = frozenset() if _is_of_a_project(found, "results_accept") else found.results_accept
    blocks = {
        slug: {name: value for name, value in table.items() if name != _ACCEPT}
        if _is_of_a_project(found, f"blocks.{slug}")
        else table
        for slug, table in found.blocks.items()
    }
    return replace(found, results_accept=own, blocks=blocks, trusts_catalog=not _is_of_a_project(found, "home"))


def refused() -> str | None:
    """Returns the message on an accept list that was not used; None if there is none."""
    found = Settings.read(os.getcwd(), dict(os.environ))
    if not (found.results_accept and _is_of_a_project(found, "results_accept")):
        return None
    names = ",".join(sorted(found.results_accept))
    return (
        f"{found.sources['results_accept']} accepts {names}, but a file that comes with a project raises no trust for "
        f"commands. If you trust it: --accept {names}, or HOLDALL_RESULTS_ACCEPT={names}."
    )


def _accepting(found: Settings, more: frozenset[str]) -> Settings:
    return replace(found, results_accept=found.results_accept | more)


def _is_of_a_project(found: Settings, name: str) -> bool:
    """Returns whether a setting comes from a file, other than one in the user's own home folder."""
    source = found.sources.get(name, DEFAULT)
    if source == DEFAULT or source.startswith("environment variable "):
        return False
    own = os.path.realpath(os.path.expanduser("~"))
    return os.path.realpath(os.path.dirname(source)) != own
