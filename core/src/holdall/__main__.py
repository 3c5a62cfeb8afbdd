"""The script `holdall` and `python -m holdall`: both start the command line, which is a distribution of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from holdall.errors import PluginBrokenError
from holdall.plugins import registry
from holdall.plugins.entry_points import normalised
from holdall.plugins.loading import target_of

if TYPE_CHECKING:
    from collections.abc import Callable

_DISTRIBUTION = "holdall-cli"
_PROGRAM = "holdall"


def main() -> None:
    """Run the program that `holdall-cli` offers in the group `holdall.cli`; without it, say how to install it."""
    for entry in registry.entries("cli"):
        # Of this distribution alone: any other could put itself in front of every command.
        if entry.name == _PROGRAM and normalised(entry.distribution) == _DISTRIBUTION and entry.shadowed_by is None:
            break
    else:
        sys.stderr.write('The command line is not installed. Install it: pip install "holdall[cli]"\n')
        raise SystemExit(2)
    try:
        program = cast("Callable[[], None]", target_of(entry, noun="command"))
    except PluginBrokenError as error:
        sys.stderr.write(f"Error: {error}\n")
        raise SystemExit(1) from None
    program()


if __name__ == "__main__":
    main()
