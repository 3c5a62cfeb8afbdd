"""The near name that an error message shows."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.suggest import suggest

NAMES = ("persist_result", "result_storage", "retries", "cache_policy")


@pytest.mark.parametrize(
    ("name", "expected"), [("persist_results", "persist_result"), ("retrys", "retries"), ("zzz", None), ("", None)]
)
def test_the_nearest_name_is_suggested(name: str, expected: str | None) -> None:
    """One name or none, whichever container the names are in."""
    assert [expected] * 3 == [suggest(name, names) for names in (NAMES, set(NAMES), iter(NAMES))]


def test_the_cutoff_is_how_alike_a_name_has_to_be() -> None:
    """Half of the letters are the same."""
    assert ["gs", None] == [suggest("gcs3", ["gs"], cutoff=cutoff) for cutoff in (0.6, 0.7)]


def test_the_order_of_the_names_does_not_count() -> None:
    """A set has another order in the next process, and the message is to be the same."""
    assert {"ad"} == {suggest("ab", names, cutoff=0.1) for names in itertools.permutations(["aa", "ac", "ad"])}


@given(st.text(), st.lists(st.text()))
def test_what_is_suggested_is_one_of_the_names(name: str, names: list[str]) -> None:
    """A name that exists is its own nearest."""
    assert suggest(name, names) in {None, *names}
    assert suggest(name, [*names, name]) == name


def test_the_library_is_loaded_for_a_suggestion_only() -> None:
    """Of a program without mistakes, none pays for it."""
    code = (
        "import sys, holdall.suggest, holdall.declaration.definition, holdall.blocks, holdall.plugins, holdall.abc.component\n"
        "print('difflib' in sys.modules)\n"
    )

    assert "False\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
