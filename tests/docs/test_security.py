"""Each claim of the page for reviewers names tests, and they are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdall.plugins import registry
from holdall.serialization.wrapping import WrappingSerializer
from holdall.serializers import BundleSerializer, JSONSerializer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8")
POLICY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`((?:core|plugins|tests)/[\w/.-]+\.py)::([\w:]+)`")


def named() -> set[tuple[str, str]]:
    """File and test, as both pages name them."""
    return {(match[1], match[2]) for match in _TEST.finditer(PAGE + POLICY)}


def rows() -> list[str]:
    """Lines of tables that make a claim: those of tables whose last column is the test."""
    found, in_table = [], False
    for line in PAGE.splitlines():
        if not line.startswith("|"):
            in_table = False
        elif line.endswith("| test |"):
            in_table = True
        elif in_table and not line.startswith("|---"):
            found.append(line)
    return found


def test_each_line_names_a_test() -> None:
    """A claim that nothing shows is none."""
    assert len(rows()) > 40
    assert [] == [line for line in rows() if not _TEST.search(line.rpartition(" | ")[2])]


def test_the_tests_are_there_and_are_collected() -> None:
    """A test that is renamed, or that pytest does not find, takes its line with it."""
    files = sorted({file for file, _ in named()})
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    collected = {line.partition("[")[0].strip() for line in listed.stdout.splitlines() if "::" in line}

    assert 0 == listed.returncode, listed.stdout[-2000:] + listed.stderr[-2000:]
    assert [] == [f"{file}::{name}" for file, name in sorted(named()) if f"{file}::{name}" not in collected]


def test_the_table_of_serializers_is_that_of_the_program() -> None:
    """Every installed one is in it; pickle alone runs code by itself, and the others are as what is inside."""
    table = PAGE[PAGE.index("| serializer | runs code |") : PAGE.index("| claim | test |")]
    said = {}
    for line in table.splitlines()[2:]:
        if line.startswith("|"):
            slugs, _, what = line.strip("| ").partition(" | ")
            said |= dict.fromkeys(re.findall(r"`([\w-]+)`", slugs), what)
    classes = {slug: registry.load("serializers", slug) for slug in registry.names("serializers")}
    wrapping = {slug for slug, cls in classes.items() if issubclass(cls, WrappingSerializer)}
    by_itself = {slug for slug, cls in classes.items() if slug not in wrapping | {"auto"} and cls().trusted_only}  # type: ignore[attr-defined]

    assert set(classes) == set(said)
    assert {"pickle"} == by_itself == {slug for slug, what in said.items() if what == "**yes**"}
    assert wrapping == {slug for slug, what in said.items() if what.startswith("as what is inside")}
    for slug in wrapping:
        assert classes[slug]().trusted_only  # type: ignore[attr-defined]
        assert not classes[slug](serializer="json").trusted_only  # type: ignore[call-arg, attr-defined]
    assert not JSONSerializer().trusted_only
    assert not BundleSerializer().trusted_only


@pytest.mark.parametrize(
    "path", ["README.md", "SECURITY.md", "mkdocs.yml", "docs/how-to/trust.md", "docs/how-to/encrypt.md"]
)
def test_the_page_is_found(path: str) -> None:
    """From where reviewers begin, or one page further."""
    text = (ROOT / path).read_text(encoding="utf-8")

    assert "security.md" in text
