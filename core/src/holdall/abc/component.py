"""`Component`: base of what users configure. Validated, frozen, compared by configuration; secrets are not shown."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields, is_dataclass
from inspect import isabstract
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from holdall._pydantic_errors import faults
from holdall.errors import ConfigurationError
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SECRETS = (Secret, SecretStr, SecretBytes)
_Made = TypeVar("_Made", bound=BaseModel)
_HASHED = (str, int, float, bool, type(None))

HOW: Final = frozenset({"accept", "encryption_key", "inline_limit", "no_pickle", "on_failure", "signing_key"})
"""Fields of every storage block that say how it is used, not where it is."""


class Component(BaseModel):
    """Base of storage blocks and serializers.

    Equality, hash and `repr` follow the configuration. Pickles have the fields that are not secrets, and no cached
    clients: a runner sends secrets another way. Copies have the secrets, and no clients either. Names that
    start with an underscore (`PrivateAttr`) are for clients; they start from their defaults in each copy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    slug: ClassVar[str]
    api_version: ClassVar[int] = 1

    if not TYPE_CHECKING:  # type checkers make a signature of the fields

        def __init__(self, *values: Any, **fields: Any) -> None:
            if values:
                example = next(iter(type(self).own_fields()), "name")
                raise ConfigurationError(
                    f"{type(self).__name__} takes its options by name, as {type(self).__name__}({example}=…)."
                )
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise ConfigurationError(_message(type(self), error)) from None

        # As BaseModel's own: without it pydantic would call this for every validation, nested ones included.
        __init__.__pydantic_base_init__ = True

    @classmethod
    def own_fields(cls) -> list[str]:
        """Returns the fields that the class declares, or a base that is not abstract; others are common to many classes."""
        declared = {
            name for each in cls.__mro__ if not isabstract(each) for name in vars(each).get("__annotations__", ())
        }
        return [name for name in cls.model_fields if name in declared]

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Returns the names of fields that hold a secret, at any depth: in a container, a nested model or a dataclass too."""
        return frozenset(name for name, field in cls.model_fields.items() if _is_secret(field.annotation, set()))

    def plain_fields(self) -> dict[str, Any]:
        """Returns the fields that were set and are not secrets, JSON-ready."""
        return self.model_dump(mode="json", exclude=set(self.secret_fields()), exclude_unset=True)

    def secret_values(self) -> dict[str, Any]:
        """Returns the secret fields that are set, JSON-ready and in the clear: for encryption, never for a message."""
        found = {name: getattr(self, name) for name in sorted(self.secret_fields())}
        return {name: _reveal(value) for name, value in found.items() if value is not None}

    def with_secrets(self, values: Mapping[str, Any], /) -> Self:
        """Returns a copy with these secrets, as `secret_values` returns them, and no others; clients are not copied."""
        state = self.__getstate__()
        for name, value in values.items():
            annotation: Any = type(self).model_fields[name].annotation
            state["__dict__"][name] = TypeAdapter(annotation).validate_python(value)
        twin = type(self).__new__(type(self))
        twin.__setstate__(state)
        return twin

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        return _without_clients(super().model_copy(update=update, deep=deep))

    def __copy__(self) -> Self:
        return _without_clients(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        # Not the base class's, which copies clients deeply, and with them locks and sockets.
        made = self.__copy__()
        object.__setattr__(made, "__dict__", deepcopy(made.__dict__, memo))
        return made

    def __getstate__(self) -> dict[Any, Any]:
        secrets = self.secret_fields()
        kept = {name: None if name in secrets else self.__dict__.get(name) for name in type(self).model_fields}
        return {
            "__dict__": kept,
            "__pydantic_extra__": None,
            "__pydantic_fields_set__": set(self.__pydantic_fields_set__),
            "__pydantic_private__": None,
        }

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.model_post_init(None)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(self.__dict__.get(name) == other.__dict__.get(name) for name in type(self).model_fields)

    def __hash__(self) -> int:
        # Simple values only: what is left out can but collide, whereas equal dictionaries may print in two orders.
        values = (self.__dict__.get(name) for name in type(self).model_fields)
        return hash((type(self), *(value for value in values if isinstance(value, _HASHED))))


def _message(cls: type[BaseModel], error: ValidationError) -> str:
    """Returns a sentence for each problem, without the values: they may be secrets."""
    sentences = []
    for fault in faults(error):
        name = fault.path
        if fault.kind == "extra_forbidden":
            near = suggest(name, cls.model_fields)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(sorted(cls.model_fields)) or 'none'}."
            sentences.append(f"There is no option {name!r}: {hint}")
        elif fault.kind == "missing":
            sentences.append(f"The option {name!r} is required.")
        else:
            sentences.append(f"{name + ': ' if name else ''}{fault.message.rstrip('.')}.")
    return f"{cls.__name__} cannot be made. {' '.join(sentences)}"


def _without_clients(made: _Made) -> _Made:
    values = {name: value for name, value in made.__dict__.items() if name in type(made).model_fields}
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_private__", None)
    made.model_post_init(None)
    return made


def _reveal(value: Any) -> Any:
    if isinstance(value, _SECRETS):
        return _reveal(value.get_secret_value())
    if isinstance(value, dict):
        return {key: _reveal(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_reveal(inner) for inner in value]
    if isinstance(value, BaseModel):
        return {name: _reveal(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _reveal(getattr(value, field.name)) for field in fields(value)}
    return to_jsonable_python(value)


def _is_secret(annotation: Any, seen: set[int]) -> bool:
    if id(annotation) in seen:  # a model may hold itself
        return False
    seen.add(id(annotation))
    if isinstance(annotation, str):  # a name that only its own module can look up: better one secret too many
        return "Secret" in annotation
    kinds = (annotation, getattr(annotation, "__origin__", None))
    if any(isinstance(kind, type) and issubclass(kind, _SECRETS) for kind in kinds):
        return True
    return any(_is_secret(inner, seen) for inner in _annotations_inside(annotation))


def _annotations_inside(annotation: Any) -> Iterable[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [field.annotation for field in annotation.model_fields.values()]
    if is_dataclass(annotation) or hasattr(annotation, "__total__"):  # the latter marks a TypedDict of any origin
        try:
            return list(get_type_hints(annotation).values())
        except NameError:
            return list(annotation.__annotations__.values())
    alias = getattr(annotation, "__value__", None)  # `type Token = SecretStr`
    return [*getattr(annotation, "__args__", ()), *([alias] if alias is not None else [])]
