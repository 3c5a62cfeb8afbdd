"""The stranger's own tests run where the stranger is installed: `test_stranger.py` sees to that."""

from __future__ import annotations

collect_ignore = ["holdall-shelf"]
