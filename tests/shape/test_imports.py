"""Who may import what, where the answer is a list of what is allowed (the layers are import-linter's part)."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "src" / "holdall"
# It shows what the core keeps to itself, and is released together with it.
CLI = ROOT / "plugins" / "holdall-cli" / "src"
# What a plugin is written from. `typed` is how serializers write types that their format has no word for.
PLUGIN_API = {
    "holdall.abc",
    "holdall.errors",
    "holdall.ids",
    "holdall.plugins",
    "holdall.security",
    "holdall.serialization",
    "holdall.types",
}
FACES = {"holdall.filesystems", "holdall.serializers"}

ALLOWED = {
    # What is built in stands where a third party's plugin stands, so that the interfaces are known to suffice.
    CORE / "builtin": PLUGIN_API | {"holdall.builtin", "holdall._cached", "holdall._lazy", "holdall._system"},
    # The suites for plugin authors must run where nothing but the interfaces and the registry works.
    CORE / "testing": PLUGIN_API
    | {"holdall.testing", "holdall._lazy", "holdall.builtin.bytes", "holdall.declaration", "holdall.results"},
}
PLUGIN = PLUGIN_API | FACES | {"holdall.testing", "holdall.register"}
LAZY = "_lazy.py"
"""The one module that imports holdall's modules by name."""
TABLES = {
    "filesystems.py": "holdall.builtin",
    "plugins/lazy_names.py": "",
    "plugins/loading.py": "holdall.abc",
    "serializers.py": "holdall.builtin",
    "runners/__init__.py": "holdall.builtin",
    "tasks.py": "holdall.cache",
}
"""Modules that have it import what their tables name, with the package below which that is. So does the face of each
package, for the names of its own modules; and `holdall` alone, on which nothing else of it stands, names what is above."""

VALUE_TYPES = ("holdall.results.references:", "holdall.engine.state:", "holdall.engine.future:")
"""Types that the cache knows by their names: nothing is imported by these."""


def imported(path: Path, *, checked: bool = False) -> Iterator[str]:
    """Dotted names that run-time imports of the file name, those inside functions included.

    With `checked`, also those under TYPE_CHECKING.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for_checkers = (
        set()
        if checked
        else {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for statement in node.body
            for inner in ast.walk(statement)
        }
    )
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


def named_in_text(path: Path) -> Iterator[str]:
    """Imports of holdall's own modules by a text, which no check of import statements sees, as `line: text`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in {"import_module", "__import__", "find_spec", "resolve_name", "run_module"}:
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if any(_is_own(part) for part in ast.walk(argument)):
                yield f"{node.lineno}: {ast.unparse(node)}"
                break


def _is_own(node: ast.AST) -> bool:
    """Whether an expression has a text that begins with the package, or a name that stands for it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.match(r"holdall(_\w+)?(\.|$)", node.value) is not None
    return isinstance(node, ast.Name) and node.id in {"__name__", "__package__"}


@pytest.mark.parametrize("folder", ALLOWED, ids=lambda folder: folder.name)
def test_the_core_keeps_its_inner_borders(folder: Path) -> None:
    """Interfaces, built-ins and test suites import no more than their list allows."""
    assert [] == strays(folder, ALLOWED[folder])


@pytest.mark.parametrize(
    "folder", sorted({*(ROOT / "plugins").glob("*/src")} - {CLI}), ids=lambda folder: folder.parent.name
)
def test_plugins_import_the_plugin_api_alone(folder: Path) -> None:
    """A plugin of this tree uses nothing that a third party's plugin is not promised."""
    assert [] == strays(folder, PLUGIN)


def test_no_module_of_ours_is_imported_by_a_text() -> None:
    """Imports by a text evade the layers."""
    sources = [CORE, *sorted((ROOT / "plugins").glob("*/src"))]
    found = [
        f"{path.relative_to(ROOT)}:{text}"
        for folder in sources
        for path in sorted(folder.rglob("*.py"))
        if path != CORE / LAZY
        for text in named_in_text(path)
    ]

    assert [] == found


def test_the_core_imports_no_plugin() -> None:
    """Nor the command line, whose libraries it does without; entry points lead there."""
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(CORE.rglob("*.py"))
        for name in imported(path)
        if name.startswith(("holdall_", "typer", "click"))
    ]

    assert [] == found


def test_tables_of_modules_are_those_of_public_names() -> None:
    """What is imported by a table is no way round the layers: the list says whose, and to where."""
    users = {
        path.relative_to(CORE).as_posix()
        for path in CORE.rglob("*.py")
        if any(f"{name}.".startswith(("holdall._lazy.", "holdall.plugins.lazy_names.")) for name in imported(path))
    }

    assert {each for each in users if not each.endswith("__init__.py")} == TABLES.keys() - {"runners/__init__.py"}


