"""One row of the table of forms: how a type is written under a tag, and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LEVELS: Final = 250
"""Deepest nesting of objects and arrays in what is written: orjson stops at 254, the recursion of CPython near 1000."""

Payload: TypeAlias = Literal["text", "blob", "tree", "class"]
"""`text`: always a string. `blob`: always bytes. `tree`: plain data. `class`: plain data beside the name of a class."""


class Form(NamedTuple):
    """`write(writer, obj, level)` gives the payload; `read(reader, payload)` gives the object back.

    `level` is the one that the payload itself opens. A `class` form is written by `classes.py`, and read with
    `read(reader, name, payload, more)`. `read` may raise ValueError, TypeError, LookupError, ArithmeticError or
    AttributeError for a payload that no writer made: the reader reports each as a corrupt result.
    """

    tag: str
    payload: Payload
    types: tuple[type, ...]
    write: Callable[..., Any]
    read: Callable[..., Any]
