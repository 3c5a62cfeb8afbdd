"""`Codec`: a format that turns objects into bytes and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from holdall.security.policy import Policy
    from holdall.types import Parts, Source


class Codec(ABC):
    """A format, without configuration and without pydantic: the default one costs a fresh process nothing.

    `Serializer` is a codec that users configure and register.
    """

    slug: ClassVar[str]
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    """File extension of the format, with its dot."""
    trusted_only: ClassVar[bool] = False
    """Whether loading may run code that the bytes choose."""
    exact: ClassVar[bool] = False
    """Whether each value that is not refused comes back with the same type and content, as the contract tests show."""
    expands: ClassVar[bool] = False
    """Whether loading may make many bytes of few, as compressed formats do; it then has to stop at `source.trust.max_bytes`."""

    @abstractmethod
    def dump(self, obj: Any, /) -> Parts:
        """Serializes an object: to a list if the bytes lie in memory (large buffers as views, not copies), or by a generator.

        Raises:
            SerializationError: it cannot be written; with the path inside the object. Raised here or while the parts are read.
        """

    @abstractmethod
    def load(self, source: Source, /) -> Any:
        """Deserializes an object.

        Raises:
            CorruptResultError: the bytes are not of this format.
            UntrustedResultError: they name what `source.trust` does not allow.
            SerializationError: they are of this format, and the object cannot be made from them here.
        """

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Returns the JSON-ready options that differ from the defaults: with `slug`, enough to make this codec again."""

    # Derived; override where the format needs it.

    def with_policy(self, policy: Policy, /) -> Codec:
        """Returns this codec for a storage with the policy. Override to apply the policy, or to pass it to an inner codec."""
        del policy
        return self

    def load_columns(self, source: Source, columns: Sequence[str], /) -> Any:
        """Deserializes some columns of a table, and reads no more than they need. Override in formats of tables.

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
        """Functions and libraries, as `module:function` and `module`, that the configuration of this codec names to be called.

        Override if options name some; those of a codec that stored data described are not among them.
        """
        return frozenset()

    def check(self) -> None:  # noqa: B027 - most have nothing to say
        """Checks the codec before a body runs. Override to raise `ConfigurationError` if no result could be written."""

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        """Serializes an object; returns also the codec that reads the bytes. Override to choose one by the object."""
        return self, self.dump(obj)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        """Makes the codec that stored data describes. Override if an option names a function or a library.

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
        """Returns library and version that made these parts (which have been read by now), for the record."""
        del parts
        return {}

    def decoded_size(self, parts: Parts, /) -> int | None:
        """Returns how many bytes loading makes of these parts (which have been read by now) at most, for the record.

        Override if that may be far more than are stored (`expands`): readers allow no more. None: about as many.
        """
        del parts
        return None

    def check_written_with(self, recorded: Mapping[str, str], /) -> None:
        """Warns if the installed libraries may not read what those in `recorded` have written."""
        del recorded
