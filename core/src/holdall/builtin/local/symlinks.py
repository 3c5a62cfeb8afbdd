"""Check that symbolic links in a folder do not lead out of it."""

from __future__ import annotations

import os
import stat
from typing import Final

_MAX_CACHED: Final = 16_384


class Border:
    """Checks whether paths below `base` end there, and caches the folders that do."""

    __slots__ = ("_base", "_checked")

    def __init__(self, base: str, /) -> None:
        self._base = base
        self._checked: dict[str, tuple[int, int]] = {}

    def leads_out(self, folder: str, /) -> bool:
        """Whether a symbolic link on the way to `folder` ends outside. A folder is checked once, as long as it is the same."""
        prefix = self._base if self._base.endswith("/") else f"{self._base}/"
        try:
            status = os.stat(f"{prefix}{folder}")
        except OSError:
            status = None  # whatever is wrong shows on opening, once the way there has been looked at
        identity = None if status is None else (status.st_dev, status.st_ino)
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
        if len(self._checked) >= _MAX_CACHED:
            self._checked.clear()
        if identity is not None:
            self._checked[folder] = identity
        return False

    def holds(self, path: str, /) -> bool:
        """Whether the path, with all links followed, ends below the base."""
        root = os.path.realpath(self._base)
        return os.path.realpath(path).startswith(root if root.endswith(os.sep) else root + os.sep)
