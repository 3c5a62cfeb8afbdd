"""Whether anybody listens: all that a run without listeners pays for. hooks.py has the events, and who is told."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP: Final = "holdall.hooks"
SWITCH: Final = "HOLDALL_HOOKS"


class _Ear:
    """`active`: somebody listens. `discovered`: installed listeners have been looked for."""

    __slots__ = ("active", "discovered")

    def __init__(self) -> None:
        self.active = False
        self.discovered = False


ear: Final = _Ear()


def discover() -> None:
    """Let installed listeners listen, once per process: what `holdall.hooks.bus.discover` does, where it would find any."""
    if ear.discovered:
        return
    if os.environ.get(SWITCH) or "holdall.plugins.registry" in sys.modules or declared(GROUP):
        from holdall.hooks import bus

        bus.discover()
    else:
        ear.discovered = True


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
