"""S3, and what speaks its language, as a storage of holdall.

Importing this imports neither s3fs nor aiobotocore: that happens when the first byte moves.
"""

from __future__ import annotations

from holdall_s3.block import S3

__all__ = ["S3"]
