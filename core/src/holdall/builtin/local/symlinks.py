"""The border of a folder: whether symbolic links in it lead out."""

from __future__ import annotations

import os
import stat
from typing import Final

_FOLDERS_REMEMBERED: Final = 16_384


class Border:
    """Says of paths below `base` whether they end there, and remembers the folders that do."""

    __slots__ = ("_base", "_checked")

    def __init__(self, base: str, /) -> None:
        self._base = base
        self._checked: dict[str, tuple[int, int]] = {}

    def leads_out(self, folder: str, /) -> bool:
        """Whether a symbolic link on the way to `folder` ends outside; a folder that was fine stays so while it is the same."""
        prefix = self._base if self._base.endswith("/") else f"{self._base}/"
        try:
            found = os.stat(f"{prefix}{folder}")
        except OSError:
            found = None  # whatever is wrong shows on opening, once the way there has been looked at
        identity = None if found is None else (found.st_dev, found.st_ino)
        if identity is not None and self._checked.get(folder) == identity:
            return False
        path = prefix[:-1]
        for segment in folder.split("/"):
            path = f"{path}/{segment}"
            try:
                linked = stat.S_ISLNK(os.lstat(path).st_mode)
            except OSError:
                return False  # what is not there leads nowhere, and any other trouble shows on opening
            if linked and not self.holds(path):
                return True
        if len(self._checked) >= _FOLDERS_REMEMBERED:
            self._checked.clear()
        if identity is not None:
            self._checked[folder] = identity
        return False

    def holds(self, path: str, /) -> bool:
        """Whether the path, with all links followed, ends below the base."""
        root = os.path.realpath(self._base)
        return os.path.realpath(path).startswith(root if root.endswith(os.sep) else root + os.sep)
