"""What users configure: validated, frozen, compared by configuration, silent about its secrets."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr


class Component(BaseModel):
    """Base of storage blocks and serializers.

    Equality, hash and `repr` follow the configuration. Pickling keeps the fields that are no secrets and drops cached
    clients: a runner hands secrets over another way. Names that start with an underscore (`PrivateAttr`) are for clients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    slug: ClassVar[str]
    api_version: ClassVar[int] = 1

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Names of the fields whose annotation holds a `SecretStr` or `SecretBytes`."""
        return frozenset(name for name, field in cls.model_fields.items() if _is_secret(field.annotation))

    def plain_fields(self) -> dict[str, Any]:
        """The JSON-ready fields that were set and are no secrets."""
        return self.model_dump(mode="json", exclude=set(self.secret_fields()), exclude_unset=True)

    def secret_values(self) -> dict[str, str]:
        """The secrets that are set, in the clear: for encryption, never for a message."""
        found = {name: getattr(self, name) for name in self.secret_fields()}
        return {name: _reveal(value) for name, value in found.items() if value is not None}

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        secrets = self.secret_fields()
        kept = {name: None if name in secrets else value for name, value in self.__dict__.items()}
        return {**state, "__dict__": kept, "__pydantic_private__": None}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self.model_post_init(None)

    def __hash__(self) -> int:
        return hash((type(self), self.model_dump_json()))


def _reveal(value: SecretStr | SecretBytes) -> str:
    secret = value.get_secret_value()
    return secret.decode() if isinstance(secret, bytes) else secret


def _is_secret(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, (SecretStr, SecretBytes))
    return any(_is_secret(inner) for inner in getattr(annotation, "__args__", ()))
