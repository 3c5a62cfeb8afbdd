"""Pydantic models, field by field, so that what they hold keeps its types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, RootModel, ValidationError

from holdall.abc.typed.classes import refuse_strays
from holdall.abc.typed.form import Form
from holdall.abc.typed.names import class_name, find_class
from holdall.abc.typed.refusal import Refused, described
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.typed.reader import Reader
    from holdall.abc.typed.writer import Writer


def model_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
    if not issubclass(kind, BaseModel):
        return None
    if kind.__pydantic_generic_metadata__["origin"] is not None:
        raise Refused(
            f"is {described(kind)}, a generic model with its parameters filled in, which has no importable name (make "
            f"a subclass of it)"
        )
    name = class_name(kind)

    def write(writer: Writer, obj: BaseModel, level: int) -> Any:
        fields = _fields(kind, obj)
        more: dict[str, Any] = {}
        if unset := [field for field in fields if field not in obj.model_fields_set]:
            more["unset"] = unset
        if private := obj.__pydantic_private__:
            more["private"] = writer.fields(private, level, owner=obj, attributes=True)
        payload = writer.fields(fields, level, owner=obj, attributes=True)
        try:
            _validated(kind, fields)
        except Exception as error:  # noqa: BLE001 - validators are the user's code, and raise what they like
            raise Refused(
                f"is {described(kind)} whose own validation refuses the fields it has, so that it could not be read "
                f"again ({_first(error)})"
            ) from None
        return writer.tagged("model", payload, name=name, more=more)

    return write


def _fields(kind: type[BaseModel], obj: BaseModel) -> dict[str, Any]:
    refuse_strays(obj, kind.model_fields)
    held = obj.__dict__
    fields = {field: held[field] for field in kind.model_fields if field in held}
    extra = obj.__pydantic_extra__ or {}
    if extra.keys() & fields.keys():
        raise Refused(f"is {described(kind)} with an extra that has the name of a field")
    return {**fields, **extra} if extra else fields


def _validated(kind: type[BaseModel], fields: dict[str, Any]) -> BaseModel:
    if issubclass(kind, RootModel):
        return kind.model_validate(fields["root"])
    return kind.model_validate(fields, by_name=True, by_alias=False)


def _first(error: Exception) -> str:
    """Where and what, never the input: it may be a secret."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the model'}: {first['type']}"


def _read_model(reader: Reader, name: str, value: Any, more: dict[str, Any]) -> BaseModel:
    cls = find_class(name, trust=reader.trust, kind="model")
    if not issubclass(cls, BaseModel) or cls is BaseModel:
        raise CorruptResultError(f"The stored data says that {name!r} is a pydantic model; it is none.")
    if type(value) is not dict or not all(isinstance(key, str) for key in value):
        raise TypeError("fields")
    unset, private = more.pop("unset", []), more.pop("private", {})
    known = cls.model_fields.keys()
    if (unknown := value.keys() - known) and cls.model_config.get("extra") != "allow":
        raise SerializationError(f"The stored model {name!r} has fields that it lacks here: {sorted(unknown)}.")
    try:
        validated = _validated(cls, value)
    except Exception as error:  # noqa: BLE001 - as in write
        raise SerializationError(
            f"The stored fields of the model {name!r} do not pass its validation here ({_first(error)})."
        ) from None
    made = object.__new__(cls)
    # Validation only has to agree and to fill in new fields: validators that change a value have had their turn.
    stored = {field: value[field] for field in known if field in value}
    object.__setattr__(made, "__dict__", {**validated.__dict__, **stored})
    object.__setattr__(made, "__pydantic_fields_set__", value.keys() - set(unset))
    extra = {key: value[key] for key in value if key not in known}
    object.__setattr__(made, "__pydantic_extra__", extra if cls.model_config.get("extra") == "allow" else None)
    kept = validated.__pydantic_private__
    object.__setattr__(made, "__pydantic_private__", {**kept, **private} if kept is not None else None)
    return made


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by model_plan")


MODELS: Final = (Form("model", "class", (), _by_plan, _read_model),)
