"""Listeners hear of events, cost nothing where there are none, and break no run."""

from __future__ import annotations

import subprocess
import sys
import types
import warnings
from typing import TYPE_CHECKING

import pytest

from holdall.errors import ConfigurationError, HoldallWarning
from holdall.hooks import bus
from holdall.hooks import discovery as signals
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

    @bus.hookimpl
    def run_started(self, event: bus.RunStarted) -> None:
        self.heard.append(event)

    @bus.hookimpl
    def cache_hit(self, event: bus.CacheHit) -> None:
        self.heard.append(event)


class Sore(Ear):
    """Raises at every event."""

    @bus.hookimpl
    def cache_hit(self, event: bus.CacheHit) -> None:
        raise ValueError(event.name)


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "_bus", bus._Bus())
    monkeypatch.setattr(signals.ear, "active", False)
    monkeypatch.setattr(signals.ear, "discovered", False)
    monkeypatch.delenv(signals.SWITCH, raising=False)


def hit() -> None:
    """Fire one event."""
    bus.cache_hit(run_id="1", name="clean", reference="{}")


def _remember_in(heard: list[object]) -> Callable[[object], None]:
    def remember(event: object) -> None:
        heard.append(event)

    return remember


def listener_on_path(folder: Path) -> Path:
    """A distribution that brings a listener along."""
    points = {"holdall.hooks": {"audit": "audit_listener"}}
    return write_distribution(folder, "audit", entry_points=points, modules={"audit_listener": LISTENER})


def test_a_listener_hears_what_it_asked_for() -> None:
    """And nothing else."""
    ear = Ear()
    with bus.listening(ear):
        bus.run_started(run_id="1", kind="task", name="clean")
        bus.retry_scheduled(run_id="1", name="clean", attempt=1, delay=0.5)
        hit()

    expected = [
        bus.RunStarted(run_id="1", kind="task", name="clean"),
        bus.CacheHit(run_id="1", name="clean", reference="{}"),
    ]
    assert expected == ear.heard


def test_every_event_reaches_its_hook() -> None:
    """One fire function, one hook and one event each."""
    heard: list[object] = []
    everything = types.SimpleNamespace()
    for name in bus._HOOKS:
        setattr(everything, name, bus.hookimpl(specname=name)(_remember_in(heard)))
    with bus.listening(everything):
        bus.run_started(run_id="1", kind="flow", name="f")
        bus.run_finished(run_id="1", kind="flow", name="f", state="Completed", duration=1.5)
        bus.result_written(reference="{}", size=3, seconds=0.1)
        bus.result_read(reference="{}", size=3, seconds=0.1)
        bus.cache_hit(run_id="1", name="f", reference="{}")
        bus.cache_miss(run_id="1", name="f", key="k")
        bus.retry_scheduled(run_id="1", name="f", attempt=1, delay=0.0)

    assert [
        bus.RunStarted(run_id="1", kind="flow", name="f"),
        bus.RunFinished(run_id="1", kind="flow", name="f", state="Completed", duration=1.5, cached=False),
        bus.ResultWritten(reference="{}", size=3, seconds=0.1),
        bus.ResultRead(reference="{}", size=3, seconds=0.1),
        bus.CacheHit(run_id="1", name="f", reference="{}"),
        bus.CacheMiss(run_id="1", name="f", key="k"),
        bus.RetryScheduled(run_id="1", name="f", attempt=1, delay=0.0),
    ] == heard


def test_listeners_are_called_until_they_unlisten() -> None:
    """Unlistening twice is no error."""
    ear, other = Ear(), Ear()
    bus.listen(ear)
    bus.listen(other)
    bus.unlisten(ear)
    bus.unlisten(ear)
    hit()
    bus.unlisten(other)

    assert [] == ear.heard
    assert [bus.CacheHit(run_id="1", name="clean", reference="{}")] == other.heard
    assert not bus.active()


def test_a_hook_may_take_no_argument() -> None:
    """Counting needs no event."""
    calls: list[int] = []
    counter = types.SimpleNamespace(cache_hit=bus.hookimpl(specname="cache_hit")(lambda: calls.append(1)))
    with bus.listening(counter):
        hit()

    assert [1] == calls


def test_a_listener_that_raises_costs_one_warning_for_each_hook() -> None:
    """The run goes on, and the others hear of it."""
    sore, ear = Sore(), Ear()
    with bus.listening(ear), bus.listening(sore):
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
    with bus.listening(ear), pytest.raises(ConfigurationError) as caught:
        bus.listen(ear)

    assert "Ear listens already; unlisten it first." == str(caught.value)


def test_a_listener_without_hooks_is_refused() -> None:
    """A forgotten mark is the likely reason."""
    with pytest.raises(ConfigurationError) as caught:
        bus.listen(object())

    assert str(caught.value) == (
        "object cannot listen: none of its functions is marked @hookimpl. Hooks are run_started, run_finished, "
        "result_written, result_read, cache_hit, cache_miss, retry_scheduled."
    )
    assert not bus.active()


