"""What a project's own file accepts counts for its programs, and not for who looks at it."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from holdall import settings, task
from holdall.results import from_json
from holdall.settings.inspection import distrusting

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Holdall

KEY = f"one:{urlsafe_b64encode(bytes([1]) * 32).decode()}"
RESULTS = '[results]\naccept = ["pickle"]\n'


@pytest.fixture
def reference(work: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An unsigned result in a project whose readers ask for signatures."""
    kept: Any = task(result_storage=work / "kept", return_state=True)(lambda: ["unsigned" * 5000])().reference
    monkeypatch.setenv("HOLDALL_SIGNING_KEY", KEY)
    return from_json(kept.json())


@pytest.mark.parametrize("name", ["holdall.toml", "pyproject.toml"])
@pytest.mark.parametrize("command", ["show", "cat", "path"])
def test_a_file_of_a_project_raises_no_trust_for_looking(
    name: str, command: str, reference: Any, work: Path, holdall: Holdall
) -> None:
    """The message says which file was passed over, and the way out, which works."""
    (work / name).write_text(RESULTS if name == "holdall.toml" else RESULTS.replace("[", "[tool.holdall.", 1))
    refused = holdall("result", command, reference.key)

    assert 1 == refused.exit_code
    assert "is not signed" in refused.stderr
    assert f"{work / name} accepts pickle" in refused.stderr
    assert "--accept pickle" in refused.stderr
    assert "HOLDALL_RESULTS_ACCEPT=pickle" in refused.stderr
    assert 0 == holdall("result", command, reference.key, "--accept", "unsigned").exit_code
    assert 1 == holdall("result", command, reference.key).exit_code


@pytest.mark.parametrize("name", ["holdall.toml", "pyproject.toml"])
def test_no_file_of_a_project_says_whose_results_are_believed(
    name: str, reference: Any, work: Path, holdall: Holdall
) -> None:
    """That is an error, with where to say it instead."""
    text = RESULTS.replace("pickle", "unsigned")
    (work / name).write_text(text if name == "holdall.toml" else text.replace("[", "[tool.holdall.", 1))
    refused = holdall("result", "show", reference.key)

    assert 1 == refused.exit_code
    assert f"{work / name}, results.accept: 'unsigned' cannot stand here" in refused.stderr
    assert "HOLDALL_RESULTS_ACCEPT=unsigned" in refused.stderr


def test_the_users_own_word_counts(
    reference: Any, work: Path, holdall: Holdall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment, and in a file of the home folder."""
    monkeypatch.setenv("HOLDALL_RESULTS_ACCEPT", "unsigned")

    assert 0 == holdall("result", "show", reference.key).exit_code
    monkeypatch.delenv("HOLDALL_RESULTS_ACCEPT")
    assert 1 == holdall("result", "show", reference.key).exit_code
    (work / "holdall.toml").write_text(RESULTS)
    assert frozenset() == distrusting(settings.current()).results_accept
    monkeypatch.setenv("HOME", str(work))
    monkeypatch.setenv("USERPROFILE", str(work))
    assert frozenset({"pickle"}) == distrusting(settings.current()).results_accept


def test_a_block_of_a_project_raises_none_either(reference: Any, work: Path, holdall: Holdall) -> None:
    """Nor does a catalog that its file chooses, with the blocks that are saved there."""
    text = '[blocks.local-file-system.shared]\nbasepath = "./kept"\naccept = ["unsigned"]\n'
    (work / "holdall.toml").write_text(text)

    assert 1 == holdall("result", "show", reference.key, "--storage", "local-file-system/shared").exit_code


def test_a_catalog_of_a_project_raises_none_either(
    reference: Any, work: Path, holdall: Holdall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone may bring a catalog with blocks that accept what its author likes."""
    from holdall.filesystems import LocalFileSystem

    LocalFileSystem(basepath=str(work / "kept"), accept=("unsigned",)).save("shared")
    shown = ["result", "show", reference.key, "--storage", "local-file-system/shared"]

    assert 0 == holdall(*shown).exit_code
    (work / "holdall.toml").write_text(f"home = '{os.environ['HOLDALL_HOME']}'\n")
    monkeypatch.delenv("HOLDALL_HOME")
    assert 1 == holdall(*shown).exit_code


def test_settings_are_shown_as_programs_have_them(work: Path, holdall: Holdall) -> None:
    """And a command that has ended leaves no trace in its process."""
    (work / "holdall.toml").write_text(RESULTS)

    assert "pickle" in holdall("config", "show").stdout
    assert frozenset({"pickle"}) == settings.current().results_accept


@pytest.mark.parametrize("more", [[], ["--storage", "./kept"]], ids=" ".join)
def test_what_is_not_believed_is_deleted_without_what_it_names(
    reference: Any, work: Path, holdall: Holdall, more: list[str]
) -> None:
    """A record that nobody signed may name the payload of another result."""
    found = holdall("result", "delete", "--yes", reference.key, *more)

    assert 0 == found.exit_code
    assert "not signed by anybody who is believed here" in found.stdout
    assert not (work / "kept" / reference.key).exists()
    assert [] != list((work / "kept" / "payloads").rglob("*.pkl"))
