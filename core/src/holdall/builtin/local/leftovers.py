"""Leftovers: files that a writer had not finished when it was killed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from holdall.abc.keys import LOCKS, TEMPORARY
from holdall.ids import id_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator


def files(base: str, before: float, /) -> Iterator[tuple[str, os.stat_result]]:
    """Yields paths below `base` of unfinished files that were not touched since `before`; links are not followed.

    Both the file and its name must be that old: a file that is about to get a second name has its first one's age, and a
    file that takes long to write has an old name.

    Raises:
        OSError: a folder cannot be listed; `FileNotFoundError` where there is no `base`.
    """
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except FileNotFoundError:
            if folder == base:
                raise
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if folder != base or entry.name != LOCKS:
                    waiting.append(entry.path)
            elif _is_old(entry.name, before) and entry.is_file(follow_symlinks=False):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # finished, or tidied up, since it was listed
                if status.st_mtime < before:
                    yield entry.path, status


def _is_old(name: str, before: float) -> bool:
    begun = id_timestamp(name.removeprefix(TEMPORARY)) if name.startswith(TEMPORARY) else None
    return begun is not None and begun < before
