"""Azure Blob Storage, and Data Lake Storage through the same door, as a storage of holdall.

Importing this imports neither adlfs nor aiohttp: that happens when the first byte moves.
"""

from __future__ import annotations

from holdall_azure.block import Azure

__all__ = ["Azure"]
