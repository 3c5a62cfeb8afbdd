"""Members of enums, by name, and values of flags."""

from __future__ import annotations

from enum import Enum, EnumType, Flag
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import SerializationError
from holdall.serialization.typed.class_hashes import has_own_hash
from holdall.serialization.typed.class_names import class_name
from holdall.serialization.typed.errors import Refused, described
from holdall.serialization.typed.form import Form
from holdall.serialization.typed.static_lookup import descends, is_builtin, is_generated, module_of, names, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.typed.reader import Reader
    from holdall.serialization.typed.writer import Writer

_COMPOSING: Final = (
    "__eq__",
    "__getattribute__",
    "__hash__",
    "__setattr__",
    "_iter_member_",
    "_iter_member_by_def_",
    "_iter_member_by_value_",
    "_numeric_repr_",
)
"""What the standard library may call of a class to make a value of several flags."""
_MISSING: Final[Any] = names(Flag)["_missing_"].__func__


def enum_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
    if not descends(kind, Enum):
        return None
    name = class_name(kind)
    members, values = _table(kind, "_member_map_"), _table(kind, "_value2member_map_")

    def write_flag(writer: Writer, obj: Any, level: int) -> Any:
        value = _held(obj, "_value_")
        if type(value) is not int or values.get(value) is not obj:
            raise Refused(f"is {described(kind)} that is not what the class has for its value")
        if _held(obj, "_name_") not in members and not _composes(kind):
            raise Refused(f"is {described(kind)}, whose combinations only code of the class can make")
        return writer.tagged("flag", writer.value(value, level), name=name)

    def write(writer: Writer, obj: Any, _: int) -> Any:
        own = _held(obj, "_name_")
        if type(own) is not str or members.get(own) is not obj:
            raise Refused(f"is {described(kind)} that is no member under its own name")
        return writer.tagged("enum", writer.text(own), name=name)

    return write_flag if descends(kind, Flag) else write


def _table(kind: type, name: str) -> dict[Any, Any]:
    found = raw(kind, name)
    return found if type(found) is dict else {}


def _held(member: Any, name: str) -> Any:
    """What a member holds itself: `name` and `value` are properties, which a class may write anew."""
    found: dict[str, Any] = object.__getattribute__(member, "__dict__")
    return found.get(name)


def _composes(kind: type) -> bool:
    """Whether the standard library makes combinations of these flags without code of the class."""
    base = raw(kind, "_member_type_")
    if type(kind) is not EnumType or not (base is object or base is int):
        return False
    return all(is_builtin(found) or is_generated(found) for found in (raw(kind, name) for name in _COMPOSING))


def _describe_enum(cls: type) -> tuple[dict[Any, Any], bool] | None:
    return (_table(cls, "_member_map_"), has_own_hash(cls)) if descends(cls, Enum) else None


def _read_enum(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Any:
    members, own_hash = reader.known_class("enum", name, _describe_enum)
    member = members.get(value) if type(value) is str else None
    if member is None:
        raise SerializationError(f"The stored data names a member that the enum {name!r} does not have here.")
    reader.hashes_itself = reader.hashes_itself or own_hash
    return member


def _describe_flag(cls: type) -> tuple[type, dict[Any, Any], bool] | None:
    return (
        (cls, _table(cls, "_value2member_map_"), has_own_hash(cls))
        if descends(cls, Flag) and module_of(cls) != "enum"
        else None
    )


def _read_flag(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Any:
    cls, members, own_hash = reader.known_class("flag", name, _describe_flag)
    if type(value) is not int:
        raise TypeError("value of a flag")
    reader.hashes_itself = reader.hashes_itself or own_hash
    member = members.get(value)
    if member is None:
        member = _combined(cls, name, value)
    return member


def _combined(cls: type, name: str, value: int) -> Any:
    """The member for several bits, as the class has it from now on: made as `cls(value)` makes it, `_missing_` aside."""
    if not _composes(cls):
        raise SerializationError(
            f"The stored data holds a combination of the flag {name!r} that only code of the class could make."
        )
    try:
        made = _MISSING(cls, value)
    except ValueError as error:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.") from error
    if type(made) is not cls or _held(made, "_value_") != value:
        raise SerializationError(f"The stored data holds a value that the flag {name!r} does not have here.")
    return made


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by enum_plan")


ENUMS: Final = (
    Form("enum", "class", (), _by_plan, _read_enum),
    Form("flag", "class", (), _by_plan, _read_flag),
)
