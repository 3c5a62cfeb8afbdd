"""`holdall explain`: what it covers, what it says of that, and targets that are none."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

KEYS = {"kind", "name", "persist", "storage", "serializer", "needs", "forbidden", "text"}


def test_covers_a_flow_and_the_tasks_that_its_body_names(holdall: Any, pipeline: ModuleType) -> None:
    """In sentences that are those of `explain()`."""
    found = holdall("explain", "pipeline:main")
    parts = [str(pipeline.main.explain())]
    parts += [
        str(getattr(pipeline, name).explain(flow=pipeline.main)) for name in ("empty", "report", "total", "numbers")
    ]

    assert "The flow 'main' and what its body names:\n\n" + "\n\n".join(parts) + "\n" == found.stdout
    assert found.stderr == ""


def test_explains_as_json(holdall: Any, work: Path) -> None:
    """Each decision with its source, its reason and what it beat."""
    assert work.is_dir()
    document = json.loads(holdall("explain", "./pipeline.py:main", "--json").stdout)
    total = next(each for each in document["resolutions"] if each["name"] == "total")

    assert {"target", "covers", "run", "not_loaded", "resolutions"} == set(document)
    assert (document["covers"], document["run"]) == ("named", None)
    assert set(total) == KEYS
    assert total["persist"] == {
        "value": True,
        "source": "caching",
        "reason": "its cache_key_fn needs it (rule 4)",
        "beat": ["flow 'main' around it says persist_result=True (rule 5)"],
    }


def test_explains_a_task_alone_and_inside_a_flow(holdall: Any, work: Path) -> None:
    """Alone, a remark says what else could be asked."""
    assert work.is_dir()
    alone = holdall("explain", "pipeline:numbers")
    inside = holdall("explain", "pipeline:numbers", "--flow", "pipeline:main")

    assert alone.stdout.startswith("The result of task 'numbers' is not persisted: ")
    assert "--flow module:flow says which one calls it." in alone.stderr
    assert inside.stdout.startswith("The result of task 'numbers' is persisted: flow 'main' around it ")
    assert inside.stderr == ""


def test_covers_the_tasks_of_the_last_run(holdall: Any, ids: dict[str, str]) -> None:
    """In the order in which they ran; the run is named."""
    found = holdall("explain", "pipeline:main", "--last-run")
    document = json.loads(holdall("explain", "pipeline:main", "--last-run", "--json").stdout)

    assert found.stdout.startswith(f"The flow 'main' and what its last run called ({ids['main']}):\n\n")
    assert ["main", "empty", "numbers", "total", "report"] == [each["name"] for each in document["resolutions"]]
    assert (document["covers"], document["run"]) == ("recorded", ids["main"])


def test_what_ran_and_is_not_loaded_is_said(holdall: Any, work: Path) -> None:
    """It is not imported because a catalog names it."""
    (work / "aside.py").write_text("from holdall import task\n\n@task\ndef step():\n    return 1\n")
    (work / "outer.py").write_text(
        "from holdall import flow\n\n@flow\ndef outer():\n    import aside\n    return aside.step()\n"
    )
    subprocess.run([sys.executable, "-c", "import outer; outer.outer()"], check=True)
    found = holdall("explain", "outer:outer", "--last-run")
    document = json.loads(holdall("explain", "outer:outer", "--last-run", "--json").stdout)

    assert ["outer"] == [each["name"] for each in document["resolutions"]]
    assert document["not_loaded"] == ["aside.step"]
    assert found.stderr == "Not loaded here, so not covered: aside.step.\n"


def test_a_flow_that_never_ran_has_no_last_run(holdall: Any, work: Path) -> None:
    """The way out is to run it, or not to ask for that."""
    assert work.is_dir()
    found = holdall("explain", "pipeline:main", "--last-run")

    assert "Error: The catalog knows no run of the flow 'main' (pipeline.main)." in found.stderr
    assert found.exit_code == 1


def test_a_module_that_prints_does_not_spoil_the_json(holdall: Any, work: Path) -> None:
    """What it prints goes to standard error."""
    (work / "talkative.py").write_text("print('hello')\nfrom pipeline import main\n")
    found = holdall("explain", "talkative:main", "--json")

    assert json.loads(found.stdout)["target"] == "talkative:main"
    assert found.stderr == "hello\n"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("pipelne:main", "Error: There is no module 'pipelne', in "),
        ("pipeline:mian", "Error: pipeline has no 'mian'. Did you mean pipeline:main?"),
        ("pipeline:plain", "Error: pipeline:plain is a function without @task or @flow, and no task or flow. It has "),
        ("pipeline", "Error: 'pipeline' does not say which task or flow. "),
        ("bad:main", "Error: Importing bad failed with ZeroDivisionError: division by zero ("),
        ("./pipelin.py:main", "Error: There is no file ./pipelin.py. Did you mean ./pipeline.py?"),
    ],
)
def test_a_broken_target_is_an_error(holdall: Any, work: Path, target: str, said: str) -> None:
    """One sentence of what is wrong, no traceback, status 1."""
    (work / "bad.py").write_text("1 / 0\n")
    found = holdall("explain", target)

    assert found.stderr.startswith(said)
    assert "Traceback" not in found.stderr
    assert found.exit_code == 1


@pytest.mark.parametrize("options", [["pipeline:main", "--flow", "pipeline:total"], ["pipeline:total", "--last-run"]])
def test_options_that_do_not_fit_are_wrong_uses(holdall: Any, work: Path, options: list[str]) -> None:
    """A task is no flow."""
    assert work.is_dir()
    assert holdall("explain", *options).exit_code == 2
