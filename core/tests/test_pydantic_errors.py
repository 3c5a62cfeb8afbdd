"""What messages are made of where pydantic refuses: fields and reasons, never values."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from holdall._pydantic_errors import Fault, describe, faults
from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import ConfigurationError


class Shop(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    ports: list[int] = []
    door: str = ""

    @field_validator("door")
    @classmethod
    def _closed(cls, value: str) -> str:
        if value:
            raise ValueError("it is closed. Come back.")
        return value

    @model_validator(mode="after")
    def _named(self) -> Shop:
        if self.name == "none":
            raise ValueError("no such shop")
        return self


def refused(**fields: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Shop(**fields)
    return caught.value


def test_each_fault_names_its_field() -> None:
    """With what is inside it, the kind that pydantic gives it, and a validator's own words."""
    found = faults(refused(ports=[1, "hush"], door="hush", nmae="hush"))

    assert [
        Fault("name", "name", "missing", "Field required"),
        Fault(
            "ports.1",
            "ports",
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
        Fault("door", "door", "value_error", "it is closed. Come back."),
        Fault("nmae", "nmae", "extra_forbidden", "Extra inputs are not permitted"),
    ] == found
    assert [Fault("", "", "value_error", "no such shop")] == faults(refused(name="none"))


def test_no_description_has_the_value() -> None:
    """Nor pydantic's preface; another error is described by its message."""
    assert "it is closed. Come back.; Extra inputs are not permitted" == describe(
        refused(name="x", door="hush", a="hush")
    )
    assert "plain" == describe(ValueError("plain"))


@pytest.mark.parametrize("values", [(), ("orjson",)], ids=["by name", "by position"])
def test_a_serializer_says_what_is_wrong_as_every_component_does(values: tuple[Any, ...]) -> None:
    """The one with an `__init__` of its own, too."""
    expected = "takes its options by name" if values else "dumps_kwargs: Input should be a valid dictionary."

    with pytest.raises(ConfigurationError, match=f"JSONSerializer .*{expected}"):
        JSONSerializer(*values, dumps_kwargs="hush")  # type: ignore[arg-type]
