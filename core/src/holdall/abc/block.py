"""`StorageBlock`: a storage that users configure, save and name."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import PrivateAttr, SecretStr, model_validator

from holdall.abc.component import HOW, Component
from holdall.abc.storage import INLINE_LIMIT, Storage
from holdall.errors import ConfigurationError
from holdall.security.redact import holds_secret, masked
from holdall.types import OnFailure

if TYPE_CHECKING:
    from collections.abc import Iterable


class StorageBlock(Component, Storage, ABC):
    """A `Storage` with fields: `slug` is its type name, as `s3` in the saved block `s3/prod`."""

    endpoint_fields: ClassVar[tuple[str, ...]] = ("endpoint_url",)
    """Fields that name the server: credentials of a slug are sent to no other server than its own."""

    inline_limit: int = INLINE_LIMIT
    on_failure: OnFailure = "raise"
    """`spool`: where this storage does not take a result, warn once, keep it in the local spool and go on.
    `run`: also run a cached call where this storage cannot be asked for its result."""
    signing_key: SecretStr | None = None
    """Sign results with the first of these keys, `id:KEY,older:KEY`, and read those that one of them has signed.
    Left out: `HOLDALL_SIGNING_KEY`."""
    encryption_key: SecretStr | None = None
    """Keys of the same form for serializers that encrypt. Left out: `HOLDALL_ENCRYPTION_KEY`."""
    no_pickle: bool = False
    """Neither write nor read here what may run code when it is read."""
    accept: tuple[str, ...] = ()
    """What readers accept here in any case, as `accept=` of `ResultReference.get`."""
    _block_slug: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _no_secret_in_the_open(cls, values: Any) -> Any:
        """Refuses credentials in fields that are shown, stored and part of references."""
        if isinstance(values, Mapping):
            secret = cls.secret_fields()
            for name, value in values.items():
                if name not in secret and holds_secret(value):
                    raise ValueError(
                        f"{name} must hold no credentials, as it is shown and stored; a password or a key goes into a "
                        f"field that is a secret ({', '.join(sorted(secret - HOW)) or 'this block has none'})"
                    )
        return values

    @classmethod
    def endpoint_of(cls, location: Mapping[str, Any], /) -> Mapping[str, Any]:
        """Returns the part of a location that names the server; equal ones may be sent the same credentials."""
        return {name: location.get(name) for name in cls.endpoint_fields}

    @classmethod
    def server_of(cls, location: Mapping[str, Any], /) -> str | None:
        """Returns the server that a location names, as text that is equal for one server; None for the platform's own.

        Credentials of the environment are not sent to a server that only a reference names. Override if some values of
        `endpoint_fields` lead to the platform itself or to what the environment names, or if a server is sent none.
        """
        named = {
            name: value
            for name, value in cls.endpoint_of(location).items()
            if value and (name not in cls.model_fields or value != cls.model_fields[name].default)
        }
        return " ".join(f"{name}={named[name]}" for name in sorted(named)) or None

    @property
    def block_slug(self) -> str | None:
        """The slug that this block was found under; it survives pickling, and equality ignores it."""
        return self._block_slug

    def with_slug(self, slug: str | None, /) -> Self:
        """Returns this block as found under the slug: a copy with clients of its own, unless it has that slug already."""
        if self._block_slug == slug:
            return self
        twin = self.with_secrets(self.secret_values())
        twin._block_slug = slug  # noqa: SLF001 - a copy of this very class
        return twin

    @classmethod
    def from_url(cls, url: str, /) -> Self:
        """Makes the block of a URL, as `s3://bucket/prefix`.

        Unless overridden, a field `bucket_path` takes what follows the `://`, or a field `basepath` the whole URL.

        Raises:
            ConfigurationError: this block has no URL form, or the URL does not fit it.
        """
        rest = url.partition("://")[2]
        values = {"bucket_path": rest, "basepath": url}
        for name, value in values.items():
            if name in cls.model_fields and (rest or cls.model_fields[name].is_required()):
                return cls.model_validate({name: value})
        if not rest:
            return cls.model_validate({})
        raise ConfigurationError(f"{cls.__name__} has no URL form. Make an instance instead.")

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Shows fields that say how the block is used only if they were set."""
        for name, value in super().__repr_args__():
            if name not in HOW or name in self.model_fields_set:
                yield name, masked(value)

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "block_slug": self._block_slug}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__({name: value for name, value in state.items() if name != "block_slug"})
        self._block_slug = state.get("block_slug")

    def location(self) -> dict[str, Any]:
        return {name: value for name, value in self.plain_fields().items() if name not in HOW}

    def save(self, name: str, /, *, overwrite: bool = False) -> str:
        """Saves this block in the catalog as `<slug>/<name>`, secrets encrypted; returns that slug.

        Raises:
            ConfigurationError: the name is taken and `overwrite` is false, or it is not a name.
        """
        from holdall.blocks.saving import save

        return save(self, name, overwrite=overwrite)

    @classmethod
    def load(cls, slug: str, /) -> Self:
        """Loads the block under a slug, as `s3/prod`; a class of blocks also takes the name alone, as `S3.load("prod")`.

        Looked up in this process, then the environment, then `holdall.toml`, then the catalog.

        Raises:
            UnknownBlockError: with the slugs that are known and the nearest spelling.
        """
        from holdall.blocks.saving import load

        return cast("Self", load(slug, expected=cls))
