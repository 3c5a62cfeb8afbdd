"""`holdall result`: listings with and without the catalog, records in words, bytes, paths, deletion."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import holdall as library
from holdall import settings
from holdall.builtin.local.directory import Directory
from holdall.catalog.open import open_catalog
from holdall.maintenance.known_storages import place_of
from holdall.maintenance.rebuild_catalog import rebuild
from holdall.results.inventory import inventory
from holdall.results.layout import name_key
from holdall.results.store import ResultStore

if TYPE_CHECKING:
    from types import ModuleType

REPORT = name_key("report")
KEYS = {"key", "result_storage_key", "name", "storage", "size", "created", "expires", "expired", "run_id", "problem"}
SHOWN = {
    "key",
    "result_storage_key",
    "copy",
    "storage",
    "serializer",
    "created",
    "expires",
    "expired",
    "producer",
    "payload",
    "literal",
}


def test_lists_what_the_catalog_knows(holdall: Any, ran: ModuleType, plain: Any) -> None:
    """Newest first; values are whole, however long."""
    assert ran is not None
    found = holdall("result", "ls")

    assert (
        "KEY  NAME  STORAGE  SIZE  CREATED  EXPIRES\n"
        "results/<xx>/<id 1>.json  main  local-file-system:<tmp>/project/.holdall-results  17 bytes  <time>  -\n"
        "report  report  local-file-system:<tmp>/project/elsewhere  44 bytes  <time>  -\n"
        "cache/<xx>/<sha>.json  total  local-file-system:<tmp>/project/.holdall-results  5 bytes  <time>  <time>\n"
        "results/<xx>/<id 2>.json  numbers  local-file-system:<tmp>/project/.holdall-results  22 bytes  <time>  -\n"
    ) == plain(found.stdout)
    assert found.stderr == ""


def test_lists_results_as_json(holdall: Any, ids: dict[str, str]) -> None:
    """The same keys with and without the catalog, and the same values where both know them."""
    known = json.loads(holdall("result", "ls", "--json").stdout)
    there = [
        row
        for place in ("./.holdall-results", "./elsewhere")
        for row in json.loads(holdall("result", "ls", "--storage", place, "--json").stdout)
    ]

    assert [KEYS] * 4 == [set(row) for row in known]
    assert {row["key"]: (row["name"], row["size"], row["run_id"], row["storage"]) for row in known} == {
        row["key"]: (row["name"], row["size"], row["run_id"], row["storage"]) for row in there
    }
    assert ids["report"] in {row["run_id"] for row in known}


@pytest.mark.parametrize("options", [[], ["--storage", "./.holdall-results"]])
def test_listings_are_cut_and_filtered(holdall: Any, ran: ModuleType, options: list[str]) -> None:
    """The newest are left, and a remark says that there are more."""
    assert ran is not None
    found = holdall("result", "ls", *options, "--limit", "1")

    assert " main " in found.stdout
    assert len(found.stdout.splitlines()) == 2
    assert found.stderr == "These are the newest 1; --limit shows more.\n"
    named = json.loads(holdall("result", "ls", *options, "--name", "numbers", "--json").stdout)
    assert ["numbers"] == [row["name"] for row in named]


def test_a_storage_is_listed_without_a_catalog(holdall: Any, ran: ModuleType, monkeypatch: Any, tmp_path: Path) -> None:
    """Another machine sees the records; a label of a listing names the storage as well as its path."""
    assert ran is not None
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "another"))
    place = f"local-file-system:{tmp_path}/project/elsewhere"

    assert "report  report" in holdall("result", "ls", "--storage", place).stdout
    assert "No results yet." in holdall("result", "ls").stderr
    assert not (tmp_path / "another").exists()


def test_foreign_and_damaged_files_are_told_apart(holdall: Any, ran: ModuleType, work: Path) -> None:
    """Other programs' files are left out; a damaged record is listed with what is wrong."""
    assert ran is not None
    (work / "elsewhere" / "notes.txt").write_text("not ours")
    record = work / "elsewhere" / REPORT
    record.write_bytes(record.read_bytes().replace(b"report", b"retorp"))
    (row,) = json.loads(holdall("result", "ls", "--storage", "./elsewhere", "--json").stdout)
    found = holdall("result", "ls", "--storage", "./elsewhere")

    assert row["key"] == REPORT
    assert "its checksum does not match" in row["problem"]
    assert f"Not readable: {REPORT}" in found.stderr