FACES_OF_PACKAGES = sorted(
    path.relative_to(CORE).as_posix()
    for path in CORE.rglob("__init__.py")
    if path.parent not in {CORE, CORE / "runners"}
)


@pytest.mark.parametrize("table", sorted({*TABLES, *FACES_OF_PACKAGES} - {"plugins/lazy_names.py"}))
def test_tables_name_modules_below_their_package(table: str) -> None:
    """Those that are not relative, which are below it by their form."""
    text = (CORE / table).read_text(encoding="utf-8")
    below = TABLES.get(table) or ".".join(["holdall", *table.split("/")[:-1]])
    named = {
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_module(node.value.partition(":")[0])
    }
    absolute = {name for name in named if name.startswith("holdall.")}

    assert [] == sorted(name for name in absolute if not name.startswith((f"{below}.", *VALUE_TYPES)))


def _is_module(name: str) -> bool:
    path = CORE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import_module('holdall.results.store')", True),
        ("importlib.import_module('holdall')", True),
        ("import_module(f'holdall.{name}')", True),
        ("import_module('holdall.' + name)", True),
        ("import_module('holdall.%s' % name)", True),
        ("import_module('.'.join(['holdall', name]))", True),
        ("import_module(f'{__name__}.{name}')", True),
        ("import_module('.store', __package__)", True),
        ("import_module(name='holdall.results.store')", True),
        ("importlib.util.find_spec('holdall_numpy')", True),
        ("__import__('holdall.results.store')", True),
        ("import_module(name)", False),
        ("import_module('numpy')", False),
        ("import_module('holdalls')", False),
        ("print('holdall.results.store')", False),
    ],
)
def test_an_import_by_a_text_would_be_found(tmp_path: Path, line: str, expected: bool) -> None:
    """Constants, f-strings, sums, and names that stand for the package; in any function."""
    path = tmp_path / "module.py"
    path.write_text(f"def f(name):\n    return {line}\n")

    assert expected == bool([*named_in_text(path)])


def test_a_stray_import_would_be_found(tmp_path: Path) -> None:
    """The check sees imports inside functions, and leaves those for type checkers alone."""
    (tmp_path / "module.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from holdall.results.store import ResultStore\n"
        "from holdall.types import Buffer\n"
        "def f():\n"
        "    from holdall.engine import execute\n"
    )

    assert ["holdall.types.Buffer", "holdall.engine.execute"] == [
        name for name in imported(tmp_path / "module.py") if name.startswith("holdall")
    ]


PACKAGES = [*sorted(path.parent for path in (ROOT / "plugins").glob("*/src/*/__init__.py")), *CORE.rglob("typed")]


def arrows(package: Path) -> dict[str, set[str]]:
    """The modules of a package and below it that each of them imports, for type checkers alone included."""
    root = next((folder for folder in package.parents if folder.name == "src"), package.parent)
    files = {".".join(path.relative_to(root).with_suffix("").parts): path for path in package.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in files.items()}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        # `from package import module` imports a module, `from package.module import name` one as well.
        names = {each if each in modules else each.rpartition(".")[0] for each in imported(path, checked=True)}
        found[module] = names & modules.keys() - {module}
    return found


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, directly or through others, each importing the next; none if there are none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_modules_of_a_package_name_each_other_one_way(package: Path) -> None:
    """In annotations and by the package's own name as well, which import-linter leaves out."""
    assert [] == circle(arrows(package))


@pytest.mark.parametrize(
    ("spoke", "expected"),
    [
        ("import os\n", set()),
        ("from wheel.hub import Hub\n", {"wheel.hub", "wheel.rim", "wheel.spoke"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wheel.hub import Hub\n",
            {"wheel.hub", "wheel.rim", "wheel.spoke"},
        ),
        ("import wheel\n", {"wheel", "wheel.hub", "wheel.rim", "wheel.spoke"}),
    ],
    ids=["none", "import", "annotation", "package"],
)
def test_a_circle_would_be_found(tmp_path: Path, spoke: str, expected: set[str]) -> None:
    """Through functions, through others on the way, through annotations, and through the package itself."""
    package = tmp_path / "wheel"
    package.mkdir()
    (package / "__init__.py").write_text("from wheel.hub import Hub\n")
    (package / "hub.py").write_text("def f():\n    from wheel import rim\n")
    (package / "rim.py").write_text("import wheel.spoke\n")
    (package / "spoke.py").write_text(spoke)

    assert expected == set(circle(arrows(package)))
