"""The folder itself is where tests and data find `golden_members` and `golden_data`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
