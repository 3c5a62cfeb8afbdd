"""Listeners hear of events, cost nothing where there are none, and break no run."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings
from contextlib import ExitStack
from dataclasses import MISSING, dataclass, fields
from inspect import Parameter, signature
from types import FunctionType
from typing import TYPE_CHECKING

import pytest

from holdall.errors import ConfigurationError, HoldallWarning
from holdall.hooks import bus as hooks
from holdall.hooks import discovery as signals
from holdall.hooks.listeners import Listeners, listeners
from holdall.testing.distributions import on_path, write_distribution

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LISTENER = """
from holdall.hooks import hookimpl

heard = []


@hookimpl
def cache_hit(event):
    heard.append(event)
"""


class Ear:
    """Remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    @hooks.hookimpl
    def run_started(self, event: hooks.RunStarted) -> None:
        self.heard.append(event)

    @hooks.hookimpl
    def cache_hit(self, event: hooks.CacheHit) -> None:
        self.heard.append(event)


class Sore(Ear):
    """Raises at every event."""

    @hooks.hookimpl
    def cache_hit(self, event: hooks.CacheHit) -> None:
        raise ValueError(event.name)


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = hooks._Bus()
    monkeypatch.setattr(hooks, "_bus", bus)
    monkeypatch.setattr(listeners, "emit", bus.emit)
    monkeypatch.setattr(listeners, "active", False)
    monkeypatch.setattr(listeners, "discovered", False)
    monkeypatch.delenv(signals.SWITCH, raising=False)


def hit() -> None:
    """Fire one event."""
    listeners.cache_hit(run_id="1", name="clean", reference="{}")


def _remember_in(heard: list[object]) -> Callable[[object], None]:
    def remember(event: object) -> None:
        heard.append(event)

    return remember


def _called(heard: list[str], name: str, **options: bool) -> Callable[[], None]:
    def called() -> None:
        heard.append(name)

    return hooks.hookimpl(specname="cache_hit", **options)(called)


def listener_on_path(folder: Path) -> Path:
    """A distribution that brings a listener along."""
    points = {"holdall.hooks": {"audit": "audit_listener"}}
    return write_distribution(folder, "audit", entry_points=points, modules={"audit_listener": LISTENER})


def test_a_listener_hears_what_it_asked_for() -> None:
    """And nothing else."""
    ear = Ear()
    with hooks.listening(ear):
        listeners.run_started(run_id="1", kind="task", name="clean")
        listeners.retry_scheduled(run_id="1", name="clean", attempt=1, delay=0.5)
        hit()

    expected = [
        hooks.RunStarted(run_id="1", kind="task", name="clean"),
        hooks.CacheHit(run_id="1", name="clean", reference="{}"),
    ]
    assert expected == ear.heard


def test_every_event_reaches_its_hook() -> None:
    """One fire function, one hook and one event each."""
    heard: list[object] = []
    everything = types.SimpleNamespace()
    for name in hooks._EVENTS:
        setattr(everything, name, hooks.hookimpl(specname=name)(_remember_in(heard)))
    with hooks.listening(everything):
        listeners.run_started(run_id="1", kind="flow", name="f")
        listeners.run_finished(run_id="1", kind="flow", name="f", state="Completed", duration=1.5)
        listeners.result_written(reference="{}", size=3, seconds=0.1)
        listeners.result_read(reference="{}", size=3, seconds=0.1)
        listeners.cache_hit(run_id="1", name="f", reference="{}")
        listeners.cache_miss(run_id="1", name="f", key="k")
        listeners.retry_scheduled(run_id="1", name="f", attempt=1, delay=0.0)

    assert [
        hooks.RunStarted(run_id="1", kind="flow", name="f"),
        hooks.RunFinished(run_id="1", kind="flow", name="f", state="Completed", duration=1.5, cached=False),
        hooks.ResultWritten(reference="{}", size=3, seconds=0.1),
        hooks.ResultRead(reference="{}", size=3, seconds=0.1),
        hooks.CacheHit(run_id="1", name="f", reference="{}"),
        hooks.CacheMiss(run_id="1", name="f", key="k"),
        hooks.RetryScheduled(run_id="1", name="f", attempt=1, delay=0.0),
    ] == heard


def test_listeners_are_called_until_they_unlisten() -> None:
    """Unlistening twice is no error."""
    ear, other = Ear(), Ear()
    hooks.listen(ear)
    hooks.listen(other)
    hooks.unlisten(ear)
    hooks.unlisten(ear)
    hit()
    hooks.unlisten(other)

    assert [] == ear.heard
    assert [hooks.CacheHit(run_id="1", name="clean", reference="{}")] == other.heard
    assert not hooks.active()


