"""Registration in this process, and serializers by name."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import ConfigDict

import holdall
from holdall.abc import Codec, Serializer, StorageBlock
from holdall.errors import ConfigurationError, PluginConflictError, UnknownSerializerError
from holdall.plugins import registry
from holdall.testing.distributions import on_path, registrations_undone, write_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from holdall.types import Parts, Source


class Plain(Serializer):
    """A serializer with one option."""

    slug: ClassVar[str] = "plain"
    media_type: ClassVar[str] = "text/plain"
    suffix: ClassVar[str] = ".txt"
    encoding: str = "utf-8"

    def dump(self, obj: Any, /) -> Parts:
        return [str(obj).encode(self.encoding)]

    def load(self, source: Source, /) -> Any:
        return bytes(source.buffer()).decode(self.encoding)


class OtherPlain(Plain):
    """Asks for the same name."""


class Around(Plain):
    """A serializer that wraps another."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    slug: ClassVar[str] = "around"
    serializer: Codec


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    with registrations_undone():
        yield


def test_register_makes_a_class_known_by_its_slug() -> None:
    """And gives the class back, as a decorator must."""
    returned = registry.register(Plain)

    assert Plain is returned
    assert Plain is registry.load("serializers", "plain")
    assert "plain" in registry.names("serializers")


def test_register_is_a_decorator_of_the_package() -> None:
    """`@holdall.register` and `@holdall.register(replace=True)` both work."""
    assert Plain is holdall.register(Plain)
    assert OtherPlain is holdall.register(replace=True)(OtherPlain)
    assert OtherPlain is registry.load("serializers", "plain")


def test_subclassing_alone_registers_nothing() -> None:
    """Registration is explicit."""
    with pytest.raises(UnknownSerializerError):
        registry.load("serializers", "around")


def test_registering_a_second_class_under_a_slug_is_an_error() -> None:
    """The first one stays."""
    registry.register(Plain)
    with pytest.raises(ConfigurationError) as caught:
        registry.register(OtherPlain)

    name = Plain.__module__
    assert str(caught.value) == (
        f"The serializer 'plain' is registered already, as {name}:Plain; {name}:OtherPlain asks for the same name. "
        "Give one of them another slug, or register with replace=True."
    )
    assert Plain is registry.load("serializers", "plain")


def test_a_class_defined_anew_replaces_its_older_self() -> None:
    """A notebook cell that is run again is no second claim."""
    registry.register(Plain)
    again = type("Plain", (Plain,), {"__module__": Plain.__module__, "__qualname__": "Plain"})
    registry.register(again)

    assert again is registry.load("serializers", "plain")


def test_registering_what_is_no_component_is_an_error() -> None:
    """The message names the two bases."""
    with pytest.raises(ConfigurationError) as caught:
        registry.register(int)

    assert str(caught.value) == (
        "<class 'int'> cannot be registered: it is no subclass of holdall.abc.Serializer or holdall.abc.StorageBlock."
    )


def test_registering_an_unfinished_class_is_an_error() -> None:
    """It could not be made when it is needed."""
    attic = type("Attic", (StorageBlock,), {"slug": "attic", "__module__": "house", "__qualname__": "Attic"})
    with pytest.raises(ConfigurationError) as caught:
        registry.register(attic)

    assert str(caught.value) == (
        "house.Attic cannot be registered: it does not implement delete, get, head, put, scan. Change the class."
    )


@pytest.mark.parametrize("slug", [None, "", "Plain", "s3/prod", "plain text"])
def test_registering_a_slug_that_is_no_name_is_an_error(slug: object) -> None:
    """A slug stands in settings, references and environment variables."""
    odd = type("Odd", (Plain,), {"slug": slug, "__module__": "house", "__qualname__": "Odd"})
    with pytest.raises(ConfigurationError) as caught:
        registry.register(odd)

    assert str(caught.value) == (
        f"house.Odd cannot be registered: its slug is {slug!r}, and must be lower-case letters, digits and hyphens. "
        "Change the class."
    )


