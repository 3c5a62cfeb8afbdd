"""Events for listeners: metrics, tracing, audit.

A listener is a module or an object with functions marked `@hookimpl`. Each is named for its event, as `run_finished` for
`RunFinished`, and takes it, or nothing:

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
the thread of the event, several at once if tasks run so, and can neither change nor stop a run: one that raises causes
one warning. pluggy is not imported before the first listener (see `discover` for how they are found).
"""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from holdall._system import fork
from holdall.errors import ConfigurationError, HoldallWarning, PluginBrokenError
from holdall.hooks.discovery import GROUP, SWITCH, declared
from holdall.hooks.events import CacheHit, CacheMiss, ResultRead, ResultWritten, RetryScheduled, RunFinished, RunStarted
from holdall.hooks.listeners import listeners
from holdall.plugins import registry
from holdall.plugins.loading import target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pluggy import HookimplMarker, PluginManager

    hookimpl: HookimplMarker

__all__ = [
    "CacheHit",
    "CacheMiss",
    "ResultRead",
    "ResultWritten",
    "RetryScheduled",
    "RunFinished",
    "RunStarted",
    "active",
    "discover",
    "hookimpl",
    "listen",
    "listening",
    "unlisten",
]

_EVENTS: Final = {
    "run_started": RunStarted,
    "run_finished": RunFinished,
    "result_written": ResultWritten,
    "result_read": ResultRead,
    "cache_hit": CacheHit,
    "cache_miss": CacheMiss,
    "retry_scheduled": RetryScheduled,
}


class _Bus:
    """The plugin manager, and the listeners whose failure was reported; the lock is for both."""

    __slots__ = ("discovering", "lock", "manager", "reported")

    def __init__(self) -> None:
        self.discovering = False
        self.reported: set[tuple[str, str]] = set()
        self.lock = fork.renewed(RLock())
        self.manager: PluginManager | None = None

    def host(self) -> PluginManager:
        if self.manager is None:
            from pluggy import HookspecMarker, PluginManager

            self.manager = PluginManager("holdall")
            spec = HookspecMarker("holdall")(_hook)
            self.manager.add_hookspecs(type("Hooks", (), {name: staticmethod(spec) for name in _EVENTS}))
        return self.manager

    def emit(self, hook: str, /, **fields: Any) -> None:
        event = _EVENTS[hook](**fields)
        # In pluggy's order, and one by one: its own call ends at the first listener that raises, and the call of a
        # subset needs listeners that can be hashed.
        for listener in reversed(getattr(self.host().hook, hook).get_hookimpls()):
            try:
                listener.function(*(event for _ in listener.argnames))
            # A listener is somebody else's code, and whatever it raises is no reason for a run to fail.
            except Exception as error:  # noqa: BLE001
                self.report(hook, listener.plugin_name, error)

    def report(self, hook: str, plugin: str, error: Exception) -> None:
        with self.lock:
            first = (hook, plugin) not in self.reported
            self.reported.add((hook, plugin))
        if first:
            warnings.warn(
                f"The listener {plugin!r} raised {type(error).__name__} in {hook}: {error}. The run goes on; this "
                "listener's further failures in this hook are not reported.",
                HoldallWarning,
                stacklevel=4,
            )


def _hook(event: Any) -> None:
    """Specification of every hook: takes its event, or nothing; what it returns is ignored."""


_bus = _Bus()
listeners.emit = _bus.emit


def __getattr__(name: str) -> Any:
    if name == "hookimpl":
        from pluggy import HookimplMarker

        return globals().setdefault(name, HookimplMarker("holdall"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def listen(listener: object, /, *, name: str | None = None) -> None:
    """Calls the listener's hooks from now on. `name` is used in warnings; the listener's type or module by default.

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
        listeners.active = True


def unlisten(listener: object, /) -> None:
    """Stops calling a listener; one that does not listen is not an error."""
    with _bus.lock:
        if _bus.manager is not None and _bus.manager.is_registered(listener):
            _bus.manager.unregister(listener)
            listeners.active = bool(
                _bus.manager.list_name_plugin()
            )  # a set of them, as get_plugins() has, needs hashes


@contextmanager
def listening(listener: object, /, *, name: str | None = None) -> Iterator[None]:
    """Context manager in which a listener is called."""
    listen(listener, name=name)
    try:
        yield
    finally:
        unlisten(listener)


def active() -> bool:
    """Returns whether there is a listener: to be called before work that only an event needs."""
    return listeners.active


def discover(*, wanted: bool | None = None) -> None:
    """Registers installed listeners; called when an outermost run starts, and does its work once per process.

    importlib.metadata costs a fresh process 30 to 40 ms, more than the rest of a first result. So unless `wanted` or
    `HOLDALL_HOOKS` says yes or no, it is used only if a look-up of plugins has used it already, or an
    `entry_points.txt` on `sys.path` has the group in it (1 ms for 40 distributions). Listeners in a zip file or behind
    a custom finder need `HOLDALL_HOOKS=1`. docs/adr/0002-hooks-and-discovery-cost.md has the figures.
    """
    if not listeners.discovered:
        _discover(wanted)


def _discover(wanted: bool | None) -> None:
    with _bus.lock:
        if listeners.discovered or _bus.discovering:  # a listener's module may itself run a flow while it is imported
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
            listeners.discovered, _bus.discovering = True, False


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
        return f"none of its functions is marked @hookimpl. Hooks are {', '.join(_EVENTS)}."
    for caller in callers:
        if not caller.has_spec():
            return f"there is no hook {caller.name!r}. Hooks are {', '.join(_EVENTS)}."
        if any(found.wrapper or found.hookwrapper for found in caller.get_hookimpls() if found.plugin is listener):
            return f"{caller.name} is a wrapper, and events have nothing to wrap. Take wrapper=True away."
    return None