def test_listeners_need_no_hash() -> None:
    """A dataclass has none, as it compares by its fields."""

    @dataclass
    class Count:
        name: str
        calls: int = 0

        @hooks.hookimpl
        def cache_hit(self) -> None:
            self.calls += 1

    one, other = Count("one"), Count("other")
    with hooks.listening(one):
        with hooks.listening(other):
            hit()
        hit()
        assert hooks.active()

    assert [2, 1] == [one.calls, other.calls]
    assert not hooks.active()


def test_a_hook_may_take_no_argument() -> None:
    """Counting needs no event."""
    calls: list[int] = []
    counter = types.SimpleNamespace(cache_hit=hooks.hookimpl(specname="cache_hit")(lambda: calls.append(1)))
    with hooks.listening(counter):
        hit()

    assert [1] == calls


def test_a_listener_that_raises_costs_one_warning_for_each_hook() -> None:
    """The run goes on, and the others hear of it."""
    sore, ear = Sore(), Ear()
    with hooks.listening(ear), hooks.listening(sore):
        with pytest.warns(HoldallWarning) as caught:
            hit()
        hit()

    (warning,) = caught
    assert str(warning.message) == (
        "The listener 'Sore' raised ValueError in cache_hit: clean. The run goes on; this listener's further failures "
        "in this hook are not reported."
    )
    assert len(ear.heard) == 1 + 1


def test_a_listener_cannot_listen_twice() -> None:
    """Each event would reach it twice."""
    ear = Ear()
    with hooks.listening(ear), pytest.raises(ConfigurationError) as caught:
        hooks.listen(ear)

    assert "Ear listens already; unlisten it first." == str(caught.value)


def test_a_listener_without_hooks_is_refused() -> None:
    """A forgotten mark is the likely reason."""
    with pytest.raises(ConfigurationError) as caught:
        hooks.listen(object())

    assert str(caught.value) == (
        "object cannot listen: none of its functions is marked @hookimpl. Hooks are run_started, run_finished, "
        "result_written, result_read, cache_hit, cache_miss, retry_scheduled."
    )
    assert not hooks.active()


def test_a_hook_that_does_not_exist_is_refused() -> None:
    """A misspelt hook would never be called."""
    wrong = types.SimpleNamespace(cache_hits=hooks.hookimpl(specname="cache_hits")(lambda event: event))
    with pytest.raises(ConfigurationError) as caught:
        hooks.listen(wrong, name="wrong")

    assert str(caught.value) == (
        "wrong cannot listen: there is no hook 'cache_hits'. Hooks are run_started, run_finished, result_written, "
        "result_read, cache_hit, cache_miss, retry_scheduled."
    )


def test_a_hook_with_another_signature_is_refused() -> None:
    """Before a run meets it."""
    wrong = types.SimpleNamespace(cache_hit=hooks.hookimpl(specname="cache_hit")(lambda run: run))
    with pytest.raises(ConfigurationError) as caught:
        hooks.listen(wrong, name="wrong")

    assert str(caught.value) == (
        "wrong cannot listen: Plugin 'wrong' for hook 'cache_hit'\nhookimpl definition: <lambda>(run)\nArgument(s) "
        "{'run'} are declared in the hookimpl but can not be found in the hookspec"
    )
    assert not hooks.active()


@pytest.mark.parametrize("options", [{"wrapper": True}, {"hookwrapper": True}], ids=["wrapper", "hookwrapper"])
def test_a_wrapper_is_refused(options: dict[str, bool]) -> None:
    """There is no result to wrap."""

    def around(event: hooks.CacheHit) -> object:
        return (yield event)

    wrong = types.SimpleNamespace(cache_hit=hooks.hookimpl(specname="cache_hit", **options)(around))
    with pytest.raises(ConfigurationError) as caught:
        hooks.listen(wrong, name="wrong")

    assert str(caught.value) == (
        "wrong cannot listen: cache_hit is a wrapper, and events have nothing to wrap. Take wrapper=True away."
    )


def test_listeners_are_called_in_the_order_of_pluggy() -> None:
    """The last one first, but for those that ask to be first or last."""
    heard: list[str] = []
    wishes: dict[str, dict[str, bool]] = {"a": {"trylast": True}, "b": {"tryfirst": True}, "c": {}, "d": {}}
    with ExitStack() as stack:
        for name, options in wishes.items():
            stack.enter_context(hooks.listening(types.SimpleNamespace(cache_hit=_called(heard, name, **options))))
        hit()

    assert ["b", "d", "c", "a"] == heard


