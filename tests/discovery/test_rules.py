"""The rules of plugin discovery, each with its message, on distributions that lie on `sys.path`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from holdall.errors import (
    ConfigurationError,
    PluginBrokenError,
    PluginConflictError,
    PluginMissingError,
    UnknownBlockError,
    UnknownSerializerError,
)
from holdall.plugins import registry
from holdall.testing.distributions import absent, on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakePlugin = Callable[..., Path]


def broken(*folders: Path, slug: str = "shout") -> PluginBrokenError:
    """The error that using the slug ends with."""
    with on_path(*folders), pytest.raises(PluginBrokenError) as caught:
        registry.load("serializers", slug)
    return caught.value


def test_an_installed_plugin_is_found_by_its_slug(make_plugin: MakePlugin) -> None:
    """An entry point is all that a plugin needs."""
    with on_path(make_plugin("holdall-shout")):
        found = registry.load("serializers", "shout")

    assert found.__module__ == "holdall_shout"


def test_a_folder_with_nothing_but_entry_points_is_a_distribution(make_plugin: MakePlugin) -> None:
    """Name and version come from the folder's name where there is no METADATA."""
    folder = make_plugin("holdall-shout", version="2.5")
    next(folder.glob("*.dist-info/METADATA")).unlink()
    with on_path(folder):
        found = [entry for entry in registry.entries("serializers") if entry.name == "shout"]

    assert [("holdall_shout", "2.5")] == [(entry.distribution, entry.version) for entry in found]


def test_resolving_one_plugin_imports_no_other(make_plugin: MakePlugin) -> None:
    """One class is loaded per slug."""
    with on_path(make_plugin("holdall-shout"), make_plugin("holdall-whisper", slug="whisper")):
        registry.load("serializers", "shout")
        imported = {name for name in sys.modules if name in {"holdall_shout", "holdall_whisper"}}

    assert {"holdall_shout"} == imported


# Missing


def test_a_known_plugin_that_is_not_installed_has_an_install_line() -> None:
    """The slug belongs to a plugin that holdall knows by name."""
    with absent("holdall-obstore"):
        with pytest.raises(PluginMissingError) as caught:
            registry.load("storage", "obstore")
        installed = ", ".join(registry.names("storage"))

    assert str(caught.value) == (
        "The storage type 'obstore' comes with holdall-obstore, which is not installed. Install it: pip install "
        f"holdall-obstore. Installed: {installed}."
    )


def test_an_unknown_serializer_has_the_nearest_spelling() -> None:
    """A misspelt name is not a missing plugin."""
    with pytest.raises(UnknownSerializerError) as caught:
        registry.load("serializers", "picle")

    assert str(caught.value) == (
        "No serializer is called 'picle'. Did you mean 'pickle'? "
        f"Installed: {', '.join(registry.names('serializers'))}."
    )


def test_an_unknown_storage_near_a_known_plugin_has_its_install_line() -> None:
    """The nearest spelling may be that of something not installed."""
    with absent("holdall-obstore"):
        with pytest.raises(UnknownBlockError) as caught:
            registry.load("storage", "obstor")
        installed = ", ".join(registry.names("storage"))

    assert str(caught.value) == (
        "No storage type is called 'obstor'. Did you mean 'obstore' (pip install holdall-obstore)? "
        f"Installed: {installed}."
    )


def test_an_unknown_runner_like_nothing_lists_what_is_installed() -> None:
    """No suggestion is better than a silly one."""
    with pytest.raises(ConfigurationError) as caught:
        registry.load("runners", "qqq")

    assert str(caught.value) == (
        f"No task runner is called 'qqq'. Installed: {', '.join(registry.names('runners'))}. To add one, point an entry "
        "point of the group 'holdall.runners' at a subclass of holdall.abc.TaskRunner, or pass an instance as task_runner."
    )


# Broken


def test_a_plugin_whose_dependency_is_absent_is_broken(make_plugin: MakePlugin) -> None:
    """It is installed, so saying that it is missing would mislead."""
    error = broken(make_plugin("holdall-shout", source="import absent_library\n"))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: importing it raised "
        "ModuleNotFoundError: No module named 'absent_library'. Bring in what it needs: pip install holdall-shout"
    )
    assert isinstance(error.__cause__, ModuleNotFoundError)


