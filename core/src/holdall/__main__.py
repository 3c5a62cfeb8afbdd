"""`python -m holdall`: the command line where its script is not on PATH."""

from __future__ import annotations

from holdall.cli import main

main()