def test_shows_a_record_in_words(holdall: Any, ids: dict[str, str], plain: Any) -> None:
    """What made it, where it is, how it was written, until when it is kept."""
    assert (
        "The result of the task 'report' (pipeline.report) was kept on <time>.\n"
        "It was made by the run <id 1>, inside the flow run <id 2>, with holdall <version> on Python <version>.\n"
        "Its record is names/84/<sha>.json in local-file-system:<tmp>/project/elsewhere.\n"
        "It is called report, with a copy for other tools at <tmp>/project/elsewhere/report.json.\n"
        "Its payload of 44 bytes is <tmp>/project/elsewhere/payloads/<xx>/<id 3>.json.\n"
        "It was written by the json serializer, as application/json.\n"
        "It is kept without end.\n"
    ) == plain(holdall("result", "show", ids["report"]).stdout)


@pytest.mark.parametrize("name", [REPORT, "report"])
@pytest.mark.parametrize("options", [[], ["--storage", "./elsewhere"]])
def test_finds_a_result_by_its_record_or_its_own_name(
    holdall: Any, ran: ModuleType, name: str, options: list[str]
) -> None:
    """With the catalog, and in the storage itself."""
    assert ran is not None
    document = json.loads(holdall("result", "show", name, *options, "--json").stdout)

    assert SHOWN == set(document)
    assert document["key"] == REPORT
    assert (document["result_storage_key"], document["copy"]) == ("report", "report.json")
    assert document["payload"]["size"] == 44
    assert document["payload"]["inline"] is False
    assert document["producer"]["name"] == "report"


def test_shows_a_literal(holdall: Any, ids: dict[str, str], plain: Any) -> None:
    """It is in the catalog alone, and its JSON has the same keys."""
    found = holdall("result", "show", ids["empty"])
    document = json.loads(holdall("result", "show", ids["empty"], "--json").stdout)

    assert (
        "The result of the task run <id 1> (empty) is None.\nIt is kept in the catalog, with no record in a storage.\n"
    ) == plain(found.stdout)
    assert SHOWN == set(document)
    assert document["literal"] == "null"


def test_cat_writes_the_payload_byte_for_byte(holdall: Any, ids: dict[str, str]) -> None:
    """A file of its own, a payload inside its record, and a literal."""
    inline = holdall("result", "cat", ids["numbers"])

    assert holdall("result", "cat", "report").stdout_bytes == b'{"total":3,"padding":"xxxxxxxxxxxxxxxxxxxx"}'
    assert [0, 1, 2] == pickle.loads(inline.stdout_bytes)
    assert holdall("result", "cat", ids["empty"]).stdout_bytes == b"null"


def test_cat_refuses_a_payload_that_is_not_what_was_written(holdall: Any, ids: dict[str, str]) -> None:
    """Nothing of it is written."""
    payload = Path(holdall("result", "path", ids["report"]).stdout.rstrip("\n"))
    payload.write_bytes(payload.read_bytes().replace(b"3", b"4"))
    found = holdall("result", "cat", ids["report"])

    assert found.stdout_bytes == b""
    assert found.stderr.startswith("Error: ")
    assert found.exit_code == 1


def test_path_is_that_of_the_payload_or_of_the_record_around_it(holdall: Any, ids: dict[str, str]) -> None:
    """Both are files; standard output has the path alone."""
    own, inside = holdall("result", "path", ids["report"]), holdall("result", "path", ids["numbers"])

    assert Path(own.stdout.rstrip("\n")).read_bytes().startswith(b'{"total":3')
    assert own.stderr == ""
    assert Path(inside.stdout.rstrip("\n")).read_bytes().startswith(b'{"holdall":')
    assert "The payload lies inside this record" in inside.stderr


