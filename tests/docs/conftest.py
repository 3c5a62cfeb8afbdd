"""Puts this folder on the path: the runner of a page imports the reader as a script does."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
