"""Policies and what they compare."""

from __future__ import annotations

from typing import Any

from holdall import task
from holdall.cache import DEFAULT, INPUTS, NONE, RUN_ID, TASK_SOURCE, CacheContext, task_input_hash
from holdall.runs import Run


def context(unit: Any, **parameters: Any) -> CacheContext:
    run: Any = object.__new__(Run)
    run.id = "run"
    return CacheContext(task=unit, run=run, flow_run=None, parameters=parameters)


def one(x: int) -> int:
    return x


def two(x: int) -> int:
    return x


def test_inputs_tell_functions_and_values_apart() -> None:
    """And nothing else."""
    first = task(one)
    again = first.with_options(name="other", retries=3)

    assert INPUTS.key(context(first, x=1)) == INPUTS.key(context(again, x=1))
    assert 4 == len({INPUTS.key(context(unit, x=x)) for unit in (first, task(two)) for x in (1, 2)})


def test_a_sum_compares_both() -> None:
    """Either difference makes another key; NONE adds nothing."""
    assert DEFAULT.key(context(task(one), x=1)) != DEFAULT.key(context(task(two), x=1))
    assert "INPUTS + TASK_SOURCE" == repr(DEFAULT)
    assert (INPUTS, INPUTS, None) == (INPUTS + NONE, NONE + INPUTS, NONE.key(context(task(one))))
    assert RUN_ID.key(context(task(one))) == RUN_ID.key(context(task(two)))


def test_task_input_hash_is_sixty_four_hexadecimal_digits() -> None:
    """Of function, source and inputs."""
    found = task_input_hash(context(task(one), x=1), {"x": 1})

    assert 64 == len(found)
    assert found != task_input_hash(context(task(two), x=1), {"x": 1})
    assert TASK_SOURCE.key(context(task(one))) != TASK_SOURCE.key(context(task(two)))
