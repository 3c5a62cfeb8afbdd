"""Events for those who watch: metrics, tracing, audit.

A listener is a module or an object with functions marked `@hookimpl`, named and called as in `Specs`:

```python
from holdall.hooks import RunFinished, hookimpl, listening

class Timings:
    @hookimpl
    def run_finished(self, event: RunFinished) -> None:
        print(event.name, event.duration)

with listening(Timings()):
    my_flow()
```

A distribution brings one along by an entry point in the group `holdall.hooks` (name = module). Listeners are called in
the thread that the event happens in, several at once where tasks run so, and can neither change nor stop a run: one
that raises costs one warning. pluggy is not imported until somebody listens (see `discover` for how they are found).
"""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

from holdall._system import fork
from holdall.errors import ConfigurationError, HoldallWarning, PluginBrokenError
from holdall.hooks.discovery import GROUP, SWITCH, declared, ear
from holdall.hooks.events import (
    CacheHit,
    CacheMiss,
    ResultRead,
    ResultWritten,
    RetryScheduled,
    RunFinished,
    RunStarted,
    Specs,
)
from holdall.plugins import registry
from holdall.plugins.loading import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pluggy import HookimplMarker, PluginManager

    Kind = Literal["task", "flow"]

    hookimpl: HookimplMarker

__all__ = [
    "CacheHit",
    "CacheMiss",
    "ResultRead",
    "ResultWritten",
    "RetryScheduled",
    "RunFinished",
    "RunStarted",
    "Specs",
    "active",
    "cache_hit",
    "cache_miss",
    "discover",
    "hookimpl",
    "listen",
    "listening",
    "result_read",
    "result_written",
    "retry_scheduled",
    "run_finished",
    "run_started",
    "unlisten",
]

_HOOKS = tuple(name for name in vars(Specs) if not name.startswith("_"))


class _Bus:
    """Who listens; whether anybody does is `signals.ear.active`."""

    __slots__ = ("complained", "discovering", "lock", "manager")

    def __init__(self) -> None:
        self.discovering = False
        self.complained: set[tuple[str, str]] = set()
        self.lock = fork.renewed(RLock())
        self.manager: PluginManager | None = None

    def host(self) -> PluginManager:
        if self.manager is None:
            from pluggy import HookspecMarker, PluginManager

            mark = HookspecMarker("holdall")
            for name in _HOOKS:
                mark(getattr(Specs, name))
            self.manager = PluginManager("holdall")
            self.manager.add_hookspecs(Specs)
        return self.manager

    def fire(self, hook: str, event: object) -> None:
        # Called one by one: pluggy's own call stops at the first listener that raises.
        for listener in reversed(getattr(self.host().hook, hook).get_hookimpls()):
            try:
                listener.function(*(event for _ in listener.argnames))
            # A listener is somebody else's code, and whatever it raises is no reason for a run to fail.
            except Exception as error:  # noqa: BLE001
                self.complain(hook, listener.plugin_name, error)

    def complain(self, hook: str, plugin: str, error: Exception) -> None:
        with self.lock:
            first = (hook, plugin) not in self.complained
            self.complained.add((hook, plugin))
        if first:
            warnings.warn(
                f"The listener {plugin!r} raised {type(error).__name__} in {hook}: {error}. The run goes on; this "
                "listener's further failures in this hook are not reported.",
                HoldallWarning,
                stacklevel=4,
            )


_bus = _Bus()


