"""The former name of `holdall_fsspec.errors`, for plugins that still import it."""

from __future__ import annotations

from holdall_fsspec.errors import TRANSIENT_STATUS, Guard, UnusableError
from holdall_fsspec.errors import BackendError as Answer

__all__ = ["TRANSIENT_STATUS", "Answer", "Guard", "UnusableError"]
