"""Checks before writing: values that NumPy's files would change, or cannot hold without pickle, are rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib import format as npy_format

from holdall.errors import SerializationError
from holdall.serialization.typed.errors import described, key_step
from holdall_numpy import npy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LONGEST_NAME: Final = 60_000
_MANY: Final[dict[type, str]] = {tuple: "tuple", list: "list"}
_PICKLE: Final = 'Use result_serializer="pickle" for it'


def array(obj: Any, path: str = "result", /) -> NDArray[Any]:
    """Returns the object if it is an array that is read back unchanged.

    Raises:
        SerializationError: it is not; with `path`, or that of the field below it.
    """
    if type(obj) is not np.ndarray:
        raise _refused(path, *_no_array(obj))
    _plain(obj.dtype, path)
    if len(npy.header(obj)) > npy.LONGEST:
        raise _refused(
            path, f"has a header longer than {npy.LONGEST} bytes, which numpy.load refuses", "Give it fewer fields"
        )
    return obj


def members(obj: Any, /) -> tuple[str, Sequence[tuple[str, NDArray[Any]]]]:
    """Returns `"dict"`, `"tuple"` or `"list"`, and the names with their arrays.

    Raises:
        SerializationError: as `array` does.
    """
    if (kind := _MANY.get(type(obj))) is not None:
        return kind, [(f"arr_{number}", array(each, f"result[{number}]")) for number, each in enumerate(obj)]
    if type(obj) is not dict:
        if isinstance(obj, np.ndarray):
            raise _refused("result", "is an array, and .npz holds several", 'Use result_serializer="numpy" for it')
        raise _refused(
            "result",
            f"is {described(type(obj))} and no dict, tuple or list of arrays",
            "Return one, or use another serializer",
        )
    for number, name in enumerate(obj):
        if type(name) is not str or not _fits(name):
            raise _refused(f"result.keys()[{number}]", "is no name for a file in a .npz archive", _PICKLE)
    return "dict", [(name, array(each, "result" + key_step(name))) for name, each in obj.items()]


def _plain(dtype: np.dtype[Any], path: str) -> None:
    if dtype.names is not None:
        for name in dtype.names:
            _plain(dtype[name], path + key_step(name))
    base = dtype.base
    if base.hasobject:
        raise _refused(path, f"holds Python objects (dtype {base}), which NumPy's files keep as pickles", _PICKLE)
    if dtype.metadata is not None:
        raise _refused(path, "has a dtype with metadata, which NumPy's files do not keep", "Leave it out of the dtype")
    if dtype.names is None and base.names is not None:
        _plain(base, path)
    try:
        kept = npy_format.descr_to_dtype(npy_format.dtype_to_descr(dtype)) if dtype.base is dtype else dtype
    except (ValueError, TypeError, UserWarning):  # fields that overlap; numpy warns of types that it would pickle
        kept = None
    if kept != dtype or kept.type is not dtype.type:
        raise _refused(path, f"has the dtype {dtype}, which NumPy's files do not keep as it is", _PICKLE)


def _no_array(obj: Any) -> tuple[str, str]:
    if isinstance(obj, np.ma.MaskedArray):
        return "is a masked array, and NumPy's files have no place for a mask", (
            'Return its parts, as {"data": x.data, "mask": x.mask} with NumpySerializer(format="npz")'
        )
    if isinstance(obj, np.ndarray):
        return f"is {described(type(obj))}, which would come back as a plain array", "Return numpy.asarray() of it"
    if isinstance(obj, np.generic):
        return f"is {described(type(obj))}, a scalar, which would come back as an array", (
            "Return numpy.asarray() of it, or its item()"
        )
    if type(obj) in _MANY or type(obj) is dict:
        return f"is {described(type(obj))}, and .npy holds one array", (
            'Use result_serializer=NumpySerializer(format="npz") for several arrays'
        )
    return f"is {described(type(obj))} and no NumPy array", "Return an array, or use another serializer"


def _fits(name: str) -> bool:
    try:
        return "\0" not in name and len(name.encode()) <= _LONGEST_NAME
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _refused(path: str, why: str, advice: str) -> SerializationError:
    return SerializationError(f"The numpy serializer cannot write this result: {path} {why}. {advice}.", path=path)