def __getattr__(name: str) -> Any:
    if name == "hookimpl":
        from pluggy import HookimplMarker

        return globals().setdefault(name, HookimplMarker("holdall"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def listen(listener: object, /, *, name: str | None = None) -> None:
    """Call the listener's hooks from now on. `name` stands in warnings; the listener's type or module by default.

    Raises:
        ConfigurationError: it has no hook, one that does not exist or cannot be called, or it listens already.
    """
    from pluggy import PluginValidationError

    with _bus.lock:
        host = _bus.host()
        if host.is_registered(listener):
            raise ConfigurationError(f"{_called(listener, name)} listens already; unlisten it first.")
        label = _free_name(host, _called(listener, name))
        try:
            host.register(listener, name=label)
        except PluginValidationError as error:
            raise ConfigurationError(f"{label} cannot listen: {error}") from error
        problem = _unfit(host, listener)
        if problem is not None:
            host.unregister(listener)
            raise ConfigurationError(f"{label} cannot listen: {problem}")
        ear.active = True


def unlisten(listener: object, /) -> None:
    """Stop calling it; one that does not listen is no error."""
    with _bus.lock:
        if _bus.manager is not None and _bus.manager.is_registered(listener):
            _bus.manager.unregister(listener)
            ear.active = bool(_bus.manager.get_plugins())


@contextmanager
def listening(listener: object, /, *, name: str | None = None) -> Iterator[None]:
    """`listen` for the length of a `with` block."""
    listen(listener, name=name)
    try:
        yield
    finally:
        unlisten(listener)


def active() -> bool:
    """Whether anybody listens: asked before an event is worked out that costs something to describe."""
    return ear.active


def discover(*, wanted: bool | None = None) -> None:
    """Let installed listeners listen; called when an outermost run starts, and does its work once per process.

    Asking importlib.metadata costs a fresh process 30 to 40 ms, more than the rest of a first result. So unless
    `wanted` or `HOLDALL_HOOKS` says yes or no, it is asked only where a look-up has paid for it already or an
    `entry_points.txt` on `sys.path` has the group in it (1 ms for 40 distributions). Listeners that only a custom
    finder or a zip file knows of need `HOLDALL_HOOKS=1`. docs/adr/0002-hooks-and-discovery-cost.md has the figures.
    """
    if not ear.discovered:
        _discover(wanted)


def _discover(wanted: bool | None) -> None:
    with _bus.lock:
        if ear.discovered or _bus.discovering:  # a listener's module may itself run a flow while it is imported
            return
        if wanted is None:
            wanted = _switch()
        if wanted is None:
            wanted = registry.scanned() or declared(GROUP)
        _bus.discovering = True
        try:
            if wanted:
                _listen_to_installed()
        finally:
            ear.discovered, _bus.discovering = True, False


def _listen_to_installed() -> None:
    for entry in registry.all_entries():
        if entry.group == GROUP and entry.shadowed_by is None:
            try:
                listen(target_of(entry, noun="listener"), name=f"{entry.distribution}:{entry.name}")
            except (PluginBrokenError, ConfigurationError) as error:
                warnings.warn(f"{error} The run goes on without it.", HoldallWarning, stacklevel=4)


def _switch() -> bool | None:
    text = os.environ.get(SWITCH, "").strip().lower()
    if text in {"", "auto"}:
        return None
    if text in {"0", "false", "no", "off", "1", "true", "yes", "on"}:
        return text in {"1", "true", "yes", "on"}
    raise ConfigurationError(f"{SWITCH} is {text!r}; write 1 or 0, or auto to look for installed listeners cheaply.")


def _called(listener: object, name: str | None) -> str:
    return name or getattr(listener, "__name__", None) or type(listener).__qualname__


def _free_name(host: PluginManager, wanted: str) -> str:
    count, label = 1, wanted
    while host.has_plugin(label):
        count += 1
        label = f"{wanted}-{count}"
    return label


def _unfit(host: PluginManager, listener: object) -> str | None:
    callers = host.get_hookcallers(listener) or []
    if not callers:
        return f"none of its functions is marked @hookimpl. Hooks are {', '.join(_HOOKS)}."
    for caller in callers:
        if not caller.has_spec():
            return f"there is no hook {caller.name!r}. Hooks are {', '.join(_HOOKS)}."
        if any(found.wrapper or found.hookwrapper for found in caller.get_hookimpls() if found.plugin is listener):
            return f"{caller.name} is a wrapper, and events have nothing to wrap. Take wrapper=True away."
    return None


# One typed function per event. Each builds its event only where somebody listens.


def run_started(*, run_id: str, kind: Kind, name: str) -> None:
    """Fire `RunStarted`."""
    if ear.active:
        _bus.fire("run_started", RunStarted(run_id=run_id, kind=kind, name=name))


def run_finished(*, run_id: str, kind: Kind, name: str, state: str, duration: float, cached: bool = False) -> None:
    """Fire `RunFinished`."""
    if ear.active:
        event = RunFinished(run_id=run_id, kind=kind, name=name, state=state, duration=duration, cached=cached)
        _bus.fire("run_finished", event)


def result_written(*, reference: str, size: int, seconds: float) -> None:
    """Fire `ResultWritten`."""
    if ear.active:
        _bus.fire("result_written", ResultWritten(reference=reference, size=size, seconds=seconds))


def result_read(*, reference: str, size: int, seconds: float) -> None:
    """Fire `ResultRead`."""
    if ear.active:
        _bus.fire("result_read", ResultRead(reference=reference, size=size, seconds=seconds))


def cache_hit(*, run_id: str, name: str, reference: str) -> None:
    """Fire `CacheHit`."""
    if ear.active:
        _bus.fire("cache_hit", CacheHit(run_id=run_id, name=name, reference=reference))


def cache_miss(*, run_id: str, name: str, key: str) -> None:
    """Fire `CacheMiss`."""
    if ear.active:
        _bus.fire("cache_miss", CacheMiss(run_id=run_id, name=name, key=key))


def retry_scheduled(*, run_id: str, name: str, attempt: int, delay: float) -> None:
    """Fire `RetryScheduled`."""
    if ear.active:
        _bus.fire("retry_scheduled", RetryScheduled(run_id=run_id, name=name, attempt=attempt, delay=delay))
