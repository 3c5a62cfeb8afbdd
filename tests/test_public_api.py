"""The names of the package: table, type-checking block and `__all__` say the same."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import version
from inspect import getsource

import pytest

import holdall


def type_checking_block() -> dict[str, str]:
    """Name to home, as the imports that only type checkers see have it."""
    tree = ast.parse(getsource(holdall))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    found: dict[str, str] = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("holdall."):
            home = node.module.removeprefix("holdall.")
            for alias in node.names:
                renamed = alias.asname not in {None, alias.name}
                found[alias.asname or alias.name] = f"{home}:{alias.name}" if renamed else home
    return found


def test_the_table_and_all_agree() -> None:
    """Both are sorted, too."""
    assert holdall.__all__ == list(holdall._HOMES)
    assert holdall.__all__ == sorted(holdall.__all__)


def test_the_table_and_the_type_checking_block_agree() -> None:
    """A type checker sees the name that a program gets."""
    assert holdall._HOMES == type_checking_block()


@pytest.mark.parametrize("name", holdall.__all__)
def test_every_name_is_what_its_home_has(name: str) -> None:
    """Looked up twice, it is the same object."""
    module, _, attribute = holdall._HOMES[name].partition(":")
    expected = getattr(import_module(f"holdall.{module}"), attribute or name)

    assert expected is getattr(holdall, name)
    assert expected is getattr(holdall, name)


def test_dir_lists_the_public_names() -> None:
    """And the version."""
    assert sorted([*holdall.__all__, "__version__"]) == dir(holdall)


def test_the_version_is_that_of_the_distribution() -> None:
    """There is no second place that keeps it."""
    assert version("holdall") == holdall.__version__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError) as caught:
        _ = holdall.nothing

    assert "module 'holdall' has no attribute 'nothing'" == str(caught.value)
