"""What the sources say of their packages: modules, and who imports whom."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core/src/holdall"
FOLDERS = {path.name: path for path in sorted(CORE.iterdir()) if path.joinpath("__init__.py").is_file()} | {
    "holdall-cli": ROOT / "plugins/holdall-cli/src/holdall_cli"
}
"""Packages of the core, and the distribution that is described beside them."""


def modules(folder: Path) -> set[str]:
    """Modules of a package, as paths below it; faces (`__init__.py`) left out."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
    }


def layers() -> list[str]:
    """The layers of the core as the contract of import-linter has them, from the top."""
    contracts: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    [found] = [each["layers"] for each in contracts if each.get("containers") == ["holdall"]]
    return list(found)


@cache
def imports() -> dict[str, set[str]]:
    """The packages, and modules beside them, that each imports at run time; private ones left out."""
    found: dict[str, set[str]] = {}
    for path in CORE.rglob("*.py"):
        name = path.relative_to(CORE).parts[0].removesuffix(".py")
        if name != "__init__":
            found.setdefault(name, set()).update(
                imported for imported in _imported(path) if not imported.startswith("_") and imported != name
            )
    return found


def users(package: str) -> set[str]:
    """Those that import a package."""
    return {name for name, others in imports().items() if package in others and not name.startswith("_")}


def _imported(path: Path) -> Iterator[str]:
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
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("holdall."))