def test_a_literal_has_no_path(holdall: Any, ids: dict[str, str]) -> None:
    """It is an error, because a script that asks wants a file."""
    found = holdall("result", "path", ids["empty"])

    assert "is None, kept in the catalog alone: no file has it." in found.stderr
    assert found.exit_code == 1


def test_delete_asks_and_takes_no_for_an_answer(holdall: Any, ids: dict[str, str]) -> None:
    """Nothing is changed, and the status says so."""
    found = holdall("result", "delete", ids["report"], given="n\n")

    assert found.exit_code == 1
    assert f"Delete report ({REPORT}) in local-file-system:" in found.stderr
    assert "Nothing was changed." in found.stderr
    assert library.load_result(run=ids["report"])["total"] == 3


def test_delete_removes_record_payload_and_reference(holdall: Any, ids: dict[str, str], plain: Any) -> None:
    """And the copy for other tools; the run stays known."""
    payload = Path(holdall("result", "path", ids["report"]).stdout.rstrip("\n"))
    found = holdall("result", "delete", "--yes", ids["report"], ids["numbers"])

    assert (
        "Deleted report (names/84/<sha>.json) in local-file-system:<tmp>/project/elsewhere.\n"
        "Deleted results/<xx>/<id 1>.json in local-file-system:<tmp>/project/.holdall-results.\n"
    ) == plain(found.stdout)
    assert [] == [each for each in payload.parents[2].rglob("*") if each.is_file()]
    assert {"main", "total"} == {row["name"] for row in json.loads(holdall("result", "ls", "--json").stdout)}
    assert "(which the catalog does not list any more)" in holdall("run", "show", ids["report"]).stdout
    assert holdall("result", "show", ids["report"]).exit_code == 1


def test_delete_in_a_storage_forgets_it_in_the_catalog_too(holdall: Any, ran: ModuleType) -> None:
    """Whatever the storage is called there."""
    assert ran is not None
    holdall("result", "delete", "--yes", "report", "--storage", "./elsewhere")

    assert "report" not in {row["name"] for row in json.loads(holdall("result", "ls", "--json").stdout)}


@pytest.mark.parametrize("damage", ["damaged", "gone"])
def test_delete_clears_up_what_is_broken(holdall: Any, ran: ModuleType, work: Path, damage: str) -> None:
    """A damaged record and one that is gone already: the catalog forgets both."""
    assert ran is not None
    record = work / "elsewhere" / REPORT
    if damage == "gone":
        record.unlink()
    else:
        record.write_bytes(record.read_bytes()[:-3])
    found = holdall("result", "delete", "--yes", "report")

    assert found.exit_code == 0
    assert not record.exists()
    assert damage in found.stdout
    assert "report" not in holdall("result", "ls").stdout


def test_nothing_is_deleted_where_one_key_is_wrong(holdall: Any, ids: dict[str, str]) -> None:
    """All are looked up first."""
    found = holdall("result", "delete", "--yes", ids["report"], "nowhere")

    assert found.exit_code == 1
    assert library.load_result(run=ids["report"])["total"] == 3


def test_an_unknown_key_is_an_error_with_near_ones(holdall: Any, ran: ModuleType) -> None:
    """In the catalog, and in a storage."""
    assert ran is not None
    known = holdall("result", "show", "repport")
    there = holdall("result", "show", "repport", "--storage", "./elsewhere")

    assert "knows no result 'repport'. Did you mean report?" in known.stderr
    assert "There is no result 'repport' in local-file-system:" in there.stderr
    assert "Did you mean report?" in there.stderr
    assert (1, 1) == (known.exit_code, there.exit_code)


def test_a_key_in_two_storages_is_ambiguous(holdall: Any, pipeline: ModuleType, work: Path) -> None:
    """The error names both, in the form that --storage takes."""
    for place in ("./one", "./two"):
        pipeline.total.with_options(result_storage=place)([1, 2])
    key = json.loads(holdall("result", "ls", "--json").stdout)[0]["key"]
    found = holdall("result", "show", key)

    assert f"2 storages have a result {key}." in found.stderr
    assert f"--storage {work}/two or {work}/one" in found.stderr
    assert holdall("result", "show", key, "--storage", f"{work}/one").exit_code == 0


