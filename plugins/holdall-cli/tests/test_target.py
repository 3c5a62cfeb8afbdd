"""Tasks and flows that are named by a module or a file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from holdall.errors import ConfigurationError
from holdall_cli.target import load_target

pytestmark = pytest.mark.usefixtures("work")


def _write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


FLOWS = """
from holdall import flow, task


@flow
def main():
    return 1


class Steps:
    @task
    def first(self):
        return 1
"""


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("explained_a:main", "main"),
        ("explained_a:Steps.first", "first"),
        ("explained_pkg.inner:main", "main"),
        ("explained_a.py:main", "main"),
        ("./explained_pkg/inner.py:main", "main"),
    ],
)
def test_loads_a_target(target: str, name: str) -> None:
    """By module and by file, methods too."""
    _write("explained_a.py", FLOWS)
    _write("explained_pkg/__init__.py", "")
    _write("explained_pkg/inner.py", FLOWS)

    assert name == load_target(target).name


def test_a_file_finds_its_neighbours_and_is_loaded_once() -> None:
    """As if it were run; a module of the same name elsewhere is left alone."""
    _write("sub/explained_b.py", "from explained_c import main\n")
    _write("sub/explained_c.py", FLOWS)
    _write("sub/json.py", FLOWS)
    before = sys.modules["json"]

    assert load_target("sub/explained_b.py:main") is load_target("sub/explained_c.py:main")
    assert load_target("sub/json.py:main").name == "main"
    assert before is sys.modules["json"]


NO_MODULE = "There is no module '{}', in <cwd> or among what is installed. Did you mean {}?"
BROKEN = "Importing {} failed with {} (<cwd>/{}, line {})."


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (":main", "':main' does not say which task or flow."),
        (
            "explained_d",
            "'explained_d' does not say which task or flow. Write module:name or path/to/file.py:name, as explained_d:",
        ),
        ("explained_need:main", NO_MODULE.format("explained_need", "explained_needy")),
        ("explained_p.inne:main", NO_MODULE.format("explained_p.inne", "explained_p.inner")),
        ("explained_d:mian", "explained_d has no 'mian'. Did you mean explained_d:main?"),
        ("explained_d:nothing.at.all", "explained_d has no 'nothing.at.all'. It has flow main."),
        ("explained_d:Steps", "explained_d:Steps is a type, and no task or flow. It has flow main."),
        ("explained_d.py:task", "explained_d.py:task is a function without @task or @flow, and no task or flow."),
        ("explained_x.py:main", "There is no file explained_x.py. Did you mean explained_d.py?"),
        ("nowhere/at/all.py:main", "There is no file nowhere/at/all.py."),
        ("explained_bad:main", BROKEN.format("explained_bad", "RuntimeError: no luck", "explained_bad.py", 2)),
        ("explained_bad.py:main", BROKEN.format("explained_bad.py", "RuntimeError: no luck", "explained_bad.py", 2)),
        (
            "explained_needy:main",
            BROKEN.format(
                "explained_needy", "ModuleNotFoundError: No module named 'no_such_thing'", "explained_needy.py", 1
            ),
        ),
        ("explained_syntax:main", "Importing explained_syntax failed with SyntaxError: "),
        ("explained_exit:main", BROKEN.format("explained_exit", "SystemExit: 3", "explained_exit.py", 2)),
    ],
)
def test_a_target_that_is_none_is_an_error(target: str, said: str) -> None:
    """It says what was found and what is near."""
    _write("explained_d.py", FLOWS)
    _write("explained_p/__init__.py", "")
    _write("explained_p/inner.py", FLOWS)
    _write("explained_bad.py", "\nraise RuntimeError('no luck')\n")
    _write("explained_needy.py", "import no_such_thing\n")
    _write("explained_syntax.py", "def (:\n")
    _write("explained_exit.py", "import sys\nsys.exit(3)\n")
    with pytest.raises(ConfigurationError) as caught:
        load_target(target)

    assert str(caught.value).startswith(said.replace("<cwd>", str(Path.cwd())))
