"""Serializer that compresses the bytes of another one, into a file that gunzip, bunzip2, unxz or a plugin's tool opens."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic evaluates the annotations
from typing import Any, ClassVar

from pydantic import PrivateAttr

from holdall.abc.codec import Codec  # noqa: TC001 - as above
from holdall.builtin.compressed.formats import BUILTIN
from holdall.errors import ConfigurationError, UnknownSerializerError
from holdall.plugins.lookup import serializer_class
from holdall.serialization.compression import Compression, CompressionSerializer


class CompressedSerializer(CompressionSerializer):
    """Compresses the bytes of `serializer`: gzip for `zlib`, bzip2 for `bz2`, xz for `lzma`; `level` as in the library.

    `compressionlib` is also the slug of a plugin's format, as `zstd` or `lz4`. Large results that do not shrink are stored
    uncompressed within the same format, except by `bz2` and `lzma`.

    `result_serializer="compressed/json"` is short for `CompressedSerializer(serializer="json")`.
    """

    slug: ClassVar[str] = "compressed"

    compressionlib: str = "zlib"

    _compression: Compression | None = PrivateAttr(default=None)

    def __init__(
        self,
        *,
        serializer: str | Codec | Mapping[str, Any] = "pickle",
        compressionlib: str = "zlib",
        level: int | None = None,
    ) -> None:
        """Checks the serializer, the library and the level.

        Args:
            serializer: a slug or a serializer.
            compressionlib: `zlib`, `bz2`, `lzma`, or the slug of a plugin's format.
            level: of the library; its own default unless given.

        Raises:
            UnknownSerializerError: there is no serializer of that slug.
            PluginMissingError: the library is that of a plugin which is not installed.
            ConfigurationError: there is no such library or level.
        """
        super().__init__(serializer=serializer, level=level, compressionlib=compressionlib)

    @property
    def compression(self) -> Compression:  # type: ignore[override]  # depends on the library, and stays read-only
        if self._compression is None:
            self._compression = _find(self.compressionlib)
        return self._compression


def _find(name: str) -> Compression:
    """Returns the format of the standard library or of an installed plugin."""
    if name in BUILTIN:
        return BUILTIN[name]
    try:
        compression = getattr(serializer_class(name), "compression", None)
    except UnknownSerializerError:
        compression = None
    if not isinstance(compression, Compression):
        raise ConfigurationError(
            f"compressionlib={name!r}: it is one of {', '.join(BUILTIN)}, or the name of a plugin that compresses, as zstd."
        )
    return compression
