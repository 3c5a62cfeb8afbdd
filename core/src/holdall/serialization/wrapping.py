"""Base class of serializers around another one, as `compressed/json`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import PlainSerializer

from holdall.abc.codec import Codec
from holdall.abc.serializer import Serializer
from holdall.errors import ConfigurationError
from holdall.plugins import lookup

if TYPE_CHECKING:
    from holdall.security.policy import Policy
    from holdall.types import Parts, Source


_MAX_DEPTH: Final = 8
"""Limit of serializers around one another: each costs a reader time and calls."""


def _codec(value: Any) -> Codec:
    """Returns the serializer that a user configures to be wrapped."""
    if isinstance(value, Codec):
        return value
    if (document := ((value, {}) if isinstance(value, str) else _slug_and_options(value))) is not None:
        return lookup.serializer(*document)
    raise ConfigurationError(f"serializer is a slug or a serializer, not a {type(value).__name__}.")


def _stored_codec(value: Any) -> Codec:
    """Returns the serializer that stored options say is wrapped."""
    if isinstance(value, str):
        value = {"type": value}
    if (document := _slug_and_options(value)) is None:
        raise ConfigurationError("The stored options do not say which serializer is wrapped.")
    slug, options = document
    return lookup.serializer_class(slug).from_options(options)


def _slug_and_options(value: Any) -> tuple[str, Mapping[str, Any]] | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str) or set(value) - {"type", "options"}:
        return None
    options = value.get("options", {})
    return (value["type"], options) if isinstance(options, Mapping) else None


def _check_depth(depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ConfigurationError(f"At most {_MAX_DEPTH} serializers wrap one another.")


def _depth(options: Any) -> int:
    """Counts the serializers around one another in stored options, before the first of them is made."""
    depth = 0
    while (
        depth <= _MAX_DEPTH and isinstance(options, Mapping) and isinstance(inner := options.get("serializer"), Mapping)
    ):
        depth, options = depth + 1, inner.get("options")
    return depth


def _document(codec: Codec) -> dict[str, Any]:
    return {"type": codec.slug, "options": codec.options()}


class WrappingSerializer(Serializer, ABC):
    """Base class of a serializer that transforms the bytes of another one, `serializer`. Its slug is `<slug>/<serializer>`, too.

    A subclass implements `wrap` and `unwrap`, and has `media_type` and `suffix`.
    """

    serializer: Annotated[Any, PlainSerializer(_document)] = "pickle"

    def __init__(self, *, serializer: str | Codec | Mapping[str, Any] = "pickle", **more: Any) -> None:
        """Checks the serializer and how deep it wraps others.

        Args:
            serializer: a slug, a serializer, or a mapping with its `type` and `options`.
            more: fields of the subclass.

        Raises:
            UnknownSerializerError: there is no serializer of that slug.
            ConfigurationError: it is not a serializer, or wraps too many others.
        """
        inner = _codec(serializer)
        super().__init__(serializer=inner, **more)  # type: ignore[call-arg]  # pydantic
        depth = 1
        while isinstance(inner, WrappingSerializer):
            depth, inner = depth + 1, inner.inner
        _check_depth(depth)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        _check_depth(_depth(options))
        if "serializer" in options:
            options = {**options, "serializer": _stored_codec(options["serializer"])}
        return super().from_options(options)

    @abstractmethod
    def wrap(self, parts: Parts, /) -> Wrapped:
        """Returns the bytes to store, made of those of the inner serializer."""

    @abstractmethod
    def unwrap(self, source: Source, /) -> Source:
        """Returns the source that the inner serializer reads."""

    @classmethod
    def own_fields(cls) -> list[str]:
        """Returns the names of the fields, `serializer` first, though this class declares it."""
        return ["serializer", *(name for name in super().own_fields() if name != "serializer")]

    @property
    def inner(self) -> Codec:
        """The serializer that is wrapped."""
        codec: Codec = self.serializer
        return codec

    @property
    def trusted_only(self) -> bool:  # type: ignore[override]  # depends on what is inside, and stays read-only
        return self.inner.trusted_only

    @property
    def exact(self) -> bool:  # type: ignore[override]  # as trusted_only
        return self.inner.exact

    @property
    def calls(self) -> frozenset[str]:
        return self.inner.calls

    @property
    def expands(self) -> bool:  # type: ignore[override]  # as trusted_only
        return self.inner.expands

    def options(self) -> dict[str, Any]:
        rest = self.model_dump(mode="json", exclude_defaults=True, exclude={"serializer"})
        return {"serializer": _document(self.inner), **rest}

    def with_inner(self, inner: Codec, /) -> WrappingSerializer:
        """Returns this serializer around another one."""
        return self if inner is self.inner else self.model_copy(update={"serializer": inner})

    def with_policy(self, policy: Policy, /) -> Codec:
        return self.with_inner(self.inner.with_policy(policy))

    def check(self) -> None:
        self.inner.check()

    def dump(self, obj: Any, /) -> Parts:
        return self.dump_as(obj)[1]

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        inner, parts = self.inner.dump_as(obj)
        return self.with_inner(inner), self.wrap(parts)

    def load(self, source: Source, /) -> Any:
        return self.inner.load(self.unwrap(source))

    def load_columns(self, source: Source, columns: Sequence[str], /) -> Any:
        return self.inner.load_columns(self.unwrap(source), columns)

    def written_with(self, parts: Parts, /) -> Mapping[str, str]:
        return self.inner.written_with(parts.inner if isinstance(parts, Wrapped) else parts)

    def decoded_size(self, parts: Parts, /) -> int | None:
        return self.inner.decoded_size(parts.inner if isinstance(parts, Wrapped) else parts)

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        self.inner.check_written_with(recorded)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.options() == other.options()

    __hash__ = Serializer.__hash__


class Wrapped(ABC):
    """Parts that are made of others, `inner`, while they are read, once."""

    inner: Parts

    @abstractmethod
    def __iter__(self) -> Any: ...
