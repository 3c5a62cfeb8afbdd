"""Members of enums, by name, and values of flags."""

from __future__ import annotations

from enum import Enum, Flag
from typing import TYPE_CHECKING, Any, Final

from holdall.abc.typed.form import Form
from holdall.abc.typed.names import class_name, expected, find_class
from holdall.abc.typed.refusal import Refused, described
from holdall.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.typed.reader import Reader
    from holdall.abc.typed.writer import Writer


def enum_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
    if not issubclass(kind, Enum):
        return None
    name = class_name(kind)

    def write_flag(writer: Writer, obj: Flag, level: int) -> Any:
        return writer.tagged("flag", writer.value(obj.value, level), name=name)

    def write(writer: Writer, obj: Enum, _: int) -> Any:
        if kind.__members__.get(obj.name) is not obj:
            raise Refused(f"is {described(kind)} that is no member under its own name")
        return writer.tagged("enum", writer.text(obj.name), name=name)

    return write_flag if issubclass(kind, Flag) else write


def _read_enum(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Enum:
    cls = expected(find_class(name, trust=reader.trust, kind="enum"), Enum, name, "enum")
    member: Enum | None = cls.__members__.get(value) if isinstance(value, str) else None
    if member is None:
        raise SerializationError(f"The stored data names a member that the enum {name!r} does not have here.")
    return member


def _read_flag(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Flag:
    cls = expected(find_class(name, trust=reader.trust, kind="flag"), Flag, name, "flag")
    if type(value) is not int:
        raise TypeError("value of a flag")
    try:
        made: Flag = cls(value)
    except ValueError as error:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.") from error
    return made


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by enum_plan")


ENUMS: Final = (
    Form("enum", "class", (), _by_plan, _read_enum),
    Form("flag", "class", (), _by_plan, _read_flag),
)
