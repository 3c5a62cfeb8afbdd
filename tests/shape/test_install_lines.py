"""What the texts of the tree tell people to install is in the tree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A name of ours after `pip install`, or an extra of the core anywhere.
LINE = re.compile(r"pip install [^\n`]*?\b(holdall(?:-[a-z0-9]+)+|holdall\[[\w,-]+\])|\b(holdall\[[a-z][\w,-]*\])")
MADE_HERE = re.compile(r'write_distribution\(.{0,80}?"(holdall-[a-z0-9-]+)"', re.DOTALL)
TEXTS = sorted(
    {
        *ROOT.glob("*.md"),
        *(path for folder in ("core", "docs", "examples", "plugins") for path in (ROOT / folder).rglob("*.md")),
        *(path for folder in ("core/src", "plugins", "examples") for path in (ROOT / folder).rglob("*.py")),
    }
)
RECOMMENDING = [path for path in TEXTS if "tests" not in path.parts and LINE.search(path.read_text("utf-8"))]


def installable() -> set[str]:
    """The distributions of the tree, and the extras of the core."""
    core = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text("utf-8"))["project"]
    plugins = {
        tomllib.loads(path.read_text("utf-8"))["project"]["name"] for path in ROOT.glob("plugins/*/pyproject.toml")
    }
    return {core["name"], *plugins, *(f"holdall[{extra}]" for extra in core["optional-dependencies"])}


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in RECOMMENDING])
def test_what_is_to_be_installed_exists(path: Path) -> None:
    """A distribution of the tree, an extra of the core, or one that the page itself writes to show something."""
    text = path.read_text("utf-8")
    named = {first or second for first, second in LINE.findall(text)}

    assert set() == named - installable() - set(MADE_HERE.findall(text))


def test_install_lines_are_found() -> None:
    """In the README, in documentation and in messages: else nothing would be checked."""
    places = {path.relative_to(ROOT).parts[0] for path in RECOMMENDING}

    assert {"README.md", "docs", "core"} <= places
