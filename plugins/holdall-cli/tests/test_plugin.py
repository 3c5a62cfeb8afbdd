"""`holdall plugin`, `holdall config` and `holdall version`: what there is, and where it comes from."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING, Any

from holdall import plugins
from holdall._version import VERSION
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LISTED = {"kind", "name", "distribution", "version", "target", "location", "shadowed_by"}


def _broken(folder: Path) -> Path:
    return write_distribution(
        folder, "holdall-broken", entry_points={"holdall.serializers": {"torn": "torn_missing:Torn"}}
    )


def test_lists_every_plugin(holdall: Any, tmp_path: Path) -> None:
    """Broken ones too, as none is imported; JSON has the same."""
    with on_path(_broken(tmp_path / "site")):
        table, rows = holdall("plugin", "ls"), json.loads(holdall("plugin", "ls", "--json").stdout)
        expected = [(info.kind, info.name, info.version) for info in plugins.installed()]

    assert expected == [(row["kind"], row["name"], row["version"]) for row in rows]
    assert [LISTED] * len(rows) == [set(row) for row in rows]
    assert table.stdout.splitlines()[0].split() == ["KIND", "NAME", "FROM", "TARGET"]
    assert "torn_missing:Torn" in table.stdout


def test_shows_a_plugin(holdall: Any) -> None:
    """Its summary, its options, and where it is."""
    found = holdall("plugin", "show", "serializers.compressed")
    (row,) = json.loads(holdall("plugin", "show", "compressed", "--json").stdout)

    assert found.stdout.startswith(f"serializers.compressed from holdall {VERSION}: ok\n")
    assert ["OPTION", "TYPE", "DEFAULT", "ABOUT"] in [line.split() for line in found.stdout.splitlines()]
    assert LISTED | {"status", "problem", "api_version", "summary", "options"} == set(row)
    assert {"name", "type", "required", "default", "secret", "about"} == set(row["options"][0])
    assert ["serializer", "level", "compressionlib"] == [option["name"] for option in row["options"]]


def test_an_unknown_plugin_is_an_error_with_the_nearest(holdall: Any) -> None:
    """And what is installed."""
    found = holdall("plugin", "show", "compresed")

    assert found.stderr.startswith("Error: No plugin is called 'compresed'. Did you mean 'compressed'? Installed: ")
    assert found.exit_code == 1


def test_doctor_finds_what_is_broken(holdall: Any, tmp_path: Path) -> None:
    """Status 1, each finding on standard error, the sum on standard output."""
    with on_path(_broken(tmp_path / "site")):
        found = holdall("plugin", "doctor")
        rows = json.loads(holdall("plugin", "doctor", "--json").stdout)

    assert "Error: serializers.torn: " in found.stderr
    assert "with errors." in found.stdout
    assert found.exit_code == 1
    assert "torn" in {row["name"] for row in rows}
    assert {"level", "kind", "name", "distribution", "message"} == set(rows[0])


def test_config_says_where_each_value_comes_from(
    holdall: Any, work: Path, plain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable, a file, or the default; no secret is shown."""
    (work / "holdall.toml").write_text(
        '[results]\ndefault_serializer = "json"\npersist_by_default = true\n'
        '[blocks.s3.prod]\nbucket_path = "b"\naws_secret_access_key = "hush-hush"\n'
    )
    monkeypatch.setenv("HOLDALL_SECRET_KEY", "hush-hush")
    monkeypatch.setenv("HOLDALL_REVOKED_SIGNERS", "alice, bob:ed25519-public:hush-hush")
    found = holdall("config", "show")

    assert plain(found.stdout) == (
        "SETTING  VALUE  FROM\n"
        "home  <tmp>/home  HOLDALL_HOME\n"
        "catalog  sqlite  default\n"
        "locks  -  default\n"
        "results_persist_by_default  true  <tmp>/project/holdall.toml\n"
        "results_default_storage  -  default\n"
        "results_default_serializer  json  <tmp>/project/holdall.toml\n"
        "results_accept  -  default\n"
        "results_no_pickle  false  default\n"
        "results_verify_roundtrip  sample  default\n"
        "results_lossy  refuse  default\n"
        "results_lease_seconds  30.0  default\n"
        "cache_ignore_types  -  default\n"
        "results_max_bytes  -  default\n"
        "plugins_prefer  -  default\n"
        "progress  true  default\n"
        "trusted_signers  -  default\n"
        "revoked_signers  alice, bob:ed25519-public  HOLDALL_REVOKED_SIGNERS\n"
        "secret_key  **********  HOLDALL_SECRET_KEY\n"
        "signing_key  -  default\n"
        "encryption_key  -  default\n"
        "blocks.s3/prod  **********  <tmp>/project/holdall.toml\n"
    )
    assert "hush-hush" not in found.output + holdall("config", "show", "--json").output


def test_config_as_json(holdall: Any, work: Path, tmp_path: Path) -> None:
    """With the variable that would set each value."""
    assert work.is_dir()
    rows = json.loads(holdall("config", "show", "--json").stdout)

    assert rows[0] == {
        "name": "home",
        "value": str(tmp_path / "home"),
        "source": "HOLDALL_HOME",
        "variable": "HOLDALL_HOME",
    }
    assert "HOLDALL_RESULTS_DEFAULT_STORAGE" in {row["variable"] for row in rows}


def test_a_wrong_setting_is_an_error(holdall: Any, work: Path) -> None:
    """It names the file."""
    (work / "holdall.toml").write_text("[results]\ndefault_storag = 1\n")
    found = holdall("config", "show")

    assert "there is no setting 'results.default_storag'." in found.stderr
    assert found.exit_code == 1


def test_version(holdall: Any, tmp_path: Path) -> None:
    """Of holdall, Python and whatever brings plugins; `--version` says the same."""
    with on_path(_broken(tmp_path / "site")):
        found, document = holdall("version"), json.loads(holdall("version", "--json").stdout)

    assert found.stdout.startswith(f"holdall {VERSION}\nPython {platform.python_version()} on ")
    assert document["holdall"] == VERSION
    assert document["python"] == platform.python_version()
    assert document["plugins"]["holdall-broken"] == "1.0"
    assert holdall("--version").stdout.startswith(f"holdall {VERSION}\n")
