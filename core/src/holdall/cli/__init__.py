"""The command `holdall`."""

from __future__ import annotations


def main() -> None:
    """What the console script and `python -m holdall` run."""
    from holdall.cli.app import run  # noqa: PLC0415 - typer, for those who start the program

    run()
