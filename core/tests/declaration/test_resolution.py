"""Every combination of what can be said about persistence, storage and serializer, against the table of the design."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from holdall import cache
from holdall.declaration.options import Options
from holdall.declaration.resolution import Decision, Resolution, Scope, resolve


@dataclass(frozen=True, kw_only=True)
class Said:
    """The settings' part."""

    results_persist_by_default: bool | None = None
    results_default_storage: str | None = None
    results_default_serializer: str | None = None


def key_fn(_: Any, __: Any) -> str:
    return "key"


OWN = [None, True, False]
PLACES: list[dict[str, Any]] = [{}, {"result_storage": "s3/prod"}, {"result_storage_key": "name"}]
AROUND = ["no flow", None, True, False]
CACHING: list[dict[str, Any]] = [
    {},
    {"cache_key_fn": key_fn},
    {"cache_policy": cache.INPUTS},
    {"cache_policy": cache.NONE},
]
RETRIES = [0, 2]
SETTING = [None, True, False]
ALL = list(itertools.product(OWN, PLACES, AROUND, CACHING, RETRIES, SETTING))


def scope(said: Any) -> Scope | None:
    if said == "no flow":
        return None
    options = Options(name="around", persist_result=said)
    return resolve("flow", options, None, Said()).scope(options, None)


def table(own: Any, place: Any, around: Any, caching: Any, retries: int, setting: Any) -> list[tuple[int, bool, str]]:
    """The rules that match, as the design's table has them: number, persisted, source."""
    cached = bool(caching) and caching.get("cache_policy") is not cache.NONE
    rows: list[tuple[int, bool, Any, str]] = [
        (1, own is not None, own, "explicit"),
        (2, bool(place), True, "configured"),
        (3, around is False, False, "flow"),
        (4, cached, True, "caching"),
        (4, retries > 0, True, "retries"),
        (5, around is True, True, "flow"),
        (6, setting is not None, setting, "settings"),
        (7, True, False, "default"),
    ]
    return [(number, persisted, source) for number, matches, persisted, source in rows if matches]


def resolved(own: Any, place: Any, around: Any, caching: Any, retries: int, setting: Any) -> Resolution:
    options = Options(name="it", persist_result=own, retries=retries, **place, **caching)
    return resolve("task", options, scope(around), Said(results_persist_by_default=setting))


def test_every_combination_of_the_persist_rules() -> None:
    """864 of them: each rule alone and against each later one, value, source, number, and what it beat."""
    for case in ALL:
        (number, persisted, source), *later = table(*case)

        decision = resolved(*case).persist

        assert (persisted, source) == (decision.value, decision.source), case
        assert f"(rule {number})" in decision.reason, case
        beaten = [f"(rule {n})" for n, _, _ in later if n != 7]
        assert beaten == [beat[beat.rindex("(rule") :] for beat in decision.beat], case


def test_every_combination_of_literals_and_needs() -> None:
    """Literals are left out where somebody said False, by rule 1, 3 or 6, and nowhere else."""
    for case in ALL:
        number, persisted, _ = table(*case)[0]

        resolution = resolved(*case)

        assert (not persisted and number != 7) is resolution.forbidden, case
        assert len([n for n, _, _ in table(*case) if n == 4]) == len(resolution.needs), case
        asking = [source for _, yes, source in table(*case) if yes]
        assert (["retries"] == asking and persisted) is resolution.for_retries_alone, case


@pytest.mark.parametrize(
    ("flows", "persisted"),
    [
        ([True], True),
        ([False], False),
        ([None], False),
        ([True, None], True),
        ([False, None], False),
        ([True, None, None], True),
        ([True, False], False),
        ([False, True], True),
        ([True, False, None], False),
        ([False, True, None], True),
    ],
)
def test_the_nearest_flow_that_says_anything_decides(flows: list[bool | None], persisted: bool) -> None:
    """Rules 3 and 5 look through flows that leave it unset; outermost first."""
    around: Scope | None = None
    for said in flows:
        options = Options(name=f"flow {said}", persist_result=said)
        around = resolve("flow", options, around, Said()).scope(options, around)

    assert persisted is resolve("task", Options(name="it"), around, Said()).persist.value


@pytest.mark.parametrize(
    "own", [{"retries": 3}, {"cache_key_fn": key_fn}, {"result_storage": "s3/prod"}, {"result_storage_key": "k"}]
)
def test_features_and_storage_of_a_flow_do_not_persist_its_tasks(own: dict[str, Any]) -> None:
    """They hand nothing down but where and how; nor do they stop what a flow further out said."""
    options = Options(name="between", **own)
    alone = resolve("flow", options, None, Said()).scope(options, None)
    outer = Options(name="outer", persist_result=False)
    said_no = resolve("flow", outer, None, Said()).scope(outer, None)
    below = resolve("flow", options, said_no, Said()).scope(options, said_no)

    assert "default" == resolve("task", Options(name="it"), alone, Said()).persist.source
    assert ("flow", False) == _short(resolve("task", Options(name="it"), below, Said()).persist)


@pytest.mark.parametrize("what", ["storage", "serializer"])
@pytest.mark.parametrize("own", [None, "own"])
@pytest.mark.parametrize("around", ["no flow", None, "flow's"])
@pytest.mark.parametrize("setting", [None, "setting's"])
def test_every_combination_of_storage_and_serializer(
    what: str, own: str | None, around: str | None, setting: str | None
) -> None:
    """The first that is set: own, the flow's effective value, the settings, the default."""
    said: dict[str, Any] = {f"results_default_{what}": setting}
    settings = Said(**said)
    default = {"storage": "./.holdall-results", "serializer": "pickle"}[what]
    above = None
    if around != "no flow":
        options = _saying(what, around)
        above = resolve("flow", options, None, settings).scope(options, None)
    inherited = None if above is None else around or setting or default
    rows = [("configured", own), ("flow", inherited), ("settings", setting), ("default", default)]
    expected = next(row for row in rows if row[1] is not None)

    found: Decision = getattr(resolve("task", _saying(what, own), above, settings), what)

    assert expected == (found.source, found.value)
    number = [source for source, _ in rows].index(expected[0]) + 1
    assert f"(rule {number})" in found.reason


def test_a_resolution_is_a_value() -> None:
    """It compares, and cannot be changed; where it is written down it survives."""
    first = resolve("task", Options(name="it", retries=1), None, Said())

    assert first == resolve("task", Options(name="it", retries=1), None, Said())
    with pytest.raises(AttributeError):
        first.name = "other"  # type: ignore[misc]


def _saying(what: str, value: Any) -> Options:
    options: dict[str, Any] = {f"result_{what}": value}
    return Options(name="it", **options)


def _short(decision: Decision) -> tuple[str, Any]:
    return decision.source, decision.value
