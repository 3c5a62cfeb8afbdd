"""Functions of a notebook: what is in its cells counts, and neither their numbers nor how often they were run."""

# ruff: noqa: E501 - a row of a table is one program

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
from holdall import task
from holdall.cache.code.reach import reach
from holdall.cache.digest import Walk
from holdall.cache.identity import identify, who
def look(fn):
    found = reach(fn)
    return f"{who(fn)} {identify(fn, Walk()).hex()[:16]} {found.digest(Walk()).hex()[:16]}"
"""
HELPER = "def helper(x):\n    return x + 1\n\nLEVEL = 1"
LOAD = "@task(persist_result=True)\ndef load(x: int) -> int:\n    return helper(x) + LEVEL"
LOOK = "print(look(load))"


def run(folder: Path, *cells: str) -> list[str]:
    """What the cells of a notebook print, in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    printed = [output.get("text", "") for cell in notebook.cells for output in cell.outputs]
    return "".join(printed).split("\n")[:-1]


@pytest.fixture
def folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(place / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(place / "ipython"))
    return place


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_notebook_that_is_run_three_times_with_edits_between(folder: Path) -> None:
    """The same cells are the same functions; a helper of an earlier cell that was edited is noticed."""
    first = run(folder, HEAD, HELPER, LOAD, LOOK)
    moved = run(folder, "1", HEAD, "'another cell'", HELPER, f"# A comment.\n\n{LOAD}", LOAD, LOOK)
    edited = run(folder, HEAD, HELPER.replace("x + 1", "x + 2"), LOAD, LOOK)

    assert first == moved
    assert [":load"] == [each.split()[0] for each in first]
    assert first[0].split()[:2] == edited[0].split()[:2]
    assert first[0].split()[2] != edited[0].split()[2]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_cells_that_are_run_again_and_modules_that_are_reloaded(folder: Path) -> None:
    """In one kernel: a cell that is run again unchanged changes nothing, an edited one does, as does `autoreload`."""
    (folder / "outside.py").write_text("def far():\n    return 1\n\ndef near():\n    return far()\n")
    edit = "import pathlib, os\npathlib.Path('outside.py').write_text('def far():\\n    return 2222\\n\\ndef near():\\n    return far()\\n')"
    found = run(
        folder,
        HEAD,
        "%load_ext autoreload\n%autoreload 2\nimport sys; sys.dont_write_bytecode = True; sys.path.insert(0, '')",
        "import outside\nfrom outside import near",
        HELPER,
        "def load(x):\n    return helper(x), near()\nkept = reach(load)\nprint(kept.digest(Walk()).hex())",
        HELPER,
        "print(kept.digest(Walk()).hex())",
        HELPER.replace("x + 1", "x + 2"),
        "print(kept.digest(Walk()).hex())",
        HELPER,
        "print(kept.digest(Walk()).hex())",
        f"{edit};",
        "print(near(), kept.digest(Walk()).hex())",
    )
    values = [each.split()[-1] for each in found]

    assert values[0] == values[1] == values[3] != values[2]
    assert "2222" == found[4].split()[0]
    assert values[4] not in values[:4]