def test_a_plugin_whose_module_is_absent_is_broken(make_plugin: MakePlugin) -> None:
    """Installing what it needs would not help."""
    error = broken(make_plugin("holdall-shout", target="holdall_elsewhere.deep:Shout"))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_elsewhere.deep:Shout) cannot be used: importing it "
        "raised ModuleNotFoundError: No module named 'holdall_elsewhere'. Upgrade holdall-shout, or uninstall it."
    )


@pytest.mark.parametrize(
    ("source", "raised"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("None.nothing", "AttributeError: 'NoneType' object has no attribute 'nothing'"),
    ],
)
def test_a_plugin_that_raises_while_imported_is_broken(make_plugin: MakePlugin, source: str, raised: str) -> None:
    """Whatever it raises, the exit of the program included."""
    error = broken(make_plugin("holdall-shout", source=source))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: importing it raised "
        f"{raised}. Upgrade holdall-shout, or uninstall it."
    )
    assert error.__cause__ is not None


def test_a_plugin_without_its_class_is_broken(make_plugin: MakePlugin) -> None:
    """The module is there, and the attribute is not."""
    error = broken(make_plugin("holdall-shout", source=""))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: holdall_shout has no Shout. "
        "Upgrade holdall-shout, or uninstall it."
    )
    assert isinstance(error.__cause__, AttributeError)


def test_a_plugin_that_is_no_serializer_is_broken(make_plugin: MakePlugin) -> None:
    """Any class, or no class at all, may stand behind an entry point."""
    error = broken(make_plugin("holdall-shout", source="class Shout: ..."))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: it is no subclass of "
        "holdall.abc.Serializer. Upgrade holdall-shout, or uninstall it."
    )


def test_a_plugin_with_methods_missing_is_broken(make_plugin: MakePlugin) -> None:
    """Better said at once than at the first result."""
    source = "from holdall.abc import Serializer\nclass Shout(Serializer):\n    slug = 'shout'\n"
    error = broken(make_plugin("holdall-shout", source=source))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: it does not implement dump, "
        "load. Upgrade holdall-shout, or uninstall it."
    )


def test_a_plugin_whose_class_has_another_slug_is_broken(make_plugin: MakePlugin) -> None:
    """A record names the class's slug, and a reader would look for that."""
    folder = make_plugin("holdall-shout", slug="shout", source=_class_with_slug("yell"))
    error = broken(folder)

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: its slug is 'yell' and its "
        "entry point says 'shout', so stored results would miss it. Upgrade holdall-shout, or uninstall it."
    )


def test_an_entry_point_that_is_no_assignment_is_broken(make_plugin: MakePlugin) -> None:
    """The rest of the file still counts."""
    folder = make_plugin("holdall-shout")
    declarations = next(folder.glob("*.dist-info/entry_points.txt"))
    declarations.write_text("# ours\n[holdall.serializers]\nwhisper\nshout = holdall_shout:Shout [extra]\n", "utf-8")
    error = broken(folder, slug="whisper")
    with on_path(folder):
        found = registry.load("serializers", "shout")

    assert str(error) == (
        "The serializer 'whisper' of holdall-shout 1.0 cannot be used: its entry point is not of the form "
        "name = module:Class. Upgrade holdall-shout, or uninstall it."
    )
    assert "Shout" == found.__name__


def test_a_plugin_for_a_newer_api_is_broken(make_plugin: MakePlugin) -> None:
    """The message says which versions fit."""
    error = broken(make_plugin("holdall-shout", api=2))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: it is made for plugin API "
        "2, and this holdall speaks API 1. Upgrade holdall, or take an older holdall-shout."
    )


