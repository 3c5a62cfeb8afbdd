"""Pickle serializer, as users configure it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from holdall.abc.serializer import Serializer
from holdall.builtin.pickle.codec import PickleCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.types import Parts, Source


class PickleSerializer(Serializer):
    """Writes any Python object. `picklelib` is cloudpickle, or any module with `dumps(obj)` and `loads(bytes)`.

    Loading a pickle may run code that its bytes choose: read only what you trust.
    """

    slug: ClassVar[str] = PickleCodec.slug
    media_type: ClassVar[str] = PickleCodec.media_type
    suffix: ClassVar[str] = PickleCodec.suffix
    trusted_only: ClassVar[bool] = PickleCodec.trusted_only

    picklelib: str = "cloudpickle"

    def __init__(self, *, picklelib: str = "cloudpickle") -> None:
        """Checks the library.

        Raises:
            ConfigurationError: the module cannot be imported, or has no `dumps` or no `loads`.
        """
        super().__init__(picklelib=picklelib)  # type: ignore[call-arg]  # pydantic fills the fields of this class
        PickleCodec(picklelib)

    @property
    def _codec(self) -> PickleCodec:
        """The codec of this configuration, which was checked when it was made: nothing is imported before use."""
        codec = PickleCodec.from_options({"picklelib": self.picklelib})
        codec.own = not self._stored
        return codec

    @property
    def exact(self) -> bool:  # type: ignore[override]  # as that of `PickleCodec`
        return self._codec.exact

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        serializer = cls.model_construct(picklelib=PickleCodec.from_options(options).picklelib)
        serializer._stored = True  # noqa: SLF001 - a private attribute of this class
        return serializer

    @property
    def calls(self) -> frozenset[str]:
        return self._codec.calls

    def options(self) -> dict[str, Any]:
        return self._codec.options()

    def dump(self, obj: Any, /) -> Parts:
        return self._codec.dump(obj)

    def load(self, source: Source, /) -> Any:
        return self._codec.load(source)

    def written_with(self, parts: Parts, /) -> Mapping[str, str]:
        return self._codec.written_with(parts)

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        self._codec.check_written_with(recorded)
