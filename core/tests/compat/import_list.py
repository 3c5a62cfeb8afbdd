"""Every name of holdall that the texts and plugins of this tree import, written to `golden/imports.txt`: run by hand.

    python core/tests/compat/import_list.py

Read are README, docs, examples, the sources and READMEs of plugins, the downstream plugin and the mission's examples: Python
files, Python blocks in Markdown, and the `:::` lines of the reference. A name counts that is imported, and one that is
taken from an imported module. Lines that are there stay, because people have written such lines too.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[3]
SOURCES: Final = ROOT / "core" / "src"
LIST: Final = Path(__file__).parent / "golden" / "imports.txt"
"""A line each, sorted: a module, or a module, a colon and a name in it."""
READ: Final = (
    "README.md",
    "core/README.md",
    "docs/**/*.md",
    "examples/**/*.md",
    "examples/**/*.py",
    "plugins/*/README.md",
    "plugins/*/src/**/*.py",
    "tests/downstream/**/*.md",
    "tests/downstream/**/*.py",
    "tests/mission/**/*.md",
    "tests/mission/**/*.py",
)
BLOCK: Final = re.compile(r"^(?P<indent> *)```python[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE)
TARGET: Final = re.compile(r"^::: (holdall(?:\.\w+)*)\s*$", re.MULTILINE)


def listed() -> list[str]:
    """The lines that are there."""
    return LIST.read_text("ascii").splitlines()


def collected() -> set[str]:
    """The lines that this tree asks for."""
    found: set[str] = set()
    for path in sorted({path for pattern in READ for path in ROOT.glob(pattern)}):
        text = path.read_text("utf-8")
        if path.suffix == ".py":
            found |= set(names_in(ast.parse(text)))
            continue
        found |= {split(target) for target in TARGET.findall(text)}
        # The blocks of a page are one program.
        blocks = [dedented(block) for block in BLOCK.finditer(text)]
        found |= set(names_in(ast.parse("\n".join(blocks))))
    return found


def dedented(block: re.Match[str]) -> str:
    """The code of a block that may stand in a list."""
    return "".join(line.removeprefix(block["indent"]) for line in block["code"].splitlines(keepends=True))


def names_in(tree: ast.Module) -> Iterator[str]:
    """What the program imports of holdall, and takes from modules of it."""
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        for module, name, local in imports(node):
            yield f"{module}:{name}" if name else module
            whole = f"{module}.{name}" if name else module
            if is_module(whole):
                modules[local] = whole
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            parts = dotted(node)
            if parts and parts[0] in modules:
                yield split(".".join([modules[parts[0]], *parts[1:]]))


def imports(node: ast.AST) -> Iterable[tuple[str, str, str]]:
    """Module, name in it and the name that it gets here, for each that a statement imports."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if is_ours(alias.name):
                yield alias.name, "", alias.asname or ""
                if alias.asname is None:
                    yield "holdall", "", "holdall"
    elif isinstance(node, ast.ImportFrom) and node.module is not None and is_ours(node.module):
        for alias in node.names:
            yield node.module, alias.name, alias.asname or alias.name


def dotted(node: ast.expr) -> list[str]:
    """The names of `a.b.c`; none where it does not begin with a name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return [*before, node.attr]
    return []


def split(whole: str) -> str:
    """`module:name` of a dotted name; what is taken from the object under the name does not count."""
    parts = whole.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        if is_module(module):
            return module if length == len(parts) else f"{module}:{parts[length]}"
    raise ValueError(f"{whole} begins with no module of holdall.")


def is_ours(module: str) -> bool:
    """Whether it is the core; plugins are other packages."""
    return module.partition(".")[0] == "holdall"


def is_module(name: str) -> bool:
    """Whether the sources have such a module."""
    path = SOURCES.joinpath(*name.split("."))
    return is_ours(name) and (path.with_suffix(".py").is_file() or path.joinpath("__init__.py").is_file())


def main() -> None:
    """Adds what is missing."""
    before = set(listed())
    lines = sorted(before | collected())
    LIST.write_text("".join(f"{line}\n" for line in lines), "ascii")
    print(f"{len(lines) - len(before)} added, {len(lines)} in all")


if __name__ == "__main__":
    main()
