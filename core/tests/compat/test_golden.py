"""What an earlier release pickled or wrote as JSON loads, and is what this one makes."""

from __future__ import annotations

import json
import subprocess
import sys
from inspect import isabstract
from pathlib import Path
from typing import Any

import pytest
from golden_data import DATA, FORMS, differences, load, read
from golden_members import MEMBERS, MODULES, UNPICKLED, classes, is_installed, members, of_plugins, public_names

from holdall import plugins

# Unpickling asks old modules for their names, which says where they are now.
pytestmark = pytest.mark.filterwarnings(r"ignore:holdall\..* has moved:DeprecationWarning")

FOLDER = Path(__file__).parent
GOLDEN = read()
HERE = sorted((name, form) for (name, form), (package, _) in GOLDEN.items() if is_installed(package))
LOADING = """
import json, sys
from golden_data import differences, load, read
wanted = json.load(sys.stdin)
data = read()
loaded = {(name, form): load(form, data[name, form][1]) for name, form in wanted}
from golden_members import members
made = members()
for (name, form), found in loaded.items():
    for each in differences(form, found, made[name][1]()):
        print(f"{name} as {form}: {each}")
"""


@pytest.mark.parametrize(("name", "form"), HERE)
def test_golden_data_loads_as_what_is_made_today(name: str, form: str) -> None:
    """The same type, the same content in every field, and the same text and JSON."""
    _, made = members()[name]

    assert [] == differences(form, load(form, GOLDEN[name, form][1]), made())


@pytest.mark.parametrize("order", [1, -1])
def test_golden_data_loads_in_a_fresh_process(order: int) -> None:
    """Nothing of holdall is imported there but what the data asks for, in whatever order."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", LOADING],
        input=json.dumps(HERE[::order]),
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER,
    )

    assert ("", "") == (done.stdout, done.stderr)


def test_every_member_has_golden_data() -> None:
    """Pickled both ways; `make_golden.py` writes what is missing."""
    missing = [(name, form) for name in members() for form in ("pickle", "cloudpickle") if (name, form) not in GOLDEN]

    assert [] == missing


def test_golden_data_is_of_members_alone() -> None:
    """A name that has gone would be data that nobody compares."""
    known = {name for made in of_plugins().values() for name in made} | set(members())

    assert set() == {name for name, _ in GOLDEN} - known
    assert set() == {form for _, form in GOLDEN} - set(FORMS)


def needs_a_member(cls: Any) -> bool:
    """Whether the class has instances that somebody can pickle."""
    return not (isabstract(cls) or getattr(cls, "_is_protocol", False) or cls.__name__ in UNPICKLED)


@pytest.mark.parametrize("cls", [pytest.param(each, id=name) for name, each in classes().items()])
def test_every_public_class_has_a_member(cls: Any) -> None:
    """A new one that is not in the list is named here."""
    kinds = {type(make()) for make in MEMBERS.values()}

    assert needs_a_member(cls) == (cls in kinds)


def test_every_class_of_our_plugins_has_a_member() -> None:
    """Storages and serializers, as the entry points of those that are installed have them."""
    made = {
        package: {make().slug for make in found.values()}
        for package, found in of_plugins().items()
        if is_installed(package)
    }
    infos = [
        info for info in plugins.installed() if info.distribution in made and info.kind in {"storage", "serializers"}
    ]

    assert [] == [info for info in infos if info.name not in made[info.distribution]]


def test_no_two_public_classes_have_one_name() -> None:
    """Else the golden data of one would be taken for that of the other."""
    found = [
        (name, each) for module in MODULES for name, each in public_names(module).items() if isinstance(each, type)
    ]

    assert len({name for name, _ in found}) == len(set(found))


def test_every_distribution_of_ours_has_members() -> None:
    """A plugin that is new in `plugins/` is named here."""
    folders = {path.parent.name for path in (FOLDER.parents[2] / "plugins").glob("*/pyproject.toml")}

    assert folders == set(of_plugins())


def test_no_golden_data_has_code_in_it() -> None:
    """Code is of one version of Python; functions and classes are named."""
    coded = [each for each, (_, data) in GOLDEN.items() if b"cloudpickle.cloudpickle" in data or b"CodeType" in data]

    assert [] == coded


def test_golden_data_is_in_order() -> None:
    """So that a change shows as the lines that it is."""
    lines = DATA.read_text("ascii").splitlines()

    assert sorted(lines, key=lambda line: line.split(" ")[:3]) == lines
