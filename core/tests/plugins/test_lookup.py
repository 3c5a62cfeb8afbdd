"""Serializers by slug and by type, as plugins find them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import holdall
from holdall import plugins
from holdall.abc import Serializer
from holdall.builtin.candidates import candidates
from holdall.errors import ConfigurationError, PluginMissingError, UnknownSerializerError
from holdall.plugins import registry, serializer, serializer_class, serializers_for
from holdall.serializers import CompressedSerializer, JSONSerializer

if TYPE_CHECKING:
    from holdall.types import Parts, Source


class Temperature:
    """A type of a program's own."""


class Celsius(Temperature):
    """One below it."""


def made(slug: str, priority: int = 0) -> type[Serializer]:
    """A serializer class of that name."""
    names: dict[str, Any] = {"slug": slug, "priority": priority, "__annotations__": {}}
    return type(slug.title(), (_Plain,), names)


class _Plain(Serializer):
    slug: ClassVar[str] = "plain"
    media_type: ClassVar[str] = "text/plain"
    suffix: ClassVar[str] = ".txt"

    def dump(self, obj: Any, /) -> Parts:
        return [str(obj).encode()]

    def load(self, source: Source, /) -> Any:
        return bytes(source.buffer()).decode()


@pytest.fixture(autouse=True)
def _registrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_state", registry._State())


def test_a_serializer_is_found_by_its_slug() -> None:
    """Alone, wrapped, and with options."""
    assert JSONSerializer() == serializer("json")
    assert CompressedSerializer(serializer="json") == serializer("compressed/json")
    assert JSONSerializer(dumps_kwargs={"indent": 2}) == serializer("json", {"dumps_kwargs": {"indent": 2}})


def test_a_class_is_found_by_its_slug() -> None:
    """And makes a serializer of stored options."""
    assert JSONSerializer is serializer_class("json")
    assert CompressedSerializer(serializer="json") == serializer_class("compressed").from_options(
        {"serializer": {"type": "json"}}
    )


@pytest.mark.parametrize("find", [serializer, serializer_class])
def test_an_unknown_slug_is_refused_with_the_nearest(find: Any) -> None:
    """As wherever a user writes one."""
    with pytest.raises(UnknownSerializerError, match=r"Did you mean 'json'\?"):
        find("jsn")


@pytest.mark.parametrize("find", [serializer, serializer_class])
def test_a_plugin_that_is_not_installed_is_named(find: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    monkeypatch.setattr(registry, "scan", tuple)

    with pytest.raises(PluginMissingError, match=r"pip install holdall-msgpack"):
        find("msgpack")


def test_options_that_do_not_fit_are_refused() -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match="'indnt'"):
        serializer("json", {"indnt": 2})


def test_serializers_for_a_type_are_those_of_its_bases_too() -> None:
    """Nearest base first, then by priority; the same objects each time."""
    holdall.register(made("warm"), types=[Temperature])
    holdall.register(made("warmer", priority=1), types=[Temperature])
    holdall.register(made("exact"), types=[Celsius])
    found = serializers_for(Celsius)

    assert ["exact", "warmer", "warm"] == [each.slug for each in found]
    assert found is serializers_for(Celsius)
    assert () == serializers_for(dict)


def test_a_registration_is_seen_by_the_next_look_up() -> None:
    """By `auto` as well."""
    assert () == serializers_for(Temperature) == candidates(Temperature)
    holdall.register(made("warm"), types=[Temperature])

    assert ["warm"] == [each.slug for each in serializers_for(Temperature)]
    assert serializers_for(Temperature) == candidates(Temperature)


def test_what_is_installed_later_is_seen_after_a_refresh() -> None:
    """What was found before is not."""
    holdall.register(made("warm"), types=[Temperature])
    before = serializers_for(Temperature)
    registry.refresh()

    assert before is not serializers_for(Temperature)
    assert before == serializers_for(Temperature)


def test_a_class_that_was_asked_for_is_not_kept_alive() -> None:
    """Classes made in a loop go when their program lets go of them."""
    known = registry.for_types()
    cls = type("Passing", (), {})
    serializers_for(cls)
    assert 1 == len(known)
    del cls
    gc.collect()

    assert 0 == len(known)


def test_the_public_names_are_those_of_the_module_of_plugins() -> None:
    """Sorted, and each there."""
    assert plugins.__all__ == sorted(plugins.__all__)
    assert all(hasattr(plugins, name) for name in plugins.__all__)