def test_a_run_that_kept_nothing_says_so(holdall: Any, pipeline: ModuleType) -> None:
    """And who would know why."""
    pipeline.idle()
    run = json.loads(holdall("run", "ls", "--json").stdout)[0]["id"]
    found = holdall("result", "show", run)

    assert f"The flow run {run} (idle) is completed and kept no result." in found.stderr
    assert found.exit_code == 1


def test_an_unknown_storage_is_an_error(holdall: Any) -> None:
    """A misspelt slug is no folder."""
    found = holdall("result", "ls", "--storage", "s4/prod")

    assert "Error: No storage block is saved or configured as 's4/prod'." in found.stderr
    assert found.exit_code == 1


def test_a_folder_without_records_lists_none(holdall: Any) -> None:
    """The remark says which."""
    found = holdall("result", "ls", "--storage", "./empty")

    assert found.stderr.startswith("No records in ./empty.")
    assert found.exit_code == 0


@pytest.mark.parametrize("within", [False, True])
def test_what_is_written_while_it_is_deleted_stays(
    holdall: Any, ran: ModuleType, monkeypatch: pytest.MonkeyPatch, *, within: bool
) -> None:
    """Whether it comes before the record is looked at once more, or in the moment of its deletion; it can be found."""
    owner, method = (Directory, "delete_unchanged") if within else (ResultStore, "delete")
    real, again = getattr(owner, method), [library.task(result_storage="./elsewhere", result_storage_key="report")]

    def overtaken(self: Any, *arguments: Any, **more: Any) -> Any:
        if again:
            again.pop()(lambda: "anew")()
        return real(self, *arguments, **more)

    monkeypatch.setattr(owner, method, overtaken)
    found = holdall("result", "delete", "--yes", "report")

    assert ran is not None
    assert (0 if within else 1) == found.exit_code
    assert within or "that was written again" in found.stderr
    assert "anew" == library.load_result(key="report") == library.load_result(key="report", storage="./elsewhere")


STRANGERS = {
    "backup/copy.json": lambda record, payload: record,
    f"results/00/{'0' * 32}.json.bak": lambda record, payload: record,
    "report.json.old": lambda record, payload: record[:-20],
    "exported.json": lambda record, payload: payload,
    "notes.txt": lambda record, payload: b"not ours",
    "empty": lambda record, payload: b"",
    "locks/notes": lambda record, payload: b'{"holdall":1',
}
"""What others may put beside results. Only what begins as a record does and is none is worth telling."""


@pytest.mark.parametrize("key", STRANGERS)
def test_a_listing_and_house_keeping_know_the_same_results(holdall: Any, ran: ModuleType, work: Path, key: str) -> None:
    """A record that was copied elsewhere in the folder is foreign to all; one in the place of another is damaged to all."""
    assert ran is not None
    folder = work / "elsewhere"
    (payload,) = (folder / "payloads").rglob("*.json")
    before = json.loads(holdall("result", "ls", "--storage", "./elsewhere", "--json").stdout)
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_bytes(STRANGERS[key]((folder / REPORT).read_bytes(), payload.read_bytes()))
    other = folder / name_key("another")
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes((folder / REPORT).read_bytes())

    listed = {
        row["key"]: row["problem"]
        for row in json.loads(holdall("result", "ls", "--storage", "./elsewhere", "--json").stdout)
    }
    place = place_of(Directory(str(folder)))
    kinds = {entry.meta.key: entry.kind for entry in inventory(place.storage, place.label)}
    bad = {name_key("another"), *({key} & {"report.json.old", "locks/notes"})}
    assert {each["key"] for each in before} | bad == set(listed)
    assert set(listed) == {each for each, kind in kinds.items() if kind != "foreign"}
    assert bad == {each for each, kind in kinds.items() if kind == "damaged"}
    assert bad == {each for each, problem in listed.items() if problem is not None}
    (rebuilt,) = rebuild([place], open_catalog(settings.current()), settings=settings.current())
    assert bad == {each.key for each in rebuilt.skipped if each.reason == "damaged"}
    assert 1 == rebuilt.restored + rebuilt.known
    assert (folder / key).exists()
