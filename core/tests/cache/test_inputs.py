"""Which parameters count, and how."""

from __future__ import annotations

import inspect
from concurrent.futures import Future as InnerFuture
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from holdall import flow, task
from holdall.cache import HashBy, Ignore
from holdall.cache.digest import digest
from holdall.cache.inputs import Marker, input_digests, markers
from holdall.errors import ConfigurationError
from holdall.results.references import ResultReference, from_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nowhere import Session  # type: ignore[import-not-found]


def version(model: Any) -> Any:
    return model["version"]


def shouted(value: str) -> str:
    return value.upper()


Named = Annotated[dict[str, Any], HashBy(version)]


def load(
    plain: int,
    session: Annotated[Session, Ignore],
    maybe: Annotated[Session, Ignore] | None,
    model: Named,
    later: Session | None = None,
    *parts: Annotated[str, HashBy(shouted)],
    **more: Annotated[str, HashBy(shouted)],
) -> None:
    """For its hints."""


MARKED = markers(load, inspect.signature(load))


def test_markers_are_found_in_hints_that_are_texts() -> None:
    """Also where a name in them is there for type checkers alone, in unions, and under a name of their own."""
    expected = {
        "session": Marker(),
        "maybe": Marker(),
        "model": Marker(version),
        "parts": Marker(shouted, each=True),
        "more": Marker(shouted, each=True),
    }

    assert expected == MARKED


def test_markers_are_found_through_decorators() -> None:
    """Hints are read where the decorated function was defined."""

    @wraps(load)
    def around(*args: Any, **kwargs: Any) -> None:
        load(*args, **kwargs)

    assert MARKED == markers(around, inspect.signature(around))


def test_markers_name_what_a_function_closes_over() -> None:
    """A hint may name a local class."""
    by = HashBy(shouted)

    def local(x: Annotated[str, by]) -> Any:
        return x, by

    assert {"x": Marker(shouted)} == markers(local, inspect.signature(local))


def test_a_hint_with_a_marker_that_cannot_be_read_is_an_error() -> None:
    """Not silence: the parameter would count."""

    def wrong(x: Annotated[int, HashBy(1 / 0)]) -> None: ...

    def both(x: Annotated[int, Ignore, HashBy(len)]) -> None: ...

    def unknown(x: 1 / 0) -> None: ...  # type: ignore[valid-type]

    with pytest.raises(ConfigurationError, match=r"parameter 'x', .*division by zero"):
        markers(wrong, inspect.signature(wrong))
    with pytest.raises(ConfigurationError, match="Say one of them"):
        markers(both, inspect.signature(both))
    assert {} == markers(unknown, inspect.signature(unknown))


def test_what_is_ignored_or_left_out_has_no_digest() -> None:
    """By its hint, or by its name."""
    found = input_digests({"plain": 1, "session": object(), "debug": True}, marked=MARKED, without={"debug"})

    assert {"plain": digest(1)} == found


@pytest.mark.parametrize(
    ("name", "one", "other", "third"),
    [
        ("model", {"version": 1, "x": 1}, {"version": 1, "x": 2}, {"version": 2, "x": 1}),
        ("parts", ("a", "b"), ("A", "b"), ("a", "c")),
        ("more", {"x": "a"}, {"x": "A"}, {"x": "b"}),
    ],
)
def test_hash_by_counts_what_its_function_gives(name: str, one: Any, other: Any, third: Any) -> None:
    """Of several values, what it gives for each."""
    found = [input_digests({name: value}, marked=MARKED)[name] for value in (one, other, third)]

    assert found[0] == found[1]
    assert found[0] != found[2]


def test_the_function_of_hash_by_counts() -> None:
    """What two functions give is not to be mixed up."""
    one, other = (input_digests({"x": "A"}, marked={"x": Marker(each)}) for each in (shouted, str))

    assert one != other


def test_a_function_of_hash_by_that_fails_is_named() -> None:
    """With its parameter."""
    with pytest.raises(ConfigurationError, match=r"parameter 'model', 'version', raised KeyError"):
        input_digests({"model": {}}, marked=MARKED)
    with pytest.raises(ConfigurationError, match="takes a function"):
        HashBy(1)  # type: ignore[arg-type]


class Layer:
    def __init__(self, hook: Any) -> None:
        self.hook = hook


def lazily() -> Iterator[int]:
    yield 1


