"""Storage block over any fsspec filesystem, and the base classes of the S3, GCS, Azure and obstore blocks.

Importing this imports neither fsspec nor any of its implementations: they are imported by the first request.
"""

from __future__ import annotations

from holdall_fsspec.block import RemoteBlock
from holdall_fsspec.bucket import BucketBlock
from holdall_fsspec.client import Body, ClientLimits, ObjectClient, ObjectInfo, Unfinished, Upload
from holdall_fsspec.filesystem import FsspecFileSystem
from holdall_fsspec.objects import ObjectBlock

__all__ = [
    "Body",
    "BucketBlock",
    "ClientLimits",
    "FsspecFileSystem",
    "ObjectBlock",
    "ObjectClient",
    "ObjectInfo",
    "RemoteBlock",
    "Unfinished",
    "Upload",
]
