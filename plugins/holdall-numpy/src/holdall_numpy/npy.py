"""The `.npy` format: a header in Python's notation, then the array's memory.

Written here and not by `numpy.save`, which needs a file, and read here because `numpy.load` copies.
"""

from __future__ import annotations

import math
import re
import struct
from ast import literal_eval
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib import format as npy_format

from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAGIC: Final = b"\x93NUMPY"
ALIGNMENT: Final = 64
LONGEST: Final = 10_000
"""Most bytes of a header that `numpy.load` reads; it rejects longer ones as an attack."""

_PIECE: Final = 16 << 20
_LATIN: Final = b"\x01\x00"
_UTF8: Final = b"\x03\x00"
_KEYS: Final = {"descr", "fortran_order", "shape"}
_SCALAR: Final = re.compile(r"[<>|][biufcmMSUV]\d{1,10}(\[\d{0,9}[a-zA-Z]{1,2}\])?|[<>][mM]8")


def header(array: NDArray[Any], /) -> bytes:
    """Returns the file's header, a multiple of `ALIGNMENT` bytes long."""
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    descr = npy_format.dtype_to_descr(array.dtype)
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {array.shape!r}, }}"
    try:
        encoded, version, length = text.encode("latin-1"), _LATIN, "<H"
    except UnicodeEncodeError:
        encoded, version, length = text.encode(), _UTF8, "<I"
    start = len(MAGIC) + len(version) + struct.calcsize(length)
    padding = -(start + len(encoded) + 1) % ALIGNMENT
    encoded += b" " * padding + b"\n"
    return MAGIC + version + struct.pack(length, len(encoded)) + encoded


def pieces(array: NDArray[Any], /) -> Iterator[memoryview | bytes]:
    """Yields the array's memory: without a copy if it is contiguous, otherwise in copies of at most 16 MiB."""
    if array.nbytes == 0:
        return
    if array.flags.forc:
        flat = array.reshape(-1) if array.flags.c_contiguous else array.T.reshape(-1)
        yield flat.view(np.uint8).data
        return
    step = max(_PIECE // array.itemsize, 1)
    copies: Any = np.nditer(array, flags=["external_loop", "buffered", "zerosize_ok"], buffersize=step, order="C")
    for piece in copies:
        yield piece.tobytes()


def read(view: memoryview, /) -> NDArray[Any]:
    """Reads a whole file; the array shares the memory of `view`, and is writable if that is.

    Raises:
        CorruptResultError: the bytes are not those of `header` and `pieces`.
    """
    start, shape, fortran, descr = _parsed(view)
    try:
        dtype = npy_format.descr_to_dtype(descr)
        if math.prod(shape) * dtype.itemsize != view.nbytes - start:
            raise CorruptResultError(
                f"The stored .npy file has {view.nbytes - start} bytes of data, and its header says "
                f"{dtype} in the shape {shape}."
            )
        order: Any = "F" if fortran else "C"
        if start == view.nbytes:
            return np.ndarray(shape, dtype, order=order)
        return np.ndarray(shape, dtype, buffer=view, offset=start, order=order)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        if isinstance(error, CorruptResultError):
            raise
        raise CorruptResultError(f"The header of the stored .npy file describes no array: {error}.") from error


def _parsed(view: memoryview) -> tuple[int, tuple[int, ...], bool, Any]:
    """Parses a header; returns the start of the data, shape, order and dtype."""
    version = bytes(view[6:8])
    start = 10 if version == _LATIN else 12
    if view.nbytes < start or bytes(view[:6]) != MAGIC or version not in {_LATIN, _UTF8}:
        raise CorruptResultError("The stored bytes do not start as a .npy file of version 1.0 or 3.0 does.")
    length = int.from_bytes(view[8:start], "little")
    if length > LONGEST or start + length > view.nbytes:
        raise CorruptResultError(f"The stored .npy file ends before its header of {length} bytes, or that is too long.")
    try:
        fields = literal_eval(str(view[start : start + length], "latin-1" if version == _LATIN else "utf-8"))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:  # as documented
        raise CorruptResultError("The header of the stored .npy file cannot be read.") from error
    if not isinstance(fields, dict) or fields.keys() != _KEYS:
        raise CorruptResultError("The header of the stored .npy file lacks descr, fortran_order or shape.")
    descr, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
    if type(fortran) is not bool or not _is_shape(shape) or not _is_descr(descr):
        raise CorruptResultError("The header of the stored .npy file describes no array of plain types.")
    return start + length, shape, fortran, descr


def _is_shape(shape: Any) -> bool:
    return type(shape) is tuple and all(type(length) is int and length >= 0 for length in shape)


def _is_descr(descr: Any) -> bool:
    """Whether `dtype_to_descr` may have returned it for a plain type: `numpy.dtype` accepts, and evaluates, far more."""
    if isinstance(descr, str):
        return _SCALAR.fullmatch(descr) is not None
    return isinstance(descr, list) and all(
        type(field) is tuple
        and len(field) in {2, 3}
        and _is_name(field[0])
        and _is_descr(field[1])
        and (len(field) == 2 or _is_shape(field[2]))
        for field in descr
    )


def _is_name(name: Any) -> bool:
    return isinstance(name, str) or (type(name) is tuple and len(name) == 2 and all(isinstance(n, str) for n in name))
