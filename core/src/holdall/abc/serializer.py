"""`Serializer`: a codec that users configure and register."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import PrivateAttr

from holdall.abc.codec import Codec
from holdall.abc.component import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

_STORED: Final = "stored"


class Serializer(Component, Codec, ABC):
    """A `Codec` with fields: `slug` is its name, as in `result_serializer="json"`."""

    priority: ClassVar[int] = 0
    """Rank among the serializers for one type: `auto` takes the one with the highest."""

    _stored: bool = PrivateAttr(default=False)
    """Whether it was made from stored data. It survives copies and pickling; equality ignores it."""

    @property
    def is_stored(self) -> bool:
        """Whether it was made from stored data: then it calls what its options name only by `source.trust`."""
        return self._stored

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        made = super().from_options(options)
        made._stored = True  # noqa: SLF001 - a private attribute of this class
        return made

    def options(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_defaults=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        return self._as_stored(super().model_copy(update=update, deep=deep))

    def __copy__(self) -> Self:
        return self._as_stored(super().__copy__())

    def _as_stored(self, twin: Self) -> Self:
        twin._stored = self._stored
        return twin

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), _STORED: self._stored}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__({name: part for name, part in state.items() if name != _STORED})
        self._stored = state.get(_STORED, False)
