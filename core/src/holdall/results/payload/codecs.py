"""Codecs of recorded serializers, and decoding with errors mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdall.errors import HoldallError, SerializationError, describe_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdall.abc.codec import Codec
    from holdall.types import SerializerReference, Source


def make_codec(reference: SerializerReference) -> Codec:
    """Returns the codec that a record or a reference names.

    Raises:
        ConfigurationError, PluginError: It is unknown here, or its plugin is missing.
    """
    if reference.type == "pickle" and not reference.options:
        from holdall.builtin.pickle.codec import PickleCodec

        return PickleCodec()
    from holdall.plugins.lookup import serializer_class

    # The options come from stored data, and making a codec from them imports nothing that they name.
    return serializer_class(reference.type).from_options(reference.options)


def load(codec: Codec, source: Source, columns: Sequence[str] | None = None) -> Any:
    try:
        return codec.load(source) if columns is None else codec.load_columns(source, columns)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins, as in writing
        raise SerializationError(
            f"The {codec.slug} serializer cannot read this result: {describe_error(error)}."
        ) from error
