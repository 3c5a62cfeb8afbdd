"""How an object becomes bytes and comes back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from holdall.security.policy import Policy
    from holdall.types import Parts, Source


class Codec(ABC):
    """One format. Like `Storage`, free of pydantic, so that the default one costs a fresh process nothing.

    `Serializer` is the same thing as users configure and register it.
    """

    slug: ClassVar[str]
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    """The format's own file extension, with its dot."""
    trusted_only: ClassVar[bool] = False
    """Whether loading may run code that the bytes choose."""
    exact: ClassVar[bool] = False
    """Whether all that is not refused comes back with the type and value it had, as the contract's tests show."""
    expands: ClassVar[bool] = False
    """Whether loading may make many bytes of few, as compressed formats do; it then has to stop at `source.trust.max_bytes`."""

    @abstractmethod
    def dump(self, obj: Any, /) -> Parts:
        """The bytes of `obj`: a list where they lie in memory (large buffers as views, not copies), else a generator.

        Raises:
            SerializationError: with the path inside the object that failed. Raised here or while the parts are read.
        """

    @abstractmethod
    def load(self, source: Source, /) -> Any:
        """The object.

        Raises:
            CorruptResultError: the bytes are not of this format.
            UntrustedResultError: they name what `source.trust` does not allow.
            SerializationError: they are of this format, and the object cannot be made from them here.
        """

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The JSON-ready options that differ from the defaults: with `slug`, enough to make this codec again."""

    # Derived; override where the format needs it.

    def under(self, policy: Policy, /) -> Codec:
        """This codec as it writes and reads in a storage with a policy. Override where that has a say, or to pass it on."""
        del policy
        return self

    def load_columns(self, source: Source, columns: Sequence[str], /) -> Any:
        """As `load`, some columns of a table only, of which no more is read than has to be. Override where there are any.

        Raises:
            ConfigurationError: there are no such columns.
        """
        del source, columns
        raise ConfigurationError(
            f"The {self.slug} serializer has no columns to choose from: read the whole result, without columns=…. Tables are "
            'best kept as result_serializer="parquet" (pip install holdall-arrow).'
        )

    @property
    def calls(self) -> frozenset[str]:
        """Functions and libraries, as `module:function` and `module`, that whoever configured this codec lets it call.

        Override where options name some; those of a codec that stored data described are not among them.
        """
        return frozenset()

    def check(self) -> None:  # noqa: B027 - most have nothing to say
        """Asked before a body runs whose result will be kept. Override to raise `ConfigurationError` where that cannot be."""

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        """The bytes of `obj`, and the codec that reads them. Override to choose another one by the object."""
        return self, self.dump(obj)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        """The codec that stored data describes. Override where an option names a function or a library.

        Neither is imported here, and it is called only where `source.trust.called` lets it: stored data chooses nothing
        that runs.

        Raises:
            ConfigurationError: this version of the codec does not know these options.
        """
        try:
            return cls(**options)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The {cls.slug} serializer does not take the options {options!r:.200}."
            ) from error

    def written_with(self, parts: Parts, /) -> Mapping[str, str]:
        """Library and version that made these parts (which have been read by now), for the record."""
        del parts
        return {}

    def decoded_size(self, parts: Parts, /) -> int | None:
        """Bytes that loading makes of these parts (which have been read by now) at most, for the record.

        Override where that may be far more than are stored (`expands`): readers allow no more. None: about as many.
        """
        del parts
        return None

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        """Warn where what is installed here may not read what `recorded` says wrote the bytes."""
        del recorded
