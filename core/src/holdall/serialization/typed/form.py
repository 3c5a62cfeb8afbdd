"""One row of the table of forms: how a type is written under a tag and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from holdall.serialization.typed.instance_layout import Layout

T = TypeVar("T")

MAX_LEVELS: Final = 250
"""Limit of nesting of objects and arrays in what is written: orjson stops at 254, the recursion of CPython near 1000."""

Payload: TypeAlias = Literal["text", "blob", "tree", "class"]
"""`text`: always a string. `blob`: always bytes. `tree`: plain data. `class`: plain data beside the name of a class."""


class TreeWriter(Protocol):
    """What a `TypeHandler` writes with, which `holdall.serialization.typed.Writer` implements and describes."""

    def tagged(
        self, tag: str, payload: Any, /, *, name: str | None = None, more: Mapping[str, Any] | None = None
    ) -> Any: ...
    def blob(self, data: bytes | bytearray, /) -> Any: ...
    def value(self, obj: Any, level: int, /) -> Any: ...
    def text(self, obj: str, /) -> str: ...
    def fields(self, obj: dict[Any, Any], level: int, /, *, owner: Any = None, attributes: bool = False) -> Any: ...
    def items(
        self, obj: list[Any], level: int, /, *, owner: Any = None, step: Callable[[int], str] = ...
    ) -> list[Any]: ...
    def check_hashes(self, members: Collection[Any], /) -> None: ...


class TreeReader(Protocol):
    """What a `TypeHandler` reads with, which `holdall.serialization.typed.Reader` implements and describes."""

    hashes_itself: bool

    def known_class(self, tag: str, name: str, describe: Callable[[type], T | None], /) -> T: ...
    def note(self, layout: Layout, /) -> None: ...
    def check_hashes(self, members: list[Any], /) -> None: ...


class TypeHandler(NamedTuple):
    """Writes the values of some types under one tag, and reads them.

    `write(writer, obj, level)` returns the payload; `read(reader, payload)` returns the object. `level` is the nesting of
    the payload itself. A handler of the payload `class` is written by `classes.py` or `pydantic_models.py`, and read with
    `read(reader, name, payload, more)`. `read` may raise ValueError, TypeError, LookupError, ArithmeticError or
    AttributeError for a payload that no writer made: the reader reports each as a corrupt result.
    """

    tag: str
    payload: Payload
    types: tuple[type, ...]
    write: Callable[..., Any]
    read: Callable[..., Any]
