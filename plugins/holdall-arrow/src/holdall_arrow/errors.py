"""The error for a table, or a part of one, that a file format cannot hold."""

from __future__ import annotations

from typing import Any

from holdall.errors import SerializationError


def refused(path: str, reason: str, serializer: str, value: Any, /) -> SerializationError:
    """The error that names the part that cannot be written."""
    return SerializationError(
        f'The {serializer} serializer cannot write this result: {path} {reason}. Use result_serializer="pickle" for it, or '
        f"return something that {serializer} has a form for.",
        path=path,
        value=value,
    )
