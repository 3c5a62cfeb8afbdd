"""Where the results of a flow and of the tasks inside it will be kept, and why, without running any of them."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pkgutil import iter_modules
from traceback import extract_tb
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, get_origin, get_type_hints

from holdall.declaration.definition import Unit
from holdall.declaration.resolution import Resolution, Scope, resolve
from holdall.errors import ConfigurationError
from holdall.settings import model as settings
from holdall.suggest import suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    AnyUnit = Unit[Any, Any]
    Inner = Callable[[AnyUnit], Sequence[AnyUnit]]


def tasks_named_by(unit: AnyUnit, /) -> list[AnyUnit]:
    """The tasks and flows that the body names, in the order in which it does so.

    Looked for in what the function's code refers to: globals, closures, attributes of modules and classes, methods of
    its own class, members of a global list or dict, and all that in functions defined inside it. What a body receives
    as an argument, imports itself or looks up by text is not seen.
    """
    function = inspect.unwrap(unit.fn)
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    if not hasattr(function, "__code__"):
        function = type(function).__call__  # an instance that can be called
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    found: dict[AnyUnit, None] = {}
    for value in _referred(function, code):
        for each in _units_in(value):
            if each.fn is not unit.fn and each not in found:
                found[each] = None
    return list(found)


def explanation(unit: AnyUnit, /, *, around: Sequence[AnyUnit] = (), inner: Inner = tasks_named_by) -> list[Resolution]:
    """The unit first, then what it calls, what these call, and so on, each with the flows that are around it there.

    `around` are the flows that the unit itself is called from, from the outermost in. `inner` says what a unit calls.
    """
    found = settings.current(os.getcwd())
    scope: Scope | None = None
    for flow in around:
        scope = resolve(flow.kind, flow.options, scope, found).scope(flow.options, scope)
    out: list[Resolution] = []
    seen: set[tuple[AnyUnit, ...]] = set()

    def visit(each: AnyUnit, scope: Scope | None, flows: tuple[AnyUnit, ...], path: tuple[AnyUnit, ...]) -> None:
        if (*flows, each) in seen or each in path:
            return
        seen.add((*flows, each))
        resolution = resolve(each.kind, each.options, scope, found)
        out.append(with_notes(resolution, each))
        if each.kind == "flow":
            scope, flows = resolution.scope(each.options, scope), (*flows, each)
        for child in inner(each):
            visit(child, scope, flows, (*path, each))

    visit(unit, scope, tuple(around), ())
    return out


def with_notes(resolution: Resolution, unit: AnyUnit, /) -> Resolution:
    """The resolution, and what only the function itself tells: the serializer that `auto` takes, what its key misses."""
    return replace(with_choice(resolution, unit), not_counted=_not_counted(unit))


def _not_counted(unit: AnyUnit) -> tuple[str, ...]:
    if unit.options.caching != "cache_policy":
        return ()
    from holdall.cache.digest import Walk
    from holdall.cache.parts import Code

    found: dict[str, None] = {}
    for part in getattr(unit.options.cache_policy, "parts", ()):
        if isinstance(part, Code):
            for each in unit.identity.reach(part).unfollowed(Walk()):
                found[f"{each.where}: {each.expression} {each.reason}"] = None
    return tuple(found)


def with_choice(resolution: Resolution, unit: AnyUnit, /) -> Resolution:
    """Where the serializer is chosen by the value: what the annotation of the returned one leads to here."""
    decision = resolution.serializer
    if not resolution.persist.value or getattr(decision.value, "slug", decision.value) != "auto":
        return resolution
    from holdall.builtin import candidates

    kind = _returned(unit)
    said = "it chooses by each value" if kind is None else candidates.reason(kind)
    return replace(resolution, serializer=replace(decision, reason=f"{decision.reason}; {said}"))


def _returned(unit: AnyUnit) -> type | None:
    """The class that the body says it returns, if it says one."""
    try:
        hint = get_type_hints(inspect.unwrap(unit.fn)).get("return")
    except (NameError, TypeError, AttributeError):  # names that only a type checker knows
        return None
    kind = get_origin(hint) or hint
    return kind if isinstance(kind, type) and kind not in {type(None), object, Any} else None


def load_target(text: str, /) -> AnyUnit:
    """The task or flow at `module:name` or `path/to/file.py:name`; a name may go on, as in `Class.method`.

    Imports it, as its own program would: with the working directory, or the file's folder, first on `sys.path`.

    Raises:
        ConfigurationError: with what was found, and the nearest of what there is.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        hint = (
            "." if colon or not text else f", as {text}:my_flow." if not text.endswith(".py") else f": {text}:my_flow."
        )
        raise ConfigurationError(
            f"{text!r} does not say which task or flow. Write module:name or path/to/file.py:name{hint}"
        )
    module = _module_of_file(place) if place.endswith(".py") or os.sep in place else _module(place)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            units = _units_of(module)
            near = suggest(name, units)
            hint = f"Did you mean {place}:{near}?" if near else _inventory(units)
            raise ConfigurationError(f"{place} has no {name!r}. {hint}")
        value = getattr(value, part)
    if not isinstance(value, Unit):
        what = "is a function without @task or @flow" if inspect.isfunction(value) else f"is a {type(value).__name__}"
        raise ConfigurationError(f"{text} {what}, and no task or flow. {_inventory(_units_of(module))}")
    return value


