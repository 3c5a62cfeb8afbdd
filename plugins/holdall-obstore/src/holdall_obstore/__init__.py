"""S3, GCS and Azure through obstore, the Rust object stores, as one storage of holdall.

Importing this does not import obstore: that happens when the first byte moves.
"""

from __future__ import annotations

from holdall_obstore.block import ObjectStore

__all__ = ["ObjectStore"]
