"""Equal content has one digest and different content two: pairs of arguments, each in two processes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PAIRS = Path(__file__).with_name("pairs.py")


def _names() -> tuple[list[str], list[str]]:
    spec = importlib.util.spec_from_file_location("holdall_pairs", PAIRS)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["holdall_pairs"] = module
    spec.loader.exec_module(module)
    return sorted(module.EQUAL), sorted(module.DIFFERENT)


EQUAL, DIFFERENT = _names()


@pytest.fixture(scope="module")
def seen() -> list[dict[str, list[str]]]:
    """What two processes with other hash seeds say."""
    started = [
        subprocess.Popen([sys.executable, PAIRS], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE)
        for seed in ("1", "2")
    ]
    return [json.loads(each.communicate()[0]) for each in started]


@pytest.mark.parametrize("name", EQUAL)
def test_equal_content_has_one_digest(name: str, seen: list[dict[str, list[str]]]) -> None:
    """However it lies in memory, whatever was cached, in every process."""
    found = {text for process in seen for text in process[f"equal {name}"]}

    assert 1 == len(found)


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_content_has_different_digests(name: str, seen: list[dict[str, list[str]]]) -> None:
    """And each its own in every process."""
    one, other = (set(texts) for texts in zip(*(process[f"different {name}"] for process in seen), strict=True))

    assert (1, 1) == (len(one), len(other))
    assert one != other
