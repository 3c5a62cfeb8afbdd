"""The NumPy serializer. The first value imports NumPy."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from holdall.abc import Serializer
from holdall.errors import CorruptResultError, SerializationError

if TYPE_CHECKING:
    from holdall.types import Parts, Source

_MEDIA_TYPES: Final = {"npy": "application/x-npy", "npz": "application/x-npz"}
_STREAMED: Final = 1 << 20
"""Size from which an array that is not contiguous is copied in pieces."""


class NumpySerializer(Serializer):
    """One array as `.npy`; with `format="npz"`, a dict, tuple or list of arrays as `.npz`, not compressed.

    Written from the array's own memory, and read as a view of the bytes from the storage. Nothing is pickled: arrays of
    objects, masks, subclasses and scalars are rejected when written, with their path.
    """

    slug: ClassVar[str] = "numpy"
    exact: ClassVar[bool] = True

    format: Literal["npy", "npz"] = "npy"

    @property
    def media_type(self) -> str:  # type: ignore[override]  # depends on the format, and stays read-only
        return _MEDIA_TYPES[self.format]

    @property
    def suffix(self) -> str:  # type: ignore[override]  # as media_type
        return f".{self.format}"

    def dump(self, obj: Any, /) -> Parts:
        from holdall_numpy import checks, npy, npz

        try:
            if self.format == "npz":
                return npz.parts(*checks.members(obj))
            array = checks.array(obj)
        except SerializationError as error:
            error.value = obj
            raise
        parts = chain([npy.header(array)], npy.pieces(array))
        return parts if array.nbytes >= _STREAMED and not array.flags.forc else list(parts)

    def load(self, source: Source, /) -> Any:
        from holdall_numpy import npy, npz

        view = memoryview(source.buffer()).cast("B")
        if not view.nbytes:
            raise CorruptResultError(f"The stored {self.suffix} file is empty.")
        if view.readonly:  # the caller gets a writable, private array
            view = memoryview(bytearray(view))
        return npz.read(view) if self.format == "npz" else npy.read(view)
