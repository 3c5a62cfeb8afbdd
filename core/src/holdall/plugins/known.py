"""Plugins of this repository by name, for the install line in the message on a missing one.

Only distributions that are released from here: if a name were free, whoever registered it would get code into the shells
of users who follow the message. Nothing here is imported.
"""

from __future__ import annotations

from typing import Final

KNOWN: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "serializers": {
        "arrow": ("holdall-arrow", "ArrowSerializer"),
        "encrypted": ("holdall-crypto", "EncryptedSerializer"),
        "lz4": ("holdall-lz4", "LZ4Serializer"),
        "msgpack": ("holdall-msgpack", "MsgpackSerializer"),
        "numpy": ("holdall-numpy", "NumpySerializer"),
        "orjson": ("holdall-orjson", "OrjsonSerializer"),
        "parquet": ("holdall-arrow", "ParquetSerializer"),
        "picture": ("holdall-images", "PictureSerializer"),
        "plotly": ("holdall-images", "PlotlySerializer"),
        "png": ("holdall-images", "PNGSerializer"),
        "zstd": ("holdall-zstd", "ZstdSerializer"),
    },
    "signatures": {
        "ed25519": ("holdall-crypto", "Ed25519"),
    },
    "storage": {
        "azure": ("holdall-azure", "Azure"),
        "fsspec": ("holdall-fsspec", "FsspecFileSystem"),
        "gcs": ("holdall-gcs", "GCS"),
        "obstore": ("holdall-obstore", "ObjectStore"),
        "s3": ("holdall-s3", "S3"),
    },
}
"""Kind, then slug: the distribution that provides it and its class. Sorted; a test compares it with `plugins/`."""
