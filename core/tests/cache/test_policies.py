"""Policies, how they combine, and what they compare."""

from __future__ import annotations

import os
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import flow, task
from holdall.cache import (
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
from holdall.cache.digest import digest
from holdall.engine.run import Run
from holdall.errors import ConfigurationError, HoldallWarning

if TYPE_CHECKING:
    from pathlib import Path

LEVEL = 1
LOCKED = object()
COUNT = 0
POLICIES = [INPUTS, SOURCE, CODE, RUN, NONE, PACKAGES("pydantic"), FILES("x"), FILES(by="stat"), CODE(exclude=["json"])]


def context(unit: Any, **parameters: Any) -> CacheContext:
    run: Any = object.__new__(Run)
    run.id = "run"
    return CacheContext(task=unit, run=run, flow_run=None, parameters=parameters)


def key(policy: CachePolicy, fn: Any, **parameters: Any) -> str | None:
    return policy.key(context(fn if hasattr(fn, "options") else task(fn, name="f"), **parameters))


def one(x: int) -> int:
    return x


def two(x: int) -> int:
    return x


def levelled(x: int) -> int:
    return x + LEVEL


def test_inputs_tell_functions_and_values_apart() -> None:
    """And no options of the task."""
    first = task(one)
    again = first.with_options(name="other", retries=3)

    assert key(INPUTS, first, x=1) == key(INPUTS, again, x=1)
    assert 4 == len({key(INPUTS, unit, x=x) for unit in (first, task(two)) for x in (1, 2)})


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: int) -> int:
        return x * self.factor


def made(factor: int) -> Any:
    def inner(x: int) -> int:
        return x * factor

    return inner


SAME_NAME = {
    "lambdas": (lambda x: x + 1, lambda x: x + 2),
    "partials": (partial(pow, 1), partial(pow, 2)),
    "partials of others": (partial(one), partial(two)),
    "objects": (Scaled(1), Scaled(2)),
    "made": (made(1), made(2)),
}


@pytest.mark.parametrize(
    "policy", [each for each in POLICIES if each is not NONE and "FILES('x')" not in repr(each)], ids=repr
)
@pytest.mark.parametrize("functions", SAME_NAME.values(), ids=SAME_NAME)
def test_every_policy_counts_function_and_inputs(policy: CachePolicy, functions: tuple[Any, Any]) -> None:
    """Also of functions that share a name."""
    keys = [key(policy, fn, x=x) for fn in functions for x in (1, 2, True)]

    assert 6 == len(set(keys))
    assert keys[0] == key(policy, functions[0], x=1)


@given(
    st.lists(st.sampled_from([*POLICIES, None]), max_size=5),
    st.randoms(use_true_random=False),
    st.sets(st.sampled_from("xyz")),
)
def test_sums_have_no_order_and_repeat_nothing(parts: list[Any], random: Any, without: set[str]) -> None:
    """`+ None` changes nothing, `+ NONE` is `NONE`, and each sum pickles."""
    shuffled = [*parts, *parts]
    random.shuffle(shuffled)
    one_way, other_way = INPUTS, INPUTS
    for part in parts:
        one_way = one_way + part
    for part in shuffled:
        other_way = part + other_way if part is not None else None + other_way
    for name in without:
        one_way, other_way = one_way - name, other_way - name - name

    assert one_way == other_way
    assert repr(one_way) == repr(other_way)
    assert hash(one_way) == hash(other_way)
    assert one_way == pickle.loads(pickle.dumps(one_way)) == cloudpickle.loads(cloudpickle.dumps(one_way))
    assert (NONE in parts) == one_way.never


def test_a_policy_says_what_it_is() -> None:
    """In one order."""
    assert "INPUTS + CODE" == repr(DEFAULT)
    assert "INPUTS + FILES('path', by='stat') + PACKAGES('numpy', 'pandas') - 'debug'" == repr(
        PACKAGES("pandas", "numpy", "pandas") + (FILES("path", by="stat") - "debug")
    )
    assert (SOURCE, RUN) == (TASK_SOURCE, RUN_ID)


def test_a_parameter_that_is_left_out_makes_no_difference() -> None:
    """The others do."""
    policy = INPUTS - "y"

    assert key(policy, one, x=1, y=1) == key(policy, one, x=1, y=2)
    assert key(policy, one, x=1, y=1) != key(policy, one, x=2, y=1)
    assert key(policy, one, x=1, y=1) != key(INPUTS, one, x=1, y=1)


@pytest.mark.parametrize("wrong", [3, None, INPUTS])
def test_only_names_can_be_left_out(wrong: Any) -> None:
    """And only policies added."""
    with pytest.raises(ConfigurationError, match="is no name"):
        INPUTS - wrong
    with pytest.raises(TypeError):
        INPUTS + "x"  # type: ignore[operator]


def test_code_reads_globals_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """SOURCE does not."""
    unit = task(levelled)
    before = [key(policy, unit, x=1) for policy in (DEFAULT, SOURCE)]
    monkeypatch.setattr(f"{__name__}.LEVEL", 2)

    assert [False, True] == [
        now == then for now, then in zip([key(policy, unit, x=1) for policy in (DEFAULT, SOURCE)], before, strict=True)
    ]


def locks(x: int) -> Any:
    return x, LOCKED


def counts(x: int) -> int:
    global COUNT  # noqa: PLW0603 - what the test is about
    COUNT += 1
    return x + COUNT


def test_a_global_that_cannot_be_counted_is_no_hit() -> None:
    """One warning for each task names it."""
    globals()["LOCKED"] = (each for each in ())
    unit = task(locks)
    with pytest.warns(HoldallWarning, match=r"reaches .*LOCKED.*cannot be counted.*this call is not cached") as warned:
        keys = [key(DEFAULT, unit, x=1), key(DEFAULT, unit, x=1)]

    assert [None, None] == keys
    assert 1 == len(warned)