def test_an_input_that_cannot_be_counted_is_named_with_its_path() -> None:
    """The parameter, where in it, and the ways out."""
    model = {"layers": [1, 2, 3, Layer(lazily())]}
    with pytest.raises(ConfigurationError) as caught:
        input_digests({"fine": 1, "model": model}, unit="task 'train'")
    said = str(caught.value)

    assert said.startswith(
        "The input 'model' of task 'train' cannot be counted in a cache key: model[\"layers\"][3].hook is a generator, which"
    )
    assert all(way in said for way in ("Annotated[…, holdall.cache.Ignore]", "holdall.cache.HashBy(", "cache_key_fn"))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([lazily()], "x[0]"),
        ((1, {"a": lazily()}), 'x[1]["a"]'),
        ({1: lazily()}, "x[1]"),
        ({(1, 2): lazily()}, "x[<tuple>]"),
        (Layer({"k": [lazily()]}), 'x.hook["k"][0]'),
        (ValueError(lazily()), "x.args[0]"),
    ],
)
def test_paths_lead_to_what_cannot_be_counted(value: Any, path: str) -> None:
    """Through containers, instances and what hashers give."""
    with pytest.raises(ConfigurationError) as caught:
        digest(value, name="x")

    assert f": {path} is a generator, which" in str(caught.value)


# ------------------------------------------------------------------------------------------------------ results as inputs


@task(persist_result=True, cache_result_in_memory=False)
def numbers(n: int, again: int = 0) -> list[int]:
    return list(range(n))


@task(persist_result=True)
def yes() -> bool:
    return True


def reference(n: int, again: int = 0) -> ResultReference:
    found = numbers.with_options(return_state=True)(n, again).reference
    assert isinstance(found, ResultReference)
    return found


def test_references_count_by_what_they_lead_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by where it lies or who made it; small ones and large ones."""
    monkeypatch.chdir(tmp_path)
    same, other = (reference(3), reference(3, 1)), reference(4)
    large = (reference(30_000), reference(30_000, 1)), reference(30_001)

    assert digest(same[0]) == digest(same[1])
    assert digest(same[0]) == digest(from_json(same[0].json()))
    assert digest(same[0]) != digest(other)
    assert digest(large[0][0]) == digest(large[0][1])
    assert digest(large[0][0]) != digest(large[1])


def test_a_reference_is_not_read_to_be_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its payload may be gone, as nobody asks for it; its record may not."""
    monkeypatch.chdir(tmp_path)
    found, before = reference(30_000), digest(reference(30_000, 1))
    payloads = list(Path(".holdall-results").rglob("*.pkl"))
    for path in payloads:
        path.unlink()
    after = digest(found)
    for path in Path(".holdall-results").rglob("*"):
        if path.is_file():
            path.unlink()

    assert 2 == len(payloads)
    assert before == after
    with pytest.raises(
        ConfigurationError, match=r"value is a holdall.results.references.ResultReference, which leads to a result that"
    ):
        digest(found)


def test_states_and_futures_count_by_their_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever run it was; failures by their error; what goes on is refused."""
    monkeypatch.chdir(tmp_path)
    states = [numbers.with_options(return_state=True)(n, again) for n, again in ((3, 0), (3, 1), (4, 0))]
    kept_none = [
        numbers.with_options(return_state=True, persist_result=False, cache_result_in_memory=True)(n) for n in (3, 3, 4)
    ]
    literal = yes.with_options(return_state=True)()

    assert digest(states[0]) == digest(states[1])
    assert digest(states[0]) != digest(states[2])
    assert digest(kept_none[0]) == digest(kept_none[1])
    assert digest(kept_none[0]) != digest(kept_none[2])
    assert digest(literal) == digest(yes.with_options(return_state=True)())

    @flow
    def submitted() -> tuple[str, str, str]:
        futures = [numbers.submit(n, again) for n, again in ((3, 0), (3, 1), (4, 0))]
        for each in futures:
            each.wait()
        one, other, third = map(digest, futures)
        return one, other, third

    one, other, third = submitted()

    assert one == other
    assert one != third


def test_a_future_that_goes_on_is_refused() -> None:
    """Nothing is waited for to make a key."""
    from holdall.engine.future import Future

    with pytest.raises(ConfigurationError, match="is a run that still goes on"):
        digest([Future(InnerFuture(), "slow")])


def test_failures_count_by_their_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type and arguments."""
    monkeypatch.chdir(tmp_path)

    @task(return_state=True)
    def fails(error: Exception) -> None:
        raise error

    found = [digest(fails(each)) for each in (ValueError("x"), ValueError("x"), ValueError("y"))]

    assert found[0] == found[1]
    assert found[0] != found[2]