def _module(name: str) -> ModuleType:
    _first_on_path(os.getcwd())
    try:
        _imported(name, partial(import_module, name))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        parent = error.name.rpartition(".")[0]
        folders = getattr(sys.modules.get(parent), "__path__", []) if parent else [os.getcwd()]
        known = [f"{parent}.{each.name}" if parent else each.name for each in iter_modules(folders)]
        near = suggest(error.name, known)
        hint = f" Did you mean {near}?" if near else " A file is named by its path: path/to/file.py:name."
        raise ConfigurationError(
            f"There is no module {error.name!r}, in {os.getcwd()} or among what is installed.{hint}"
        ) from error
    return sys.modules[name]


def _module_of_file(path: str) -> ModuleType:
    full = os.path.realpath(path)
    if not os.path.isfile(full):
        folder = os.path.dirname(full)
        files = [each for each in os.listdir(folder) if each.endswith(".py")] if os.path.isdir(folder) else []
        near = suggest(os.path.basename(path), files)
        hint = f" Did you mean {os.path.join(os.path.dirname(path), near)}?" if near else ""
        raise ConfigurationError(f"There is no file {path}.{hint}")
    _first_on_path(os.path.dirname(full))
    name = os.path.splitext(os.path.basename(full))[0]
    loaded = sys.modules.get(name)
    if loaded is not None:
        if os.path.realpath(getattr(loaded, "__file__", None) or "") == full:
            return loaded
        name = f"{name} ({full})"  # its own name is another module's here; no import statement can ask for this one
    spec = spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python source file. Write path/to/file.py:name.")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        _imported(path, partial(spec.loader.exec_module, module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _imported(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except ModuleNotFoundError as error:
        if error.name is not None and f"{what}.".startswith(f"{error.name}."):
            raise  # it is the one that was asked for
        raise _broken(what, error) from error
    except (Exception, SystemExit) as error:  # whatever a user's module raises when it is imported
        raise _broken(what, error) from error


def _broken(what: str, error: BaseException) -> ConfigurationError:
    # The last place in the user's own code; imports add frames of the import system's own.
    frames = [each for each in extract_tb(error.__traceback__) if not each.filename.startswith("<")]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}, line {error.lineno})"
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return ConfigurationError(f"Importing {what} failed with {type(error).__name__}: {said}{where}.")


def _first_on_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _units_of(module: ModuleType) -> dict[str, AnyUnit]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Unit)}


def _inventory(units: dict[str, AnyUnit]) -> str:
    return f"It has {', '.join(f'{each.kind} {name}' for name, each in units.items()) or 'no tasks and no flows'}."


def _referred(function: Any, code: CodeType) -> Iterator[Any]:
    values = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    space = function.__globals__
    owner = _owner(function)
    for names, free in _names(code):
        for name in free:
            if name in values:
                yield values[name]
                yield from _attributes(values[name], names)
        for name in names:
            value = space.get(name)
            yield value
            yield from _attributes(value, names)
        if owner is not None:
            yield from _attributes(owner, names)


def _names(code: CodeType) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    yield code.co_names, code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _owner(function: Any) -> object:
    """The class that a method is written in."""
    owner, _, _ = function.__qualname__.rpartition(".")
    value: Any = sys.modules.get(function.__module__)
    for part in owner.split(".") if owner else ():
        value = getattr(value, part, None)
    return value if isinstance(value, type) else None


def _attributes(value: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, ModuleType | type):
        for name in names:
            # A module may load something when it is asked, which looking must not do.
            yield inspect.getattr_static(value, name, None)


def _units_in(value: Any) -> Iterator[AnyUnit]:
    if isinstance(value, Unit):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (each for each in value if isinstance(each, Unit))
    elif isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, Unit))
