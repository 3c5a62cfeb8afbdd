"""Storage block over Azure Blob Storage and Data Lake Storage.

Importing this imports neither adlfs nor aiohttp: they are imported by the first request.
"""

from __future__ import annotations

from holdall_azure.block import Azure

__all__ = ["Azure"]