def test_each_event_has_a_method_that_takes_its_fields() -> None:
    """With the same names and defaults, and in one order."""
    for name, event in hooks._EVENTS.items():
        expected = {each.name: each.default for each in fields(event)}
        method = signature(getattr(Listeners, name)).parameters
        found = {each.name: each.default for each in method.values() if each.name != "self"}

        assert list(expected) == list(found)
        assert [value is MISSING for value in expected.values()] == [each is Parameter.empty for each in found.values()]
        assert [each for each in expected.values() if each is not MISSING] == [
            each for each in found.values() if each is not Parameter.empty
        ]
    assert list(hooks._EVENTS) == [name for name, each in vars(Listeners).items() if isinstance(each, FunctionType)][1:]


def test_a_process_without_listeners_looks_for_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is declared, or asked for by the environment, the look-up is due until it has been done."""
    monkeypatch.delitem(sys.modules, "holdall.plugins.registry")
    with on_path(listener_on_path(tmp_path)):
        assert [True, True] == [signals.is_due(), signals.is_due()]
    monkeypatch.setattr(sys, "path", [str(tmp_path / "empty")])
    with monkeypatch.context() as patch:
        patch.setenv(signals.SWITCH, "0")
        assert signals.is_due()
    assert not listeners.discovered
    assert [False, False] == [signals.is_due(), signals.is_due()]
    assert listeners.discovered


def test_an_installed_listener_is_discovered(tmp_path: Path) -> None:
    """By the entry-point group, with nothing configured."""
    with on_path(listener_on_path(tmp_path)):
        hooks.discover()
        hit()
        heard = list(sys.modules["audit_listener"].heard)

    assert [hooks.CacheHit(run_id="1", name="clean", reference="{}")] == heard


def test_discovery_happens_once(tmp_path: Path) -> None:
    """A listener that is installed later is heard by the next process."""
    hooks.discover()
    with on_path(listener_on_path(tmp_path)):
        hooks.discover()

    assert not hooks.active()


@pytest.mark.parametrize(("switch", "expected"), [("0", False), ("off", False), ("1", True), ("auto", True)])
def test_the_environment_switches_discovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, *, expected: bool
) -> None:
    """Off for those who want none, on for listeners that the cheap look cannot see."""
    monkeypatch.setenv("HOLDALL_HOOKS", switch)
    with on_path(listener_on_path(tmp_path)):
        hooks.discover()

    assert expected == hooks.active()


def test_a_passed_switch_beats_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that were read elsewhere are passed in."""
    monkeypatch.setenv("HOLDALL_HOOKS", "1")
    with on_path(listener_on_path(tmp_path)):
        hooks.discover(wanted=False)

    assert not hooks.active()


def test_a_switch_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never silently means nothing."""
    monkeypatch.setenv("HOLDALL_HOOKS", "perhaps")
    with pytest.raises(ConfigurationError) as caught:
        hooks.discover()

    assert str(caught.value) == (
        "HOLDALL_HOOKS is 'perhaps'; write 1 or 0, or auto to look for installed listeners cheaply."
    )


def test_a_broken_installed_listener_costs_one_warning(tmp_path: Path) -> None:
    """And does not keep the others from listening."""
    points = {"holdall.hooks": {"ruin": "absent_listener"}}
    ruined = write_distribution(tmp_path / "ruin", "ruin", entry_points=points)
    with on_path(ruined, listener_on_path(tmp_path / "audit")):
        with pytest.warns(HoldallWarning) as caught:
            hooks.discover()
        active = hooks.active()

    (warning,) = caught
    assert str(warning.message) == (
        "The listener 'ruin' of ruin 1.0 (absent_listener) cannot be used: importing it raised ModuleNotFoundError: No "
        "module named 'absent_listener'. Upgrade ruin, or uninstall it. The run goes on without it."
    )
    assert active


def test_listeners_of_one_name_are_told_apart() -> None:
    """Two of one class may listen."""
    sores = Sore(), Sore()
    for sore in sores:
        hooks.listen(sore)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hit()

    assert ["'Sore-2'", "'Sore'"] == [str(warning.message).split()[2] for warning in caught]


def test_nobody_listening_imports_neither_pluggy_nor_metadata(tmp_path: Path) -> None:
    """Discovery included, in a fresh process."""
    code = (
        "import sys; from holdall import hooks; from holdall.hooks.listeners import listeners; hooks.discover(); "
        "listeners.cache_hit(run_id='1', name='n', reference='r'); "
        "print([name for name in ('pluggy', 'importlib.metadata', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert "[]" == done.stdout.strip()


def test_a_listener_whose_import_runs_something_is_discovered_once(tmp_path: Path) -> None:
    """Its own import may start the discovery that it is part of."""
    source = f"from holdall import hooks\nhooks.discover()\n{LISTENER}"
    points = {"holdall.hooks": {"audit": "busy_listener"}}
    with on_path(write_distribution(tmp_path, "audit", entry_points=points, modules={"busy_listener": source})):
        hooks.discover()
        hit()
        heard = len(sys.modules["busy_listener"].heard)

    assert heard == 1