def test_a_hook_that_does_not_exist_is_refused() -> None:
    """A misspelt hook would never be called."""
    wrong = types.SimpleNamespace(cache_hits=bus.hookimpl(specname="cache_hits")(lambda event: event))
    with pytest.raises(ConfigurationError) as caught:
        bus.listen(wrong, name="wrong")

    assert str(caught.value) == (
        "wrong cannot listen: there is no hook 'cache_hits'. Hooks are run_started, run_finished, result_written, "
        "result_read, cache_hit, cache_miss, retry_scheduled."
    )


def test_a_hook_with_another_signature_is_refused() -> None:
    """Before a run meets it."""
    wrong = types.SimpleNamespace(cache_hit=bus.hookimpl(specname="cache_hit")(lambda run: run))
    with pytest.raises(ConfigurationError) as caught:
        bus.listen(wrong, name="wrong")

    assert str(caught.value) == (
        "wrong cannot listen: Plugin 'wrong' for hook 'cache_hit'\nhookimpl definition: <lambda>(run)\nArgument(s) "
        "{'run'} are declared in the hookimpl but can not be found in the hookspec"
    )
    assert not bus.active()


def test_a_wrapper_is_refused() -> None:
    """There is no result to wrap."""

    def around(event: bus.CacheHit) -> object:
        return (yield event)

    wrong = types.SimpleNamespace(cache_hit=bus.hookimpl(specname="cache_hit", wrapper=True)(around))
    with pytest.raises(ConfigurationError) as caught:
        bus.listen(wrong, name="wrong")

    assert str(caught.value) == (
        "wrong cannot listen: cache_hit is a wrapper, and events have nothing to wrap. Take wrapper=True away."
    )


def test_an_installed_listener_is_discovered(tmp_path: Path) -> None:
    """By the entry-point group, with nothing configured."""
    with on_path(listener_on_path(tmp_path)):
        bus.discover()
        hit()
        heard = list(sys.modules["audit_listener"].heard)

    assert [bus.CacheHit(run_id="1", name="clean", reference="{}")] == heard


def test_discovery_happens_once(tmp_path: Path) -> None:
    """A listener that is installed later is heard by the next process."""
    bus.discover()
    with on_path(listener_on_path(tmp_path)):
        bus.discover()

    assert not bus.active()


@pytest.mark.parametrize(("switch", "expected"), [("0", False), ("off", False), ("1", True), ("auto", True)])
def test_the_environment_switches_discovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, *, expected: bool
) -> None:
    """Off for those who want none, on for listeners that the cheap look cannot see."""
    monkeypatch.setenv("HOLDALL_HOOKS", switch)
    with on_path(listener_on_path(tmp_path)):
        bus.discover()

    assert expected == bus.active()


def test_a_passed_switch_beats_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that were read elsewhere are passed in."""
    monkeypatch.setenv("HOLDALL_HOOKS", "1")
    with on_path(listener_on_path(tmp_path)):
        bus.discover(wanted=False)

    assert not bus.active()


def test_a_switch_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never silently means nothing."""
    monkeypatch.setenv("HOLDALL_HOOKS", "perhaps")
    with pytest.raises(ConfigurationError) as caught:
        bus.discover()

    assert str(caught.value) == (
        "HOLDALL_HOOKS is 'perhaps'; write 1 or 0, or auto to look for installed listeners cheaply."
    )


def test_a_broken_installed_listener_costs_one_warning(tmp_path: Path) -> None:
    """And does not keep the others from listening."""
    points = {"holdall.hooks": {"ruin": "absent_listener"}}
    ruined = write_distribution(tmp_path / "ruin", "ruin", entry_points=points)
    with on_path(ruined, listener_on_path(tmp_path / "audit")):
        with pytest.warns(HoldallWarning) as caught:
            bus.discover()
        active = bus.active()

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
        bus.listen(sore)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hit()

    assert ["'Sore-2'", "'Sore'"] == [str(warning.message).split()[2] for warning in caught]


def test_nobody_listening_imports_neither_pluggy_nor_metadata(tmp_path: Path) -> None:
    """Discovery included, in a fresh process."""
    code = (
        "import sys; from holdall import hooks; hooks.discover(); "
        "hooks.cache_hit(run_id='1', name='n', reference='r'); "
        "print([name for name in ('pluggy', 'importlib.metadata', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert "[]" == done.stdout.strip()


def test_a_listener_whose_import_runs_something_is_discovered_once(tmp_path: Path) -> None:
    """Its own import may start the discovery that it is part of."""
    source = f"from holdall import hooks\nhooks.discover()\n{LISTENER}"
    points = {"holdall.hooks": {"audit": "busy_listener"}}
    with on_path(write_distribution(tmp_path, "audit", entry_points=points, modules={"busy_listener": source})):
        bus.discover()
        hit()
        heard = len(sys.modules["busy_listener"].heard)

    assert heard == 1