def test_a_plugin_for_an_older_api_is_broken(make_plugin: MakePlugin) -> None:
    """As with a newer one, the other way round."""
    error = broken(make_plugin("holdall-shout", api=0))

    assert str(error) == (
        "The serializer 'shout' of holdall-shout 1.0 (holdall_shout:Shout) cannot be used: it is made for plugin API "
        "0, and this holdall speaks API 1. Upgrade holdall-shout."
    )


def test_a_broken_plugin_does_not_break_another(make_plugin: MakePlugin) -> None:
    """Neither by its import nor by its metadata."""
    ruined = make_plugin("holdall-ruin", slug="ruin", source="raise RuntimeError")
    garbled = make_plugin("holdall-garbled", slug="garbled")
    next(garbled.glob("*.dist-info/entry_points.txt")).write_bytes(b"[holdall.serializers]\n\xff\xfe = x:y\n")
    next(garbled.glob("*.dist-info/METADATA")).write_bytes(b"\xff\xfe")
    with on_path(ruined, garbled, make_plugin("holdall-shout")):
        found = registry.load("serializers", "shout")

    assert "shout" == found.slug  # type: ignore[attr-defined]


def test_a_plugin_that_has_been_mended_works_without_a_restart(make_plugin: MakePlugin) -> None:
    """Failures are not remembered."""
    folder = make_plugin("holdall-shout", source="import absent_library\n")
    with on_path(folder):
        with pytest.raises(PluginBrokenError):
            registry.load("serializers", "shout")
        (folder / "holdall_shout.py").write_text(_class_with_slug("shout"), "utf-8")
        registry.refresh()
        found = registry.load("serializers", "shout")

    assert "Shout" == found.__name__


# Claimed twice


def test_a_slug_that_two_distributions_claim_is_a_conflict_on_use(make_plugin: MakePlugin) -> None:
    """Neither wins by standing first on the path."""
    with (
        on_path(make_plugin("holdall-shout"), make_plugin("other-shout", version="2.0")),
        pytest.raises(PluginConflictError) as caught,
    ):
        registry.load("serializers", "shout")

    assert str(caught.value) == (
        "The serializer 'shout' is claimed by holdall-shout 1.0 (holdall_shout:Shout) and by other-shout 2.0 "
        '(other_shout:Shout). Choose with HOLDALL_PLUGINS_PREFER="serializers.shout=holdall-shout" or '
        'HOLDALL_PLUGINS_PREFER="serializers.shout=other-shout", or uninstall one.'
    )


def test_a_conflict_over_one_slug_leaves_the_others_alone(make_plugin: MakePlugin) -> None:
    """It is an error on use, not of the whole."""
    folders = [make_plugin("holdall-shout"), make_plugin("other-shout"), make_plugin("holdall-hush", slug="hush")]
    with on_path(*folders):
        found = registry.load("serializers", "hush")

    assert "holdall_hush" == found.__module__


