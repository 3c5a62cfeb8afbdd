"""The names that programs of before import for handlers, and for the refusals of writers."""

from __future__ import annotations

from importlib import import_module

import pytest

from holdall.serialization import typed

BEFORE = {
    ("holdall.abc.typed", "Form"): typed.TypeHandler,
    ("holdall.abc.typed", "Refused"): typed.UnsupportedValue,
    ("holdall.abc.typed.form", "Form"): typed.TypeHandler,
    ("holdall.abc.typed.refusal", "Refused"): typed.UnsupportedValue,
    ("holdall.abc.typed.writer", "LEAST"): -(2**63),
    ("holdall.abc.typed.writer", "MOST"): 2**64 - 1,
}


@pytest.mark.filterwarnings("ignore:.* has moved:DeprecationWarning")
@pytest.mark.parametrize(("module", "name"), BEFORE)
def test_names_of_before_are_found(module: str, name: str) -> None:
    """Under a name of today."""
    assert BEFORE[module, name] == getattr(import_module(module), name)
