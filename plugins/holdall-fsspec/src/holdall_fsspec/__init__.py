"""Any fsspec filesystem as a storage of holdall, and the base that the S3, GCS and Azure plugins stand on.

Importing this imports neither fsspec nor any of its implementations: that happens when the first byte moves.
"""

from __future__ import annotations

from holdall_fsspec.block import RemoteBlock
from holdall_fsspec.filesystem import FsspecFileSystem

__all__ = ["FsspecFileSystem", "RemoteBlock"]
