"""What users configure: validated, frozen, compared by configuration, silent about its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping


class Component(BaseModel):
    """Base of storage blocks and serializers.

    Equality, hash and `repr` follow the configuration. Pickling keeps the fields that are no secrets and drops cached
    clients: a runner hands secrets over another way. Names that start with an underscore (`PrivateAttr`) are for those.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    slug: ClassVar[str]
    api_version: ClassVar[int] = 1

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Names of the fields whose annotation holds a `SecretStr` or `SecretBytes`."""
        return frozenset(
            name for name, field in cls.model_fields.items() if _holds(field.annotation, SecretStr, SecretBytes)
        )

    def plain_fields(self) -> dict[str, Any]:
        """The JSON-ready fields that were set and are no secrets."""
        return self.model_dump(mode="json", exclude=set(self.secret_fields()), exclude_unset=True)

    def secret_values(self) -> dict[str, str]:
        """The secrets that are set, in the clear: for encryption, never for a message."""
        found = {name: getattr(self, name) for name in self.secret_fields()}
        return {name: _reveal(value) for name, value in found.items() if value is not None}

    def with_secrets(self, values: Mapping[str, str], /) -> Self:
        """A copy that holds these secrets, as `secret_values` gives them, and no others; clients are not copied."""
        state = self.__getstate__()
        state["__dict__"].update({name: self._sealed(name, value) for name, value in values.items()})
        twin = type(self).__new__(type(self))
        twin.__setstate__(state)
        return twin

    @classmethod
    def _sealed(cls, name: str, value: str) -> SecretStr | SecretBytes:
        # A field that takes both kinds is given text: that is what configuration holds.
        return SecretStr(value) if _holds(cls.model_fields[name].annotation, SecretStr) else SecretBytes(value.encode())

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        secrets = self.secret_fields()
        kept = {name: None if name in secrets else value for name, value in self.__dict__.items()}
        return {**state, "__dict__": kept, "__pydantic_private__": None}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.model_post_init(None)

    def __eq__(self, other: object) -> bool:
        # pydantic would compare private attributes too, and so clients.
        if not isinstance(other, Component):
            return NotImplemented
        return type(self) is type(other) and all(getattr(self, n) == getattr(other, n) for n in type(self).model_fields)

    def __hash__(self) -> int:
        return hash((type(self), self.model_dump_json()))


def _reveal(value: SecretStr | SecretBytes) -> str:
    secret = value.get_secret_value()
    return secret.decode() if isinstance(secret, bytes) else secret


def _holds(annotation: Any, *kinds: type) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, kinds)
    return any(_holds(inner, *kinds) for inner in getattr(annotation, "__args__", ()))