def test_a_registration_that_an_installed_plugin_claims_too_is_a_conflict(tmp_path: Path) -> None:
    """A silent winner would hide the other; `replace=True` says which."""
    points = {"holdall.serializers": {"plain": "plainly:Plain"}}
    with on_path(write_distribution(tmp_path, "plainly", entry_points=points)):
        registry.register(Plain)
        with pytest.raises(PluginConflictError) as caught:
            registry.load("serializers", "plain")
        registry.register(Plain, replace=True)
        found = registry.load("serializers", "plain")

    assert str(caught.value) == (
        f"The serializer 'plain' is claimed by this process ({Plain.__module__}:Plain) and by plainly 1.0 "
        '(plainly:Plain). Choose with HOLDALL_PLUGINS_PREFER="serializers.plain=plainly" or '
        "holdall.register(..., replace=True), or uninstall one."
    )
    assert Plain is found


def test_a_plugin_may_register_its_own_class_as_well(tmp_path: Path) -> None:
    """One class claims its name once, however often it says so."""
    points = {"holdall.serializers": {"plain": f"{Plain.__module__}:Plain"}}
    with on_path(write_distribution(tmp_path, "plainly", entry_points=points)):
        registry.register(Plain)
        found = registry.load("serializers", "plain")

    assert Plain is found


def test_serializer_makes_one_from_its_options() -> None:
    """As they stand in a record."""
    registry.register(Plain)

    assert Plain(encoding="latin-1") == registry.serializer("plain", {"encoding": "latin-1"})


def test_serializer_wraps_what_stands_behind_the_slash() -> None:
    """To any depth."""
    registry.register(Plain)
    registry.register(Around)
    found = registry.serializer("around/around/plain")

    assert Around(serializer=Around(serializer=Plain())) == found


def test_serializer_refuses_a_wrapper_that_wraps_nothing() -> None:
    """The slash means something only where the first of the two takes another."""
    registry.register(Plain)
    with pytest.raises(ConfigurationError) as caught:
        registry.serializer("plain/pickle")

    assert str(caught.value) == (
        "The serializer 'plain/pickle' cannot be made: 'plain' wraps no other serializer. Write 'plain' alone, or "
        "'compressed/pickle'."
    )


def test_serializer_refuses_options_that_do_not_fit() -> None:
    """Without repeating a value, which may be a secret."""
    registry.register(Plain)
    with pytest.raises(ConfigurationError) as caught:
        registry.serializer("plain", {"encoding": 12345, "level": 3})

    assert str(caught.value) == (
        "Plain cannot be made. encoding: Input should be a valid string. There is no option 'level': it has encoding."
    )
    assert "12345" not in repr(caught.value)


def test_serializer_refuses_options_that_a_constructor_does_not_know() -> None:
    """A class with an `__init__` of its own refuses them in its own way."""
    with pytest.raises(ConfigurationError) as caught:
        registry.serializer("compressed", {"speed": 12345})

    assert str(caught.value) == (
        "The serializer 'compressed' does not take these options. CompressedSerializer.__init__() got an unexpected "
        "keyword argument 'speed'."
    )


def test_serializer_makes_the_shorthand_of_the_issue() -> None:
    """`compressed/json`, and pickle in gzip from its record."""
    short = registry.serializer("compressed/json")
    again = registry.serializer(short.slug, short.options())

    assert ("compressed", ".json.gz") == (short.slug, short.suffix)
    assert short == again


def test_advice_names_the_install_line() -> None:
    """For messages that begin elsewhere."""
    names = ", ".join(registry.names("storage"))

    assert f"Install it: pip install holdall-obstore. Installed: {names}." == registry.advice("storage", "obstore")


def test_importing_the_registry_scans_nothing() -> None:
    """importlib.metadata is paid for by the first look-up."""
    code = "import sys, holdall.plugins.registry; print('importlib.metadata' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False False" == done.stdout.strip()
