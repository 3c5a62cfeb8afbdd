"""Types of pydantic itself: URLs, addresses of people, sizes; and its secrets, which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from holdall.abc.typed.form import Form
from holdall.abc.typed.names import class_name, find_class
from holdall.abc.typed.refusal import Refused, described
from holdall.errors import CorruptResultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.abc.typed.reader import Reader
    from holdall.abc.typed.writer import Writer

# Compared by name: pydantic.networks is imported only where a URL is at hand.
_URLS: Final = frozenset(
    {
        ("pydantic.networks", "_BaseUrl"),
        ("pydantic.networks", "_BaseMultiHostUrl"),
        ("pydantic_core._pydantic_core", "Url"),
        ("pydantic_core._pydantic_core", "MultiHostUrl"),
    }
)
_SECRETS: Final = frozenset({("pydantic.types", "_SecretBase"), ("pydantic.types", "Secret")})


def library_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
    ancestry = {(base.__module__, base.__name__) for base in kind.__mro__}
    if ancestry & _SECRETS:
        raise Refused(
            f"is {described(kind)}, and a secret is not written in the clear",
            remedy="the name of the secret instead of its value",
        )
    if ancestry & _URLS:
        name = class_name(kind)
        return lambda writer, obj, _: writer.tagged("url", writer.text(str(obj)), name=name)
    if (kind.__module__, kind.__name__) == ("pydantic.networks", "NameEmail"):
        return lambda writer, obj, level: writer.tagged("name-email", writer.items([obj.name, obj.email], level))
    if (kind.__module__, kind.__name__) == ("pydantic.types", "ByteSize"):
        return lambda writer, obj, level: writer.tagged("byte-size", writer.value(int(obj), level))
    return None


def _read_url(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Any:
    cls: Any = find_class(name, trust=reader.trust, kind="url")
    if not {(base.__module__, base.__name__) for base in cls.__mro__} & _URLS:
        raise CorruptResultError(f"The stored data says that {name!r} is the class of a url; it is of another kind.")
    if type(value) is not str:
        raise TypeError("url")
    return cls(value)


def _read_name_email(_: Reader, value: Any) -> Any:
    from pydantic.networks import NameEmail  # noqa: PLC0415 - dear to import, and seldom met

    name, email = value
    if type(name) is not str or type(email) is not str:
        raise TypeError("name and address")
    return NameEmail(name=name, email=email)


def _read_byte_size(_: Reader, value: Any) -> Any:
    from pydantic.types import ByteSize  # noqa: PLC0415 - seldom met

    if type(value) is not int:
        raise TypeError("size")
    return ByteSize(value)


def _by_plan(*_: Any) -> Any:
    raise AssertionError("written by library_plan")


LIBRARIES: Final = (
    Form("url", "class", (), _by_plan, _read_url),
    Form("name-email", "tree", (), _by_plan, _read_name_email),
    Form("byte-size", "tree", (), _by_plan, _read_byte_size),
)
