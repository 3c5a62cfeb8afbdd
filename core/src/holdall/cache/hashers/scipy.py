"""Hashers of sparse matrices: format, shape, dtype and stored items in canonical order."""

from __future__ import annotations

from typing import Any

from holdall.cache.hashers.numpy import array


def matrix(value: Any) -> Any:
    """Hashes a sparse matrix: duplicates are summed, a stored zero is an item, the width of indices does not count."""
    name = type(value).__name__
    if value.format in {"csr", "csc", "bsr"}:
        found = value
        if not value.has_canonical_format:
            found = value.copy()
            found.sum_duplicates()
        indices = (found.indptr, found.indices)
        shape = (found.shape, found.blocksize) if value.format == "bsr" else found.shape
    else:
        found = value.tocoo(copy=True)
        found.sum_duplicates()
        indices = found.coords if hasattr(found, "coords") else (found.row, found.col)
        shape = found.shape
    return name, shape, tuple(array(each.astype("i8")) for each in indices), array(found.data)
