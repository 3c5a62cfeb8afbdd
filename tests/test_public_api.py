"""The public names of packages that import lazily: table, type-checking block and `__all__` say the same."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import version
from inspect import getsource
from typing import TYPE_CHECKING

import pytest

import holdall
import holdall.abc
import holdall.cache

if TYPE_CHECKING:
    from types import ModuleType

LAZY = (holdall, holdall.abc, holdall.cache)
of_each_package = pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)


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
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{package.__name__}."):
            home = node.module.removeprefix(f"{package.__name__}.")
            for alias in node.names:
                renamed = alias.asname not in {None, alias.name}
                found[alias.asname or alias.name] = f"{home}:{alias.name}" if renamed else home
    return found


@of_each_package
def test_the_table_and_all_agree(package: ModuleType) -> None:
    """No name is in one of them only."""
    assert sorted(package.__all__) == sorted(package._HOMES)


@of_each_package
def test_the_table_and_the_type_checking_block_agree(package: ModuleType) -> None:
    """A type checker sees the name that a program gets."""
    assert package._HOMES == type_checking_block(package)


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


@pytest.mark.parametrize("package", [holdall.abc, holdall.cache], ids=lambda package: package.__name__)
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
