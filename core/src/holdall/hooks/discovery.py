"""Cheap check whether a listener may be installed: all that a process without one pays for."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from holdall.hooks.listeners import listeners

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP: Final = "holdall.hooks"
SWITCH: Final = "HOLDALL_HOOKS"


def is_due() -> bool:
    """Returns whether `holdall.hooks.bus.discover` is to be called: it was not called yet, and could find a listener.

    If there is none, later calls do not look again.
    """
    if listeners.discovered:
        return False
    if os.environ.get(SWITCH) or "holdall.plugins.registry" in sys.modules or declared(GROUP):
        return True
    listeners.discovered = True
    return False


def declared(group: str, /) -> bool:
    """Returns whether an unpacked distribution on `sys.path` declares the group; some 20 µs for each installed one.

    Those in a zip file or behind a custom finder are not seen; a scan by importlib.metadata sees them.
    """
    wanted = f"[{group}]".encode()
    return any(wanted in content for folder in dict.fromkeys(sys.path) for content in _declarations(folder or "."))


def _declarations(folder: str, /) -> Iterator[bytes]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(f"{folder}/{name}/entry_points.txt", "rb") as file:
                    yield file.read()
            except OSError:
                continue
