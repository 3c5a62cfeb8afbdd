"""Types of pydantic itself: URLs, addresses of people, sizes; and its secrets, which are refused."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from holdall.serialization.typed.class_names import class_name
from holdall.serialization.typed.errors import Refused, described
from holdall.serialization.typed.form import Form
from holdall.serialization.typed.instance_layout import Layout
from holdall.serialization.typed.static_lookup import ancestry, module_of, qualname_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.typed.reader import Reader
    from holdall.serialization.typed.writer import Writer

# Compared by name: pydantic.networks is imported only where a URL is at hand.
_URLS: Final = {
    ("pydantic.networks", "_BaseUrl"): "Url",
    ("pydantic.networks", "_BaseMultiHostUrl"): "MultiHostUrl",
    ("pydantic_core._pydantic_core", "Url"): "Url",
    ("pydantic_core._pydantic_core", "MultiHostUrl"): "MultiHostUrl",
}
_SECRETS: Final = frozenset({("pydantic.types", "_SecretBase"), ("pydantic.types", "Secret")})
_HELD: Final = "_url"


def _identity(kind: type) -> tuple[str, str]:
    return module_of(kind), qualname_of(kind)


def library_plan(kind: type, /) -> Callable[[Writer, Any, int], Any] | None:
    if not _SECRETS.isdisjoint(map(_identity, ancestry(kind))):
        raise Refused(
            f"is {described(kind)}, and a secret is not written in the clear",
            remedy="the name of the secret instead of its value",
        )
    if (found := _describe_url(kind)) is not None:
        layout, core = found
        name = class_name(kind)
        return lambda writer, obj, _: writer.tagged("url", writer.text(_url_text(obj, layout, core)), name=name)
    if _identity(kind) == ("pydantic.networks", "NameEmail"):
        return lambda writer, obj, level: writer.tagged("name-email", writer.items([obj.name, obj.email], level))
    if _identity(kind) == ("pydantic.types", "ByteSize"):
        return lambda writer, obj, level: writer.tagged("byte-size", writer.value(int(obj), level))
    return None


def _describe_url(kind: type) -> tuple[Layout | None, Any] | None:
    """The layout of a URL class, None for one of pydantic's core, and the class of the core that it holds or is."""
    for base in ancestry(kind):
        if (core := _URLS.get(_identity(base))) is not None:
            inner = getattr(import_module("pydantic_core"), core)
            return (None if kind is inner else Layout(kind)), inner
    return None


def _url_text(obj: Any, layout: Layout | None, core: Any) -> str:
    held = {_HELD: obj} if layout is None else layout.held(obj)
    inner: Any = held.get(_HELD)
    if held.keys() != {_HELD} or type(inner) is not core:
        raise Refused(f"is {described(type(obj))} that holds more than its text")
    text = str(inner)
    again: Any = core
    if again(text) != inner:
        raise Refused(f"is {described(type(obj))} whose text is read as another one")
    return text


def _read_url(reader: Reader, name: str, value: Any, _: dict[str, Any]) -> Any:
    layout, core = reader.known_class("url", name, _describe_url)
    if type(value) is not str:
        raise TypeError("url")
    inner: Any = core(value)
    return inner if layout is None else layout.made({_HELD: inner})


def _read_name_email(_: Reader, value: Any) -> Any:
    from pydantic.networks import NameEmail

    name, email = value
    if type(name) is not str or type(email) is not str:
        raise TypeError("name and address")
    return NameEmail(name=name, email=email)


def _read_byte_size(_: Reader, value: Any) -> Any:
    from pydantic.types import ByteSize

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
