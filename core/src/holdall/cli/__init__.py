"""The command `holdall`."""

from __future__ import annotations


def main() -> None:
    """What the console script and `python -m holdall` run."""
    from holdall.cli.app import run

    run()
