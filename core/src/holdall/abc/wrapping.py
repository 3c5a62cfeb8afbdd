"""A serializer around another one, as `compressed/json`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainSerializer

from holdall.abc.codec import Codec
from holdall.abc.serializer import Serializer
from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from holdall.abc.policy import Policy
    from holdall.types import Parts, Source


def _codec(given: Any) -> Codec:
    if isinstance(given, Codec):
        return given
    # The one look-up that an interface makes: a slug that the user wrote can only be resolved by the registry.
    find: Callable[[str], Codec] = import_module("holdall._registry").serializer
    if isinstance(given, str):
        return find(given)
    if isinstance(given, Mapping) and isinstance(given.get("type"), str) and not set(given) - {"type", "options"}:
        return type(find(given["type"])).from_options(given.get("options") or {})
    raise ConfigurationError(f"serializer is a slug or a serializer, not a {type(given).__name__}.")


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
        super().__init__(serializer=_codec(serializer), **more)  # type: ignore[call-arg]  # pydantic

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
    def expands(self) -> bool:  # type: ignore[override]  # as trusted_only
        return self.inner.expands

    def options(self) -> dict[str, Any]:
        rest = self.model_dump(mode="json", exclude_defaults=True, exclude={"serializer"})
        return {"serializer": _document(self.inner), **rest}

    def around(self, inner: Codec, /) -> WrappingSerializer:
        """The same around another one."""
        return self if inner is self.inner else self.model_copy(update={"serializer": inner})

    def under(self, policy: Policy, /) -> Codec:
        return self.around(self.inner.under(policy))

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
