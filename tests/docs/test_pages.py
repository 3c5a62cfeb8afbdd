"""What pages say of the tree is so: modules that they name exist, and nothing public is left out."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import holdall

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "core/src/holdall"
REFERENCE = ROOT / "docs/reference"


@pytest.mark.parametrize("package", ["abc", "testing"])
def test_the_reference_has_every_module_of_a_public_package(package: str) -> None:
    """What plugin authors import is documented."""
    pages = "".join(path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md"))
    modules = {f"holdall.{package}.{path.stem}" for path in SOURCE.joinpath(package).iterdir() if path.stem[0] != "_"}

    assert set() == modules - set(re.findall(r"^::: ([\w.]+)$", pages, re.MULTILINE))


def test_the_reference_has_every_name_of_the_package() -> None:
    """Each name of `holdall` stands in the table, errors on the page of errors."""
    page = (REFERENCE / "holdall.md").read_text(encoding="utf-8")
    names = {name for name in holdall.__all__ if not name.endswith("Error")}

    assert set() == names - set(re.findall(r"`(\w+)`", page))


def public() -> set[str]:
    """The modules that the page of names has."""
    page = (REFERENCE / "holdall.md").read_text(encoding="utf-8")
    return set(re.findall(r"`(holdall(?:\.\w+)?)`", page.partition("## Other modules")[2])) | {"holdall"}


@pytest.mark.parametrize("name", sorted(public()))
def test_every_public_module_can_be_imported(name: str) -> None:
    """And says what it is."""
    assert import_module(name).__doc__


PROGRAMS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_imports_is_public(page: Path) -> None:
    """Whoever copies it stands on nothing that may change without notice."""
    text = page.read_text(encoding="utf-8")
    names = re.findall(r"^ *(?:from|import) (holdall(?:\.\w+)?)[\w.]*(?: |$)", text, re.MULTILINE)

    assert set() == set(names) - public()


def test_every_variable_is_on_the_page_of_settings() -> None:
    """A variable that the core reads is documented."""
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    variables = set(re.findall(r"\bHOLDALL_[A-Z]+(?:_[A-Z]+)*\b", sources))

    assert set() == {name for name in variables if name not in page}


def test_the_index_lists_every_decision() -> None:
    """A decision that is in no list is found by nobody."""
    folder = ROOT / "docs/adr"
    index = (folder / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in folder.glob("*.md")} - {"index.md"}

    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


def test_every_dependency_says_what_it_is_for() -> None:
    """A dependency that nobody can give a reason for goes."""
    page = (ROOT / "docs/adr/dependencies.md").read_text(encoding="utf-8")
    files = [ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    projects = [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"].values()
    lines = [line for project in projects for line in project["project"]["dependencies"]]
    lines += [line for group in groups for line in group if isinstance(line, str)]
    names = {match[0] for line in lines if (match := re.match(r"[\w-]+", line))}

    assert set() == {name for name in names if name not in page and not name.startswith("holdall")}
