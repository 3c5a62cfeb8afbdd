"""`holdall result push`, `copy` and `move`: what they say, in words and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

pytestmark = pytest.mark.filterwarnings("ignore::holdall.HoldallWarning")
HERE = "local-file-system:<tmp>/project"
DOCUMENT = {"from", "to", "copied", "there", "newer", "failed", "left", "bytes", "removed", "repointed", "problem"}


@pytest.fixture
def walled(pipeline: ModuleType, work: Path) -> Path:
    """A file in the way of one task's storage: one of the results of the flow is in the spool."""
    (work / "elsewhere").write_text("")
    report = pipeline.report.with_options(on_storage_error="run")
    pipeline.report = report
    pipeline.main()
    return work / "elsewhere"


def test_push_says_what_waits_and_what_was_sent(walled: Path, holdall: Any, plain: Any) -> None:
    """One sentence a storage; with nothing there, that."""
    dry = holdall("result", "push", "--dry-run")
    failed = holdall("result", "push")
    walled.unlink()
    sent = holdall("result", "push")
    nothing = holdall("result", "push", "--storage", "./elsewhere")

    assert f"{HERE}/elsewhere: 1 result in the spool, 44 bytes.\n  report\n" == plain(dry.stdout)
    assert f"{HERE}/elsewhere: 0 results sent, 0 bytes.\n" == plain(failed.stdout)
    assert 1 == failed.exit_code
    assert plain(failed.stderr).startswith(f"report: {HERE.replace(':', ' at ')}/elsewhere: get of ")
    assert failed.stderr.endswith("It stays in the spool. See to the storage, and then push again.\n")
    assert f"{HERE}/elsewhere: 1 result sent, 44 bytes.\n" == plain(sent.stdout)
    assert (0, 0) == (dry.exit_code, sent.exit_code)
    assert f"The spool holds nothing for {HERE}/elsewhere: every result is in its storage.\n" == plain(nothing.stdout)
    assert (walled / "report.json").exists()


def test_push_says_the_same_as_json(walled: Path, holdall: Any) -> None:
    """Also where it fails."""
    failed = holdall("result", "push", "--json")
    walled.unlink()
    found = json.loads(holdall("result", "push", "--json").stdout)

    assert (1, 1) == (failed.exit_code, json.loads(failed.stdout)["storages"][0]["failed"])
    assert {"dry_run", "storages"} == set(found)
    (document,) = found["storages"]
    assert DOCUMENT | {"results"} == set(document)
    assert [{"key", "result_storage_key", "name", "size", "what", "removed", "problem"}] == [
        set(each) for each in document["results"]
    ]
    assert (1, 1, 44) == (document["copied"], document["removed"], document["bytes"])


def test_what_is_in_the_spool_is_shown_like_any_other(walled: Path, holdall: Any, plain: Any) -> None:
    """`show`, `cat` and `path` find it, by the catalog and in the storage itself."""
    shown = holdall("result", "show", "report")
    path = holdall("result", "path", "report", "--storage", "./elsewhere").stdout

    assert walled.is_file()
    assert (0, "") == (shown.exit_code, shown.stderr)
    assert "total" in holdall("result", "cat", "report").stdout
    assert plain(path).startswith("<tmp>/home/spool/")
    assert path.endswith(".json\n")


def test_copy_says_what_it_did(ran: ModuleType, holdall: Any, plain: Any) -> None:
    """And what it did not; a second time nothing is sent."""
    assert ran
    first = holdall("result", "copy", "--from", "./.holdall-results", "--to", "./archive")
    second = holdall("result", "copy", "--from", "./.holdall-results", "--to", "./archive", "--repoint")

    where = f"from {HERE}/.holdall-results to {HERE}/archive"
    assert f"3 results copied {where}, 44 bytes.\n" == plain(first.stdout)
    assert (
        f"The catalog still points to {HERE}/.holdall-results. --repoint lets it point to {HERE}/archive.\n"
        == plain(first.stderr)
    )
    assert plain(second.stdout) == (
        f"0 results copied {where}, 0 bytes.\n3 results had been there before.\n"
        f"6 entries of the catalog now lead to {HERE}/archive.\n"
    )
    assert (0, 0, "") == (first.exit_code, second.exit_code, second.stderr)


def test_move_asks_and_says_what_it_did(ran: ModuleType, holdall: Any, plain: Any, work: Path) -> None:
    """A no changes nothing; afterwards results are found where they are."""
    assert ran
    command = ("result", "move", "--from", "./elsewhere", "--to", "./archive")
    no = holdall(*command, given="n\n")
    dry = holdall(*command, "--dry-run")
    yes = holdall(*command, given="y\n")

    assert (1, True) == (no.exit_code, no.stderr.endswith("Nothing was changed.\n"))
    assert f"Move all results to {HERE}/archive, and delete them in {HERE}/elsewhere once all is there?" in plain(
        no.stderr
    )
    assert f"1 result would be copied from {HERE}/elsewhere to {HERE}/archive, 44 bytes.\n  report\n" == plain(
        dry.stdout
    )
    assert plain(yes.stdout.removeprefix(" y\n")) == (
        f"1 result copied from {HERE}/elsewhere to {HERE}/archive, 44 bytes.\n"
        f"1 result removed from {HERE}/elsewhere.\n"
        f"2 entries of the catalog now lead to {HERE}/archive.\n"
    )
    assert [] == list((work / "elsewhere").rglob("*.json*"))
    assert f"{HERE}/archive" in plain(holdall("result", "ls", "--name", "report").stdout)
    assert "total" in holdall("result", "cat", "report").stdout


def test_move_says_the_same_as_json(ran: ModuleType, holdall: Any) -> None:
    """With the keys that its help names."""
    assert ran
    found = json.loads(
        holdall("result", "move", "--from", "./elsewhere", "--to", "./archive", "--yes", "--json").stdout
    )

    assert DOCUMENT | {"dry_run", "results"} == set(found)
    assert (1, 1, 2) == (found["copied"], found["removed"], found["repointed"])


def test_what_could_not_be_copied_is_told(ran: ModuleType, holdall: Any, work: Path) -> None:
    """Each with its reason, and the status is 1."""
    assert ran
    (payload,) = (work / "elsewhere" / "payloads").rglob("*.json")
    payload.write_bytes(payload.read_bytes().replace(b"x", b"y"))
    done = holdall("result", "move", "--from", "./elsewhere", "--to", "./archive", "--yes")

    assert 1 == done.exit_code
    assert "is damaged: the bytes from 0 on are not those that were written" in done.stderr
    assert payload.exists()
    assert [] == [each for each in (work / "archive").rglob("*") if each.is_file()]


@pytest.mark.parametrize("command", ["copy", "move"])
def test_an_empty_storage_has_nothing(holdall: Any, plain: Any, command: str) -> None:
    """Nor has one place twice."""
    more = ["--yes"] if command == "move" else []
    done = holdall("result", command, "--from", "./a", "--to", "./b", *more)
    same = holdall("result", command, "--from", "./a", "--to", "./a", *more)

    assert (0, f"No results to copy in {HERE}/a.\n") == (done.exit_code, plain(done.stdout))
    assert (1, True) == (same.exit_code, "are one place" in same.stderr)
