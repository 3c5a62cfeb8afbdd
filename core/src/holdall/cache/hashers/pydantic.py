"""Types of pydantic's core that have no layout of Python's; models are counted by theirs, as every instance is."""

from __future__ import annotations

from typing import Any


def url(value: Any) -> str:
    return str(value)
