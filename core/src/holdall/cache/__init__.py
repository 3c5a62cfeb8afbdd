"""Cache policies and the digest of inputs."""

from __future__ import annotations

# As typing.TYPE_CHECKING, which type checkers know by its name: typing itself would be most of this import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from holdall.cache.hashers import register_hasher
    from holdall.cache.inputs import HashBy, Ignore
    from holdall.cache.policies import (
        CODE,
        DEFAULT,
        FILES,
        INPUTS,
        NONE,
        PACKAGES,
        RUN,
        RUN_ID,
        SOURCE,
        TASK_SOURCE,
        CacheContext,
        CachePolicy,
        task_input_hash,
    )

__all__ = [
    "CODE",
    "DEFAULT",
    "FILES",
    "INPUTS",
    "NONE",
    "PACKAGES",
    "RUN",
    "RUN_ID",
    "SOURCE",
    "TASK_SOURCE",
    "CacheContext",
    "CachePolicy",
    "HashBy",
    "Ignore",
    "register_hasher",
    "task_input_hash",
]

# Name here: module of this package.
_HOMES = dict.fromkeys(__all__, "policies") | {"HashBy": "inputs", "Ignore": "inputs", "register_hasher": "hashers"}


def __getattr__(name: str) -> Any:
    from holdall._lazy import attribute

    return attribute(globals(), _HOMES, name)


def __dir__() -> list[str]:
    return list(__all__)
