"""Hashers of types of pydantic's core written in Rust; models are hashed by their attributes, as every instance."""

from __future__ import annotations

from typing import Any


def url(value: Any) -> Any:
    return type(value).__name__, str(value)
