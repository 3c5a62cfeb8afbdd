"""Entry point of the script `holdall` and of `python -m holdall`: starts the command line, a distribution of its own."""

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
    """Runs the program that `holdall-cli` has in the group `holdall.cli`; prints the install line where there is none."""
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
