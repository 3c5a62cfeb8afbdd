"""Forms of numbers, bytes, identifiers, paths, addresses and patterns: values that contain no others."""

from __future__ import annotations

import ipaddress
import pathlib
import re
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from holdall.errors import SerializationError
from holdall.serialization.typed.errors import UnsupportedValue
from holdall.serialization.typed.form import TypeHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.typed.form import TreeReader, TreeWriter

_FLOATS: Final = frozenset({"nan", "inf", "-inf"})
_FLAGS: Final = int(re.ASCII | re.IGNORECASE | re.LOCALE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.UNICODE)
_MAX_BITS: Final = 1 << 18
"""Limit of each number of a fraction: reducing it is quadratic."""
_MAX_PATTERN: Final = 1 << 14
_MAX_SETS: Final = 1 << 10
_MAX_WIDE_SETS: Final = 64
_WIDE_SET: Final = re.compile(r"\[[^\]]*?(?:[^\x00-\xff\]]|\\[uUN])")
_NATIVE_PATH: Final = type(pathlib.Path())
_PATHS: Final = {
    pathlib.PurePosixPath: "pure-posix-path",
    pathlib.PureWindowsPath: "pure-windows-path",
    pathlib.PosixPath: "posix-path",
    pathlib.WindowsPath: "windows-path",
}
_ADDRESSES: Final = {
    ipaddress.IPv4Address: "ipv4-address",
    ipaddress.IPv4Interface: "ipv4-interface",
    ipaddress.IPv4Network: "ipv4-network",
    ipaddress.IPv6Address: "ipv6-address",
    ipaddress.IPv6Interface: "ipv6-interface",
    ipaddress.IPv6Network: "ipv6-network",
}


def _text(tag: str, kind: type, read: Callable[[str], Any], show: Callable[[Any], str] = str) -> TypeHandler:
    return TypeHandler(tag, "text", (kind,), lambda writer, obj, _: writer.text(show(obj)), lambda _, text: read(text))


def _int(text: str) -> int:
    # Hexadecimal is linear in its length, and bound to no limit of digits.
    return int(text, 16)


def _float(text: str) -> float:
    if text not in _FLOATS:
        raise ValueError("a finite float is plain data")
    return float(text)


def _complex(_: TreeReader, value: Any) -> complex:
    real, imaginary = value
    return complex(_number(real), _number(imaginary))


def _number(value: Any) -> float:
    if type(value) not in (float, int):
        raise TypeError(type(value).__name__)
    return float(value)


def _write_fraction(writer: TreeWriter, obj: Fraction, level: int) -> list[Any]:
    if max(obj.numerator.bit_length(), obj.denominator.bit_length()) > _MAX_BITS:
        raise UnsupportedValue("is a fraction of numbers so long that reducing them again would take a reader seconds")
    return writer.items([obj.numerator, obj.denominator], level)


def _fraction(_: TreeReader, value: Any) -> Fraction:
    if type(value) is not list or [type(part) for part in value] != [int, int]:
        raise TypeError("parts of a fraction")
    numerator, denominator = value
    if denominator <= 0 or max(numerator.bit_length(), denominator.bit_length()) > _MAX_BITS:
        raise ValueError("parts of a fraction")
    return Fraction(numerator, denominator)


def _path(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if issubclass(kind, pathlib.Path) and kind is not _NATIVE_PATH:
            raise SerializationError(f"The stored data holds a {kind.__name__}, which this platform cannot make.")
        return kind(text)

    return read


def _write_pattern(writer: TreeWriter, obj: re.Pattern[Any], level: int) -> list[Any]:
    if obj.flags & ~_FLAGS:
        raise UnsupportedValue("is a pattern with flags that cannot be kept")
    if _is_costly(obj.pattern):
        raise UnsupportedValue("is a pattern so large that compiling it would take a reader seconds")
    return [writer.value(obj.pattern, level + 1), obj.flags]


def _read_pattern(_: TreeReader, value: Any) -> re.Pattern[Any]:
    pattern, flags = value
    if type(flags) is not int or flags & ~_FLAGS or type(pattern) not in {str, bytes} or _is_costly(pattern):
        raise ValueError("pattern")
    try:
        return re.compile(pattern, flags)
    except (re.error, Warning) as error:  # Warning: where warnings are errors, doubtful patterns are
        raise ValueError("pattern") from error


def _is_costly(pattern: str | bytes) -> bool:
    """Whether `re` needs more than about a second: sets of characters cost it much, one beyond Latin-1 milliseconds."""
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    if len(text) > _MAX_PATTERN or text.count("[") > _MAX_SETS:
        return True
    return len(_WIDE_SET.findall(text)) > _MAX_WIDE_SETS


SCALARS: Final = (
    _text("int", int, _int, hex),
    _text("float", float, _float, repr),
    TypeHandler(
        "complex", "tree", (complex,), lambda writer, z, level: writer.items([z.real, z.imag], level), _complex
    ),
    TypeHandler("bytes", "blob", (bytes,), lambda writer, obj, _: writer.blob(obj), lambda _, blob: bytes(blob)),
    TypeHandler(
        "bytearray", "blob", (bytearray,), lambda writer, obj, _: writer.blob(obj), lambda _, blob: bytearray(blob)
    ),
    _text("decimal", Decimal, Decimal),
    TypeHandler(
        "fraction",
        "tree",
        (Fraction,),
        _write_fraction,
        _fraction,
    ),
    _text("uuid", uuid.UUID, uuid.UUID),
    *(_text(tag, kind, _path(kind)) for kind, tag in _PATHS.items()),
    *(_text(tag, kind, kind) for kind, tag in _ADDRESSES.items()),
    TypeHandler("pattern", "tree", (re.Pattern,), _write_pattern, _read_pattern),
)
