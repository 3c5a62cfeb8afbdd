"""Task runners by class name: `ThreadRunner`, `ProcessRunner`, and those of installed plugins.

The modules inside are internal: submission to task runners, and calls in other processes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.builtin.processes import ProcessRunner
    from holdall.builtin.threads import ThreadRunner

__all__ = ["ProcessRunner", "ThreadRunner"]

_BUILTIN = {
    "ProcessRunner": "holdall.builtin.processes",
    "ThreadRunner": "holdall.builtin.threads",
}


def __getattr__(name: str) -> Any:
    if name in {
        "pickling",
        "remote",
        "submit",
    }:  # which `from holdall.runners import …` asks for first, and then imports
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from holdall.plugins import lazy_names

    return lazy_names.resolve(__name__, "runners", _BUILTIN, {}, name)


def __dir__() -> list[str]:
    from holdall.plugins import lazy_names

    return lazy_names.listed("runners", _BUILTIN)
