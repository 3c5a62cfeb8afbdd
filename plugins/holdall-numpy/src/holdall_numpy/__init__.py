"""Serializer for NumPy's own files: `.npy` for an array, `.npz` for several."""

from __future__ import annotations

from holdall_numpy.serializer import NumpySerializer

__all__ = ["NumpySerializer"]
