"""Options that can't be right are refused: when a function is decorated where that shows, else before its body runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from holdall import task
from holdall.errors import ConfigurationError
from holdall.filesystems import LocalFileSystem
from holdall.serializers import JSONSerializer

if TYPE_CHECKING:
    from pathlib import Path


def body() -> list[int]:
    raise AssertionError("the body must not run")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_policy": "INPUTS"}, "cache_policy is a policy of holdall.cache, as DEFAULT"),
        ({"cache_expiration": 60}, r"cache_expiration is a timedelta, as timedelta\(hours=1\), not 60"),
    ],
)
def test_values_of_the_wrong_kind_are_refused_at_decoration(options: dict[str, Any], message: str) -> None:
    """The message says what the option takes, before anything has run."""
    with pytest.raises(ConfigurationError, match=message):
        task(**options)(body)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"result_storage": LocalFileSystem}, r"the class LocalFileSystem: make an instance, LocalFileSystem\(…\)"),
        ({"result_serializer": JSONSerializer}, r"the class JSONSerializer: make an instance, JSONSerializer\(…\)"),
        ({"result_storage": 3}, "not a value of type int"),
    ],
)
def test_a_class_in_the_place_of_an_instance_is_refused_before_the_body(
    options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the class that was given, and what to write."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    refused = task(persist_result=True, **options)(body)
    with pytest.raises(ConfigurationError, match=message):
        refused()
