"""Google Cloud Storage as a storage of holdall.

Importing this imports neither gcsfs nor aiohttp: that happens when the first byte moves.
"""

from __future__ import annotations

from holdall_gcs.block import GCS

__all__ = ["GCS"]