def test_the_environment_chooses_between_claims(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distribution names compare as packaging tools compare them."""
    monkeypatch.setenv("HOLDALL_PLUGINS_PREFER", "storage.s3=holdall-s3, serializers.shout = Other_Shout")
    with on_path(make_plugin("holdall-shout"), make_plugin("other-shout")):
        found = registry.load("serializers", "shout")

    assert "other_shout" == found.__module__


def test_a_passed_preference_beats_the_environment(make_plugin: MakePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that were read elsewhere are passed in."""
    monkeypatch.setenv("HOLDALL_PLUGINS_PREFER", "serializers.shout=other-shout")
    with on_path(make_plugin("holdall-shout"), make_plugin("other-shout")):
        found = registry.load("serializers", "shout", prefer={"serializers.shout": "holdall-shout"})

    assert "holdall_shout" == found.__module__


def test_the_other_claim_is_not_imported(make_plugin: MakePlugin) -> None:
    """Choosing one leaves the other alone."""
    with on_path(make_plugin("holdall-shout"), make_plugin("other-shout", source="raise RuntimeError")):
        registry.load("serializers", "shout", prefer="serializers.shout=holdall-shout")
        imported = "other_shout" in sys.modules

    assert not imported


def test_a_choice_that_is_not_installed_is_an_error(make_plugin: MakePlugin) -> None:
    """Bytes and credentials do not go to a plugin that was not chosen."""
    with on_path(make_plugin("holdall-shout")), pytest.raises(ConfigurationError) as caught:
        registry.load("serializers", "shout", prefer="serializers.shout=other-shout")

    assert str(caught.value) == (
        "HOLDALL_PLUGINS_PREFER wants the serializer 'shout' from other-shout, which does not provide it here. It "
        "comes from holdall-shout 1.0 (holdall_shout:Shout). Name one of these, or: pip install other-shout"
    )


@pytest.mark.parametrize("text", ["shout", "serializers.shout", "shout=holdall-shout", "parsers.shout=holdall-shout"])
def test_a_preference_that_cannot_be_read_is_an_error(text: str) -> None:
    """It never silently means nothing."""
    with pytest.raises(ConfigurationError) as caught:
        registry.load("serializers", "pickle", prefer=text)

    assert str(caught.value) == (
        f"HOLDALL_PLUGINS_PREFER has {text!r}, which is not of the form kind.name=distribution. Write it as "
        "storage.s3=holdall-s3; kinds are catalogs, cli, locks, runners, serializers, signatures, storage."
    )


def test_a_plugin_that_claims_a_builtin_slug_is_a_conflict(make_plugin: MakePlugin) -> None:
    """Built-ins are ordinary plugins."""
    with on_path(make_plugin("other-json", slug="json")), pytest.raises(PluginConflictError) as caught:
        registry.load("serializers", "json")

    version = next(entry.version for entry in registry.entries("serializers") if entry.name == "json")
    assert str(caught.value) == (
        f"The serializer 'json' is claimed by holdall {version} (holdall.builtin.json.serializer:JSONSerializer) and by "
        'other-json 1.0 (other_json:Shout). Choose with HOLDALL_PLUGINS_PREFER="serializers.json=holdall" or '
        'HOLDALL_PLUGINS_PREFER="serializers.json=other-json", or uninstall one.'
    )


def test_a_builtin_can_be_replaced_by_choice(make_plugin: MakePlugin) -> None:
    """The setting says so, and nothing else does."""
    with on_path(make_plugin("other-json", slug="json")):
        found = registry.load("serializers", "json", prefer="serializers.json=other-json")

    assert "other_json" == found.__module__


# Shadowed


def test_the_first_copy_of_a_distribution_on_the_path_wins(make_plugin: MakePlugin) -> None:
    """An editable install beside a wheel is no conflict."""
    first = make_plugin("holdall-shout", version="2.0", folder="first")
    second = make_plugin("holdall-shout", version="1.0", folder="second")
    with on_path(first, second):
        found = registry.find("serializers", "shout")
        entries = registry.entries("serializers")
        copies = sorted((entry.version, entry.shadowed_by) for entry in entries if entry.name == "shout")

    assert "2.0" == found.version
    assert [("1.0", str(first.resolve())), ("2.0", None)] == copies


def test_a_first_copy_without_the_entry_point_hides_the_second(tmp_path: Path, make_plugin: MakePlugin) -> None:
    """What Python would import is the first copy, whatever the second declares."""
    first = write_distribution(tmp_path / "first", "holdall-shout", entry_points={})
    with on_path(first, make_plugin("holdall-shout")), pytest.raises(UnknownSerializerError):
        registry.load("serializers", "shout")


def test_one_folder_twice_on_the_path_is_one_copy(make_plugin: MakePlugin) -> None:
    """Neither a conflict nor a shadow."""
    folder = make_plugin("holdall-shout")
    with on_path(folder, folder / ".." / folder.name):
        found = [entry.shadowed_by for entry in registry.entries("serializers") if entry.name == "shout"]

    assert [None] == found


def _class_with_slug(slug: str) -> str:
    return (
        "from holdall.abc import Serializer\n"
        "class Shout(Serializer):\n"
        f"    slug = {slug!r}\n"
        "    media_type = 'text/plain'\n"
        "    suffix = '.txt'\n"
        "    def dump(self, obj, /): return [b'']\n"
        "    def load(self, source, /): return None\n"
    )
