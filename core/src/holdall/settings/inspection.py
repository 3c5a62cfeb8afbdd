"""Settings for commands that only look: a file that came with a project raises no trust there.

Whoever looks at the results of a clone has not agreed to what its author wrote into `holdall.toml`. Programs have: they
are run.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from holdall.settings import model as settings
from holdall.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ACCEPT = "accept"


@contextmanager
def looking() -> Iterator[None]:
    """Within it, `settings.current` trusts what the user says, in the environment, and not what a project says."""
    before = settings.adjust_with(distrusting)
    try:
        yield
    finally:
        settings.adjust_with(before)


def accept(names: Iterable[str], /) -> None:
    """Let commands accept these as well, until `looking` ends."""
    more = frozenset(names)
    if more:
        settings.adjust_with(lambda found: _accepting(distrusting(found), more))


def distrusting(found: Settings, /) -> Settings:
    """The same without what a project's file accepts: of all results, in a block, or by the catalog that it chooses."""
    own = frozenset() if _is_of_a_project(found, "results_accept") else found.results_accept
    blocks = {
        slug: {name: value for name, value in table.items() if name != _ACCEPT}
        if _is_of_a_project(found, f"blocks.{slug}")
        else table
        for slug, table in found.blocks.items()
    }
    return replace(found, results_accept=own, blocks=blocks, trusts_catalog=not _is_of_a_project(found, "home"))


def refused() -> str | None:
    """What to say of an accept list that was not used here; None where there is none."""
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
    """Whether a setting comes from a file, other than one in the user's own home folder."""
    source = found.sources.get(name, settings.DEFAULT)
    if source == settings.DEFAULT or source.startswith("environment variable "):
        return False
    own = os.path.realpath(os.path.expanduser("~"))
    return os.path.realpath(os.path.dirname(source)) != own
