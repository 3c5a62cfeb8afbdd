"""Storage block over S3, GCS and Azure through obstore, the Rust object stores.

Importing this does not import obstore: the first request imports it.
"""

from __future__ import annotations

from holdall_obstore.block import ObjectStore

__all__ = ["ObjectStore"]