def test_a_global_that_the_function_stores_into_does_not_count() -> None:
    """One warning says so."""
    unit = task(counts)
    with pytest.warns(HoldallWarning, match=r"stores into the global .*COUNT"):
        before = key(DEFAULT, unit, x=1)
    unit.fn(1)

    assert before is not None
    assert before == key(DEFAULT, unit, x=1)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=3)
    | st.binary(max_size=3)
)


@given(SCALARS, SCALARS)
def test_plain_arguments_are_told_apart_as_their_digests_are(first: Any, second: Any) -> None:
    """Keys count them without a digest of their own."""
    same = digest(first) == digest(second)

    assert same == (key(INPUTS, one, x=first) == key(INPUTS, one, x=second))


@pytest.mark.parametrize("kind", [str, bytes])
@pytest.mark.parametrize("size", [999, 1000, 1001, 1_000_000])
def test_long_arguments_count_to_their_last_letter(kind: type, size: int) -> None:
    """And a text that reads like the digest of one is another argument."""
    first = kind(b"a" * size) if kind is bytes else "a" * size
    last = first[:-1] + first[:1] * 2

    assert 4 == len({key(INPUTS, one, x=each) for each in (first, last, digest(first), bytes.fromhex(digest(first)))})


def test_plain_arguments_are_not_shown_to_people() -> None:
    """They may be secrets: what people compare are digests."""
    shown = INPUTS.shown(context(task(one), x="hunter2", y=12345))

    assert {"input x": digest("hunter2"), "input y": digest(12345)} == {
        name: each for name, each in shown.items() if name.startswith("input ")
    }


def test_files_count_by_what_is_in_them(tmp_path: Path) -> None:
    """Or by size and time; a folder by all that is in it, an absent file by its absence."""
    path = tmp_path / "data.csv"

    def keys() -> list[str | None]:
        return [
            key(FILES(), one, x=path),
            key(FILES("x"), one, x=str(path)),
            key(FILES(), one, x={"paths": [path]}),
            key(FILES(), one, x=tmp_path),
            key(FILES(by="stat"), one, x=path),
            key(INPUTS, one, x=path),
        ]

    absent = keys()
    path.write_text("a")
    os.utime(path, ns=(0, 0))
    first = keys()
    path.write_text("b")
    os.utime(path, ns=(0, 0))
    changed = keys()
    os.utime(path, ns=(0, 10**9))
    touched = keys()

    assert [False] * 5 + [True] == [a == b for a, b in zip(absent, first, strict=True)]
    assert [False] * 4 + [True, True] == [a == b for a, b in zip(first, changed, strict=True)]
    assert [True] * 4 + [False, True] == [a == b for a, b in zip(changed, touched, strict=True)]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (FILES("path"), r"counts the files of 'path', and it has no such parameter. It has x"),
        (PACKAGES("no-such-distribution"), "no distribution of that name is installed"),
    ],
    ids=repr,
)
def test_what_is_not_there_cannot_be_counted(policy: CachePolicy, said: str) -> None:
    """The error says what to write."""
    with pytest.raises(ConfigurationError, match=said):
        key(policy, one, x=1)


def test_files_count_in_two_ways_alone() -> None:
    """Any other word is an error when the policy is made."""
    with pytest.raises(ConfigurationError, match="by='content' or by='stat'"):
        FILES(by="size")  # type: ignore[arg-type]


def test_a_version_makes_new_keys() -> None:
    """A number is not its text."""
    unit = task(one, cache_policy=INPUTS)
    keys = {key(INPUTS, unit.with_options(cache_version=version), x=1) for version in (None, 1, "1", "2")}

    assert 4 == len(keys)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cache_version": 1.5}, "cache_version is a text or a whole number"),
        ({"cache_version": True}, "cache_version is a text or a whole number"),
        ({"cache_version": "2", "cache_key_fn": task_input_hash}, "put the version into its text"),
    ],
)
def test_a_version_that_cannot_be(options: Any, said: str) -> None:
    """Refused where it is declared."""
    with pytest.raises(ConfigurationError, match=said):
        task(one, **options)


def test_task_input_hash_counts_what_default_does() -> None:
    """As sixty-four hexadecimal digits."""
    found = task_input_hash(context(task(one), x=1), {"x": 1})

    assert 64 == len(found)
    assert found == key(DEFAULT, one, x=1)
    assert found != task_input_hash(context(task(two), x=1), {"x": 1})


def test_key_parts_show_what_a_key_counts() -> None:
    """By name; two calls with different keys differ in them."""
    unit = task(levelled, cache_policy=DEFAULT + PACKAGES("pydantic"), cache_version="3")
    first, second = unit.key_parts(1), unit.key_parts(x=2)

    names = [name.removeprefix("code ").removeprefix("function ").removeprefix(f"{__name__}:") for name in first]
    assert {"input x", "package pydantic", "cache_version", "levelled"} <= set(names)
    assert any("LEVEL" in name for name in first)
    assert {"input x"} == {name for name in first if first[name] != second[name]}


def test_key_parts_of_other_tasks() -> None:
    """The text of a key function; nothing without caching; inside a flow, the flow's run."""
    by_run = task(one, cache_policy=RUN)

    assert {"cache_key_fn": "k1"} == task(one, cache_key_fn=lambda _, parameters: f"k{parameters['x']}").key_parts(1)
    assert {} == task(one).key_parts(1)
    shown = flow(lambda: [by_run.key_parts(1), by_run.key_parts(1)])
    inside = shown()
    assert inside[0] == inside[1]
    assert inside[0]["run"] != shown()[0]["run"]
