"""Who may import what, where the answer is a list of what is allowed (the layers are import-linter's part)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "src" / "holdall"
# `typed` is how serializers write types that their format has no word for, and is theirs to use as the interfaces are.
INTERFACES = {"holdall.abc", "holdall.errors", "holdall.ids", "holdall.typed", "holdall.types"}
VALUES = {"holdall.record", "holdall.results", "holdall.resolution", "holdall._registry"}
FACES = {"holdall.filesystems", "holdall.serializers"}

ALLOWED = {
    # What is built in stands where a third party's plugin stands, so that the interfaces are known to suffice.
    CORE / "builtin": INTERFACES | {"holdall.builtin", "holdall._cached", "holdall._fork"},
    # The suites for plugin authors must run where nothing but the interfaces and the registry works.
    CORE / "testing": INTERFACES | VALUES | {"holdall.testing"},
    CORE / "abc": INTERFACES | {"holdall._lazy", "holdall.redact", "holdall.suggest"},
}
PLUGIN = INTERFACES | FACES | {"holdall.testing", "holdall.register"}


def imported(path: Path) -> Iterator[str]:
    """Dotted names that run-time imports of the file name, those inside functions included."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for_checkers = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def strays(folder: Path, allowed: set[str]) -> list[str]:
    """Imports of holdall's own modules beyond the allowed ones, as `file: name`."""
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(folder.rglob("*.py"))
        for name in imported(path)
        if name.split(".")[0] == "holdall" and not any(f"{name}.".startswith(f"{one}.") for one in allowed)
    ]


@pytest.mark.parametrize("folder", ALLOWED, ids=lambda folder: folder.name)
def test_the_core_keeps_its_inner_borders(folder: Path) -> None:
    """Interfaces, built-ins and test suites import no more than their list allows."""
    assert [] == strays(folder, ALLOWED[folder])


@pytest.mark.parametrize("folder", sorted((ROOT / "plugins").glob("*/src")), ids=lambda folder: folder.parent.name)
def test_plugins_import_the_plugin_api_alone(folder: Path) -> None:
    """A plugin of this tree uses nothing that a third party's plugin is not promised."""
    assert [] == strays(folder, PLUGIN)


def test_a_stray_import_would_be_found(tmp_path: Path) -> None:
    """The check sees imports inside functions, and leaves those for type checkers alone."""
    (tmp_path / "module.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from holdall.store import ResultStore\n"
        "from holdall.types import Buffer\n"
        "def f():\n"
        "    from holdall import engine\n"
    )

    assert ["holdall.types.Buffer", "holdall.engine"] == [
        name for name in imported(tmp_path / "module.py") if name.startswith("holdall")
    ]
