"""Validation errors of pydantic for messages: field and reason, and never the value, which may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError


class Fault(NamedTuple):
    """One problem of one field."""

    path: str
    """Path of the value, as `ports.0`; empty where it is the whole."""
    field: str
    """The field that was given; empty where it is the whole."""
    kind: str
    """pydantic's name for the problem; `missing` and `extra_forbidden` are those of the field itself."""
    message: str
    """pydantic's own sentence, or the text of a validator's `ValueError`."""


def faults(error: ValidationError, /) -> list[Fault]:
    """Returns the problems that pydantic found, in its order."""
    found = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path = [str(part) for part in each["loc"]]
        message = each["msg"].removeprefix("Value error, ")
        found.append(Fault(".".join(path), path[0] if path else "", each["type"], message))
    return found


def describe(error: ValueError, /) -> str:
    """Returns the message of a `ValueError`, pydantic's or another's, without the value."""
    if not hasattr(error, "errors"):
        return str(error)
    return "; ".join(each.message for each in faults(error))  # type: ignore[arg-type]  # without the 100 ms of its class
