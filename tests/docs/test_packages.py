"""The tour of the packages and the glossary name what is there: modules, layers, and who imports whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from packages import CORE, FOLDERS, ROOT, imports, layers, modules, users

if TYPE_CHECKING:
    from pathlib import Path

TOUR = ROOT / "docs/explanation/architecture.md"
PAGES = ROOT / "docs/explanation/packages"
GLOSSARY = ROOT / "docs/reference/glossary.md"
PACKAGES = sorted(name for name in FOLDERS if not name.startswith("_"))
_MODULE = re.compile(r"`([\w/-]+\.py)`")
_FOLDER = re.compile(r"`([\w/-]+/)`")
of_each_package = pytest.mark.parametrize("package", PACKAGES)


def page(package: str, /) -> str:
    """The page of a package."""
    return (PAGES / f"{package}.md").read_text(encoding="utf-8")


def table(text: str, /) -> str:
    """The first table of a page."""
    return "\n".join(line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|"))


def line(text: str, beginning: str, /) -> set[str]:
    """The names in the line of a page that begins so."""
    [found] = [each for each in text.splitlines() if each.startswith(beginning)]
    return set(re.findall(r"`([\w-]+)`", found))


def parts(layer: str, /) -> list[str]:
    """The packages of one layer."""
    return layer.split(" | ")


def missing(text: str, /) -> list[str]:
    """Modules and folders that a page names, and that are neither in the core nor, by their whole path, in the tree."""
    names = [*_MODULE.findall(text), *_FOLDER.findall(text)]
    return [name for name in names if not any(folder.joinpath(name).exists() for folder in (CORE, ROOT))]


def test_every_package_has_a_page_in_the_contents() -> None:
    """And no page is of a package that is gone."""
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    tour = TOUR.read_text(encoding="utf-8")

    assert PACKAGES == sorted(path.stem for path in PAGES.iterdir())
    assert PACKAGES == sorted(re.findall(r"explanation/packages/([\w-]+)\.md", contents))
    assert PACKAGES == sorted(re.findall(r"\]\(packages/([\w-]+)\.md\)", tour))


@of_each_package
def test_the_page_names_every_module_of_the_package(package: str) -> None:
    """Once, in its table, and none that is gone."""
    named = _MODULE.findall(table(page(package)))

    assert sorted(modules(FOLDERS[package])) == sorted(named)


@of_each_package
def test_the_page_is_short(package: str) -> None:
    """Whoever reads one has a minute."""
    assert page(package).count("\n") <= 50


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "holdall-cli"])
def test_the_page_says_who_imports_whom(package: str) -> None:
    """As the sources do, which import-linter holds to the layers."""
    text = page(package)

    assert imports()[package] == line(text, "**Imports**")
    assert users(package) == line(text, "**Used by**")


@of_each_package
def test_paths_of_the_page_exist(package: str) -> None:
    """Modules of other packages, and folders of tests."""
    text = page(package).replace(table(page(package)), "")

    assert [] == [name for name in missing(text) if not FOLDERS[package].joinpath(name).exists()]


def test_the_drawing_is_the_contract_of_the_layers() -> None:
    """Line by line, from the top."""
    tour = TOUR.read_text(encoding="utf-8")
    drawing = tour.partition("## Layers")[2].split("```")[1].splitlines()[1:]

    assert layers() == [re.split(r"\s{2,}", each)[0].rstrip() for each in drawing]


def test_the_layers_are_those_of_the_tree() -> None:
    """What the pages say of packages is of all of them."""
    named = {part for layer in layers() for part in parts(layer)}

    assert named == imports().keys() | {"_version"}


def test_paths_of_the_tour_exist() -> None:
    """A module that was renamed is renamed there too."""
    assert [] == missing(TOUR.read_text(encoding="utf-8"))


def test_the_drawing_of_a_call_names_modules() -> None:
    """In it, modules stand without marks."""
    drawing = TOUR.read_text(encoding="utf-8").partition("## What a call goes through")[2].split("```")[1]
    named = re.findall(r"[\w/]+\.py", drawing)

    assert len(named) > 10
    assert [] == [name for name in named if not CORE.joinpath(name).is_file()]


def test_the_tour_names_every_module_outside_of_packages() -> None:
    """Those that begin with an underscore too."""
    named = set(_MODULE.findall(table_of_modules()))
    there = {path.name for path in CORE.glob("*.py")} - {"__init__.py"}
    there |= {f"_system/{name}" for name in modules(CORE / "_system")}

    assert there == named


def table_of_modules() -> str:
    """The rows of the last table of the section on packages."""
    section = TOUR.read_text(encoding="utf-8").partition("## The packages")[2].partition("\n## ")[0]
    return "\n".join(row for row in section.rpartition("| module |")[2].splitlines() if row.startswith("| `"))


# ------------------------------------------------------------------------------------------------------------ glossary

ROWS = [
    tuple(each.strip() for each in row.strip("|").split(" | "))
    for row in GLOSSARY.read_text(encoding="utf-8").splitlines()
    if row.startswith("| **")
]
ASKED = {
    *(
        "block",
        "cache key",
        "cache policy",
        "catalog",
        "circuit breaker",
        "codec",
        "definition",
        "guard",
        "home",
        "inventory",
    ),
    *(
        "lease",
        "literal",
        "lock manager",
        "payload",
        "record",
        "reference",
        "replay key",
        "run",
        "serializer",
        "session",
    ),
    *("signer", "single flight", "slug", "spool", "storage", "trust"),
}


def test_the_glossary_has_the_words_of_the_house() -> None:
    """In the order of the alphabet, each once."""
    terms = [row[0].strip("*") for row in ROWS]

    assert sorted(set(terms)) == terms
    assert set() == ASKED - set(terms)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("*"))
def test_a_term_says_what_it_is_and_where(row: tuple[str, ...]) -> None:
    """In two sentences at most; and the module is there."""
    _, meaning, module = row

    assert meaning.endswith(".")
    assert len(re.findall(r"\.(?= |$)", meaning)) <= 2
    assert CORE.joinpath(module.strip("`")).is_file()


# -------------------------------------------------------------------------------------------------------------- others


def test_every_page_is_in_the_contents() -> None:
    """mkdocs warns of a page that is not, where it builds the site."""
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"([\w/-]+\.md)$", contents, re.MULTILINE))
    docs = ROOT / "docs"

    assert {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} == listed


@pytest.mark.parametrize(
    "path",
    sorted({*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"}),
    ids=lambda path: path.name,
)
def test_sources_that_a_page_names_by_their_path_exist(path: Path) -> None:
    """From the root of the tree, or below the core: sources, tests, plugins."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|plugins|tests|examples|benchmarks|docs)/[\w./-]+?)(?:::\w+)*`", text)

    assert [] == sorted(
        {name for name in named if not ROOT.joinpath(name).exists() and not CORE.joinpath(name).exists()}
    )
