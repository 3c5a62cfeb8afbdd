"""The public modules, and their public names: of those that import lazily, table, type-checking block and `__all__` agree."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import version
from inspect import getsource
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

import pytest

import holdall
import holdall.abc
import holdall.blocks
import holdall.cache
import holdall.hooks
import holdall.plugins
import holdall.results
import holdall.security
import holdall.serialization
import holdall.settings

if TYPE_CHECKING:
    from types import ModuleType

PUBLIC: Final = (
    "holdall",
    "holdall.abc",
    "holdall.blocks",
    "holdall.cache",
    "holdall.errors",
    "holdall.filesystems",
    "holdall.flows",
    "holdall.hooks",
    "holdall.plugins",
    "holdall.results",
    "holdall.runners",
    "holdall.security",
    "holdall.serialization",
    "holdall.serializers",
    "holdall.settings",
    "holdall.tasks",
    "holdall.testing",
    "holdall.types",
)
"""What programs and plugins import. All else is internal."""
PACKAGES: Final = sorted(f"holdall.{info.name}" for info in iter_modules(holdall.__path__) if info.ispkg)
LAZY = (
    holdall,
    holdall.abc,
    holdall.blocks,
    holdall.cache,
    holdall.hooks,
    holdall.plugins,
    holdall.results,
    holdall.security,
    holdall.serialization,
    holdall.settings,
)
of_each_package = pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_is_imported_and_says_what_it_is(name: str) -> None:
    """And does not say that it is internal."""
    text = import_module(name).__doc__

    assert text
    assert "Internal:" not in text


@pytest.mark.parametrize("name", [name for name in PACKAGES if name not in PUBLIC])
def test_every_other_package_says_that_it_is_internal(name: str) -> None:
    """In its docstring, where whoever opens it looks first."""
    assert "\n\nInternal: " in (import_module(name).__doc__ or "")


def test_packages_of_both_kinds_are_found() -> None:
    """Else the test above would be of none."""
    assert {"holdall.abc", "holdall.engine", "holdall.storage"} <= set(PACKAGES)


def type_checking_block(package: ModuleType) -> dict[str, str]:
    """Name to home, as the imports that only type checkers see have it."""
    tree = ast.parse(getsource(package))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    found: dict[str, str] = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("holdall."):
            home = node.module.removeprefix(f"{package.__name__}.")
            for alias in node.names:
                renamed = alias.asname not in {None, alias.name}
                found[alias.asname or alias.name] = f"{home}:{alias.name}" if renamed else home
    return found


@of_each_package
def test_the_table_and_all_agree(package: ModuleType) -> None:
    """No public name is in one of them only."""
    assert sorted(package.__all__) == sorted(name for name in package._HOMES if not name.startswith("_"))


@of_each_package
def test_the_table_and_the_type_checking_block_agree(package: ModuleType) -> None:
    """A type checker sees the name that a program gets, from the same module or from the one where that has it from."""
    seen = type_checking_block(package)
    elsewhere = {name for name, home in seen.items() if home.startswith("holdall.")}

    assert sorted(package.__all__) == sorted(seen)
    assert [] == [name for name, home in seen.items() if name not in elsewhere and home != package._HOMES[name]]
    assert all(getattr(package, name) is getattr(import_module(seen[name]), name) for name in elsewhere)


@of_each_package
def test_no_name_is_that_of_a_module_in_the_package(package: ModuleType) -> None:
    """Else what the name leads to would change when somebody imports that module."""
    assert set() == {info.name for info in iter_modules(package.__path__)} & set(package._HOMES)


@pytest.mark.parametrize(("package", "name"), [(package, name) for package in LAZY for name in package.__all__])
def test_every_name_is_what_its_home_has(package: ModuleType, name: str) -> None:
    """Looked up twice, it is the same object."""
    module, _, attribute = package._HOMES[name].partition(":")
    expected = getattr(import_module(f"{package.__name__}.{module}"), attribute or name)

    assert expected is getattr(package, name)
    assert expected is getattr(package, name)


@of_each_package
def test_a_name_is_stored_when_it_was_first_used(package: ModuleType) -> None:
    """The next use is an ordinary look-up in the module."""
    name = package.__all__[0]
    expected = getattr(package, name)

    assert expected is vars(package)[name]


@of_each_package
def test_another_name_is_no_attribute(package: ModuleType) -> None:
    """The error names both, as for an ordinary module."""
    with pytest.raises(AttributeError, match=rf"^module '{package.__name__}' has no attribute 'nothing'$") as raised:
        package.nothing  # noqa: B018 - the look-up is the test

    assert "nothing" == raised.value.name
    assert not hasattr(package, "__path_hooks__")


@pytest.mark.parametrize(
    "package", [each for each in LAZY if each is not holdall], ids=lambda package: package.__name__
)
def test_dir_lists_the_public_names(package: ModuleType) -> None:
    """Whatever has been imported."""
    assert sorted(package.__all__) == dir(package)


def test_dir_of_the_package_lists_the_version_as_well() -> None:
    """It is looked up when it is asked for."""
    assert sorted([*holdall.__all__, "__version__"]) == dir(holdall)


def test_the_version_is_that_of_the_distribution() -> None:
    """There is no second place that keeps it."""
    assert version("holdall") == holdall.__version__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError) as caught:
        _ = holdall.nothing

    assert "module 'holdall' has no attribute 'nothing'" == str(caught.value)
