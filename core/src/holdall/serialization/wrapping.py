"""A serializer around another one, as `compressed/json`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import PlainSerializer

from holdall.abc.codec import Codec
from holdall.abc.serializer import Serializer
from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from holdall.security.policy import Policy
    from holdall.types import Parts, Source


_MOST: Final = 8
"""Serializers around one another: more is nobody's wish, and each costs a reader time and calls."""


def _codec(given: Any) -> Codec:
    """What a user configures to be wrapped."""
    if isinstance(given, Codec):
        return given
    if (document := ((given, {}) if isinstance(given, str) else _described(given))) is not None:
        from holdall.plugins import lookup

        return lookup.serializer(*document)
    raise ConfigurationError(f"serializer is a slug or a serializer, not a {type(given).__name__}.")


def _stored_codec(given: Any) -> Codec:
    """What stored data says is wrapped."""
    if isinstance(given, str):
        given = {"type": given}
    if (document := _described(given)) is None:
        raise ConfigurationError("The stored options do not say which serializer is wrapped.")
    from holdall.plugins import lookup

    slug, options = document
    return lookup.serializer_class(slug).from_options(options)


def _described(given: Any) -> tuple[str, Mapping[str, Any]] | None:
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str) or set(given) - {"type", "options"}:
        return None
    options = given.get("options", {})
    return (given["type"], options) if isinstance(options, Mapping) else None


def _check_depth(depth: int) -> None:
    if depth > _MOST:
        raise ConfigurationError(f"At most {_MOST} serializers wrap one another.")


def _depth(options: Any) -> int:
    """How many wrap one another in stored options: counted before the first of them is made."""
    depth = 0
    while depth <= _MOST and isinstance(options, Mapping) and isinstance(inner := options.get("serializer"), Mapping):
        depth, options = depth + 1, inner.get("options")
    return depth


def _document(codec: Codec) -> dict[str, Any]:
    return {"type": codec.slug, "options": codec.options()}


class WrappingSerializer(Serializer, ABC):
    """Does something with the bytes that `serializer` makes. It is found as `<slug>/<serializer>`, too.

    A subclass says what in `wrap` and `unwrap`, and has `media_type` and `suffix`.
    """

    serializer: Annotated[Any, PlainSerializer(_document)] = "pickle"

    def __init__(self, *, serializer: str | Codec | Mapping[str, Any] = "pickle", **more: Any) -> None:
        """`serializer` is a slug or a serializer.

        Raises:
            UnknownSerializerError: nothing goes by that slug.
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
        """The bytes to store, of those that the inner serializer makes."""

    @abstractmethod
    def unwrap(self, source: Source, /) -> Source:
        """What the inner serializer reads."""

    @classmethod
    def own_fields(cls) -> list[str]:
        """What is wrapped comes first, though this class declares it and cannot be used itself."""
        return ["serializer", *(name for name in super().own_fields() if name != "serializer")]

    @property
    def inner(self) -> Codec:
        """The serializer inside."""
        found: Codec = self.serializer
        return found

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

    def around(self, inner: Codec, /) -> WrappingSerializer:
        """The same around another one."""
        return self if inner is self.inner else self.model_copy(update={"serializer": inner})

    def with_policy(self, policy: Policy, /) -> Codec:
        return self.around(self.inner.with_policy(policy))

    def check(self) -> None:
        self.inner.check()

    def dump(self, obj: Any, /) -> Parts:
        return self.dump_as(obj)[1]

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        inner, parts = self.inner.dump_as(obj)
        return self.around(inner), self.wrap(parts)

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
    """Parts that are made of others while they are read, once; `inner` is those."""

    inner: Parts

    @abstractmethod
    def __iter__(self) -> Any: ...
