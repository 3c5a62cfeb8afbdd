"""Whether installed listeners are to be looked for: all that a process without any pays for."""

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
    """Whether the caller has to call `holdall.hooks.bus.discover`: it has not been called, and could find a listener.

    Where there is none to be found, that is noted, and no later call looks again.
    """
    if listeners.discovered:
        return False
    if os.environ.get(SWITCH) or "holdall.plugins.registry" in sys.modules or declared(GROUP):
        return True
    listeners.discovered = True
    return False


def declared(group: str, /) -> bool:
    """Whether a distribution that lies unpacked on `sys.path` declares the group; some 20 µs for each installed one.

    What only a custom finder or a zip file knows of is not seen: a scan by importlib.metadata sees it.
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
