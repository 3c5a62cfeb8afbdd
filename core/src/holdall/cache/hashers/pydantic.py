"""Types of pydantic's core that have no layout of Python's; models are counted by theirs, as every instance is."""

from __future__ import annotations

from typing import Any


def url(value: Any) -> Any:
    return type(value).__name__, str(value)
