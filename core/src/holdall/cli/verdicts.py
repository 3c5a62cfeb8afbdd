"""What the checks of a storage found, as a table that grows while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.cli.output import duration, table, working
from holdall.storage import check as checking

if TYPE_CHECKING:
    from holdall.abc.storage import Storage
    from holdall.storage.check import Verdict


def tried(storage: Storage, name: str, /) -> list[Verdict]:
    """Every check of a storage, with a sign of life meanwhile."""
    with working(f"Checking {name}"):
        return list(checking.check(storage))


def show(verdicts: list[Verdict], /) -> None:
    table(
        ("CHECK", "VERDICT", "TOOK", "FOUND"),
        (
            (each.check, each.outcome, "" if each.outcome == "skipped" else duration(each.seconds), each.message)
            for each in verdicts
        ),
    )


def failed(verdicts: list[Verdict], /) -> list[str]:
    return [each.check for each in verdicts if each.outcome == "failed"]
