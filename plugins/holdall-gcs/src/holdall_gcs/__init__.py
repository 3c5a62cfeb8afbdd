"""Storage block over Google Cloud Storage.

Importing this imports neither gcsfs nor aiohttp: they are imported by the first request.
"""

from __future__ import annotations

from holdall_gcs.block import GCS

__all__ = ["GCS"]
