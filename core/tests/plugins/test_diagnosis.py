"""What is installed, and what `doctor` says of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from holdall import plugins
from holdall.errors import ConfigurationError
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from pathlib import Path

LOUD = """
from holdall.abc import Serializer


class Loud(Serializer):
    '''Writes in capitals.

    More than that it does not do.
    '''

    slug = "loud"
    media_type = "text/plain"
    suffix = ".txt"
    encoding: str = "utf-8"
    level: int | None = None

    def dump(self, obj, /):
        return [str(obj).upper().encode(self.encoding)]

    def load(self, source, /):
        return bytes(source.buffer()).decode(self.encoding)
"""


def loud(folder: Path, distribution: str = "loudly", source: str = LOUD, version: str = "1.0") -> Path:
    """A distribution with the serializer `loud`."""
    points = {"holdall.serializers": {"loud": f"{distribution}:Loud"}}
    return write_distribution(
        folder, distribution, version=version, entry_points=points, modules={distribution: source}
    )


def about_loud(findings: list[plugins.Finding]) -> list[plugins.Finding]:
    """Without what the installed distributions of this environment add."""
    return [finding for finding in findings if finding.name == "loud"]


def test_installed_lists_without_importing(tmp_path: Path) -> None:
    """A list must not fail because of one plugin, nor cost their imports."""
    with on_path(loud(tmp_path)):
        found = next(info for info in plugins.installed() if info.name == "loud")
        imported = "loudly" in sys.modules

    expected = plugins.PluginInfo(
        kind="serializers",
        name="loud",
        distribution="loudly",
        version="1.0",
        target="loudly:Loud",
        location=str(tmp_path.resolve()),
    )
    assert expected == found
    assert not imported


def test_installed_has_the_builtins() -> None:
    """They are ordinary plugins of the distribution holdall."""
    found = {f"{info.kind}.{info.name}" for info in plugins.installed() if info.distribution == "holdall"}

    assert {
        "catalogs.sqlite",
        "locks.file",
        "locks.lease",
        "runners.processes",
        "runners.threads",
        "serializers.auto",
        "serializers.bundle",
        "serializers.bytes",
        "serializers.compressed",
        "serializers.json",
        "serializers.pickle",
        "serializers.text",
        "signatures.hmac-sha256",
        "storage.local-file-system",
        "storage.memory",
    } == found


@pytest.mark.parametrize("name", ["loud", "serializers.loud", "loudly"])
def test_show_finds_by_slug_kind_or_distribution(tmp_path: Path, name: str) -> None:
    """And says what the class takes."""
    with on_path(loud(tmp_path)):
        (found,) = plugins.show(name)

    assert "ok" == found.status
    assert "Writes in capitals." == found.summary
    assert 1 == found.api_version
    assert {"encoding": "str", "level": "int | None"} == {each.name: each.type for each in found.options}


def test_show_of_a_broken_plugin_says_why(tmp_path: Path) -> None:
    """The details that need an import are empty."""
    with on_path(loud(tmp_path, source="")):
        (found,) = plugins.show("loud")

    assert "broken" == found.status
    assert found.problem == (
        "The serializer 'loud' of loudly 1.0 (loudly:Loud) cannot be used: loudly has no Loud. "
        "Upgrade loudly, or uninstall it."
    )
    assert found.api_version is None


def test_show_of_an_unknown_name_lists_what_there_is() -> None:
    """By kind and slug, as `show` takes them."""
    known = ", ".join(sorted({f"{info.kind}.{info.name}" for info in plugins.installed()}))
    with pytest.raises(ConfigurationError) as caught:
        plugins.show("qqq")

    assert f"No plugin is called 'qqq'. Installed: {known}." == str(caught.value)


def test_status_is_found_out_when_it_is_asked_for(tmp_path: Path) -> None:
    """It imports the plugin."""
    with on_path(loud(tmp_path)):
        status = next(info for info in plugins.installed() if info.name == "loud").status

    assert "ok" == status


def test_doctor_has_nothing_to_say_of_a_plugin_that_works(tmp_path: Path) -> None:
    """No news is good news."""
    with on_path(loud(tmp_path)):
        found = about_loud(plugins.doctor())

    assert [] == found


def test_doctor_reports_a_broken_plugin(tmp_path: Path) -> None:
    """With the message that using it would end with."""
    with on_path(loud(tmp_path, source="raise RuntimeError('no licence')")):
        found = about_loud(plugins.doctor())

    expected = plugins.Finding(
        level="error",
        kind="serializers",
        name="loud",
        distribution="loudly",
        message=(
            "The serializer 'loud' of loudly 1.0 (loudly:Loud) cannot be used: importing it raised RuntimeError: no "
            "licence. Upgrade loudly, or uninstall it."
        ),
    )
    assert [expected] == found


def test_doctor_reports_a_conflict_once(tmp_path: Path) -> None:
    """However many distributions are in it."""
    with on_path(loud(tmp_path / "a"), loud(tmp_path / "b", "louder")):
        found = about_loud(plugins.doctor())

    expected = plugins.Finding(
        level="error",
        kind="serializers",
        name="loud",
        distribution="",
        message=(
            "The serializer 'loud' is claimed by louder 1.0 (louder:Loud) and by loudly 1.0 (loudly:Loud). Choose with "
            'HOLDALL_PLUGINS_PREFER="serializers.loud=louder" or HOLDALL_PLUGINS_PREFER="serializers.loud=loudly", or '
            "uninstall one."
        ),
    )
    assert [expected] == found


def test_doctor_notes_a_claim_that_was_not_chosen(tmp_path: Path) -> None:
    """Its import is not tried, as it will not be used."""
    folders = [loud(tmp_path / "a"), loud(tmp_path / "b", "louder", source="raise RuntimeError")]
    with on_path(*folders):
        found = about_loud(plugins.doctor(prefer={"serializers.loud": "loudly"}))

    expected = plugins.Finding(
        level="note",
        kind="serializers",
        name="loud",
        distribution="louder",
        message="serializers.loud comes from loudly instead.",
    )
    assert [expected] == found


def test_doctor_notes_a_shadowed_copy(tmp_path: Path) -> None:
    """It says which copy is used, and where both lie."""
    first, second = loud(tmp_path / "first", version="2.0"), loud(tmp_path / "second")
    with on_path(first, second):
        found = about_loud(plugins.doctor())

    expected = plugins.Finding(
        level="note",
        kind="serializers",
        name="loud",
        distribution="loudly",
        message=(
            f"loudly 1.0 in {second.resolve()} is not used: the copy in {first.resolve()} comes first on sys.path. "
            "Uninstall one of them if you did not mean to have both."
        ),
    )
    assert [expected] == found


def test_doctor_reports_a_choice_that_chooses_nothing() -> None:
    """A setting with a slip of the pen shows nowhere else."""
    found = about_loud(plugins.doctor(prefer={"serializers.loud": "loudly"}))

    expected = plugins.Finding(
        level="error",
        kind="serializers",
        name="loud",
        distribution="loudly",
        message="serializers.loud is to come from loudly, which is not installed: pip install loudly",
    )
    assert [expected] == found


def test_doctor_reports_a_setting_that_cannot_be_read() -> None:
    """Everything else depends on it, so it stands alone."""
    (found,) = plugins.doctor(prefer="nonsense")

    assert ("error", "settings", "plugins.prefer") == (found.level, found.kind, found.name)
    assert found.message == (
        "HOLDALL_PLUGINS_PREFER has 'nonsense', which is not of the form kind.name=distribution. Write it as "
        "storage.s3=holdall-s3; kinds are catalogs, cli, locks, runners, serializers, signatures, storage."
    )


def test_doctor_looks_at_listeners_too(tmp_path: Path) -> None:
    """They are found by another group and break in the same ways."""
    points = {"holdall.hooks": {"loud": "absent_listener"}}
    with on_path(write_distribution(tmp_path, "loudly", entry_points=points)):
        (found,) = about_loud(plugins.doctor())

    assert "hooks" == found.kind
    assert found.message == (
        "The listener 'loud' of loudly 1.0 (absent_listener) cannot be used: importing it raised ModuleNotFoundError: "
        "No module named 'absent_listener'. Upgrade loudly, or uninstall it."
    )
