"""The pickle serializer as users configure it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import PrivateAttr

from holdall.abc.serializer import Serializer
from holdall.builtin.pickling import PickleCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.types import Parts, Source


class PickleSerializer(Serializer):
    """Any Python object. `picklelib` is cloudpickle, or any importable module with `dumps(obj)` and `loads(bytes)`.

    Loading a pickle may run code that its bytes choose: read only what you trust.
    """

    slug: ClassVar[str] = PickleCodec.slug
    media_type: ClassVar[str] = PickleCodec.media_type
    suffix: ClassVar[str] = PickleCodec.suffix
    trusted_only: ClassVar[bool] = PickleCodec.trusted_only

    picklelib: str = "cloudpickle"

    _codec: PickleCodec = PrivateAttr()

    def __init__(self, *, picklelib: str = "cloudpickle") -> None:
        """Raises `ConfigurationError` where the module cannot be imported, or has no `dumps` or no `loads`."""
        super().__init__(picklelib=picklelib)  # type: ignore[call-arg]  # pydantic fills the fields of this class
        self._codec = PickleCodec(picklelib)

    @property
    def exact(self) -> bool:  # type: ignore[override]  # as that of `PickleCodec`
        return self._codec.exact

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        codec = PickleCodec.from_options(options)
        made = cls.model_construct(picklelib=codec.picklelib)
        made._codec = codec  # noqa: SLF001 - a private attribute of this class
        return made

    def model_post_init(self, context: Any, /) -> None:
        del context
        # Also where one arrives in a worker: it was checked when it was configured; nothing is imported before use.
        self._codec = PickleCodec.from_options({"picklelib": self.picklelib})
        self._codec.own = True

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
