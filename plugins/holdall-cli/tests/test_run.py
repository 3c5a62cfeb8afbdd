"""`holdall run`: listings, one run, and ids that are not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

KEYS = {"id", "kind", "name", "function", "flow_run_id", "parent_run_id", "state", "message", "started", "ended"}
KEYS |= {"duration", "attempts", "cached", "result"}


def test_lists_runs_newest_first(holdall: Any, ran: ModuleType, plain: Any) -> None:
    """A line a run, with what became of its result."""
    assert ran is not None
    found = holdall("run", "ls", "--kind", "task", "--limit", "3")

    assert (
        "ID  KIND  NAME  STATE  STARTED  TOOK  RESULT\n"
        "<id 1>  task  report  completed  <time>  <took>  report\n"
        "<id 2>  task  total  completed  <time>  <took>  cache/<xx>/<sha>.json\n"
        "<id 3>  task  numbers  completed  <time>  <took>  results/<xx>/<id 3>.json\n"
    ) == plain(found.stdout)
    assert found.stderr == "These are the newest 3; --limit shows more.\n"
    assert found.exit_code == 0


def test_lists_runs_as_json(holdall: Any, ids: dict[str, str]) -> None:
    """Every key is there, times are RFC 3339, a result is its own JSON."""
    rows = json.loads(holdall("run", "ls", "--json").stdout)
    by_name = {row["name"]: row for row in rows}

    assert [KEYS] * 5 == [set(row) for row in rows]
    assert by_name["empty"]["result"] == {"type": "result", "value": "null"}
    assert by_name["report"]["result"]["name"] == "report"
    assert by_name["report"]["flow_run_id"] == ids["main"]
    assert by_name["main"]["started"].endswith("+00:00")
    assert by_name["main"]["duration"] > 0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--kind", "flow"], ["broken", "main"]),
        (["--name", "total"], ["total"]),
        (["--flow", "main"], ["report", "total", "numbers", "empty"]),
        (["--flow", "main", "--name", "empty"], ["empty"]),
        (["--limit", "1"], ["failing"]),
    ],
)
def test_filters_runs(holdall: Any, ran: ModuleType, options: list[str], names: list[str]) -> None:
    """By kind, name and flow, and by several at once."""
    with pytest.raises(ValueError, match="no such luck"):
        ran.broken()
    rows = json.loads(holdall("run", "ls", *options, "--json").stdout)

    assert names == [row["name"] for row in rows]


def test_filters_by_the_id_of_a_flow_run(holdall: Any, ids: dict[str, str]) -> None:
    """The whole id works as the flow's name does."""
    assert holdall("run", "ls", "--flow", ids["main"]).stdout == holdall("run", "ls", "--flow", "main").stdout


def test_shows_a_run_in_words(holdall: Any, ids: dict[str, str], plain: Any) -> None:
    """State, times, where the result is, and its children in the order in which they ran."""
    found = holdall("run", "show", ids["main"])

    assert (
        "Run <id 1> of the flow 'main' (pipeline.main).\n"
        "It started on <time> and is completed, after <took>; attempts: 1.\n"
        "Its result is in local-file-system:<tmp>/project/.holdall-results, under results/<xx>/<id 1>.json.\n"
        "Runs inside it:\n"
        "ID  KIND  NAME  STATE  STARTED  TOOK  RESULT\n"
        "<id 2>  task  empty  completed  <time>  <took>  None\n"
        "<id 3>  task  numbers  completed  <time>  <took>  results/<xx>/<id 3>.json\n"
        "<id 4>  task  total  completed  <time>  <took>  cache/<xx>/<sha>.json\n"
        "<id 5>  task  report  completed  <time>  <took>  report\n"
    ) == plain(found.stdout)


def test_shows_a_run_that_failed(holdall: Any, pipeline: ModuleType, plain: Any) -> None:
    """With its message, the flow around it, and no result."""
    with pytest.raises(ValueError, match="no such luck"):
        pipeline.broken()
    row = json.loads(holdall("run", "ls", "--name", "failing", "--json").stdout)[0]

    assert (
        "Run <id 1> of the task 'failing' (pipeline.failing).\n"
        "It started on <time> and is failed, after <took>; attempts: 1.\n"
        "Message: ValueError: no such luck\n"
        "It ran inside the flow run <id 2> (broken).\n"
        "No result was kept.\n"
    ) == plain(holdall("run", "show", row["id"]).stdout)


def test_says_of_a_cached_run_that_it_is_one(holdall: Any, ran: ModuleType) -> None:
    """In the listing and in words."""
    ran.main()
    row = json.loads(holdall("run", "ls", "--name", "total", "--limit", "1", "--json").stdout)[0]

    assert row["cached"] is True
    assert "completed (cached)" in holdall("run", "ls", "--name", "total").stdout
    assert "its value came from the cache." in holdall("run", "show", row["id"]).stdout


def test_shows_a_run_as_json(holdall: Any, ids: dict[str, str]) -> None:
    """The keys of the listing, and the children."""
    document = json.loads(holdall("run", "show", ids["main"], "--json").stdout)

    assert KEYS | {"children"} == set(document)
    assert ["empty", "numbers", "total", "report"] == [child["name"] for child in document["children"]]


def test_an_unknown_run_is_an_error_with_near_ones(holdall: Any, ids: dict[str, str]) -> None:
    """One block on standard error, status 1, nothing on standard output."""
    wrong = ids["main"][:-1] + ("0" if ids["main"][-1] != "0" else "f") + "0"
    found = holdall("run", "show", wrong)

    assert found.stderr.startswith(f"Error: The catalog knows no run '{wrong}'. Did you mean ")
    assert ids["main"] in found.stderr
    assert found.stdout == ""
    assert found.exit_code == 1


def test_a_name_leads_to_the_last_run_of_that_name(holdall: Any, ids: dict[str, str]) -> None:
    """Who types a name where an id belongs is told the id."""
    found = holdall("run", "show", "total")

    assert f"'total' is the name of a task: its last run is {ids['total']}." in found.stderr


def test_an_ambiguous_id_is_an_error(holdall: Any, ids: dict[str, str]) -> None:
    """With those that it could mean."""
    found = holdall("run", "show", ids["main"][:6])

    assert "Give more characters" in found.stderr
    assert found.exit_code == 1


def test_an_empty_listing_says_what_to_do(holdall: Any, ids: dict[str, str], work: Any) -> None:
    """With filters it names the nearest; standard output stays empty."""
    assert work.is_dir()
    assert ids
    found = holdall("run", "ls", "--name", "totl")

    assert found.stderr == "No such runs. Did you mean total? `holdall run ls` without options lists all.\n"
    assert found.stdout == ""
    assert found.exit_code == 0


def test_control_characters_do_not_reach_the_terminal(holdall: Any, pipeline: ModuleType) -> None:
    """A name may hold anything; what steers a terminal is shown instead."""
    pipeline.idle.with_options(name="red\x1b[31m[bold]\tx")()

    assert "red\\x1b[31m[bold]\\tx" in holdall("run", "ls").stdout
