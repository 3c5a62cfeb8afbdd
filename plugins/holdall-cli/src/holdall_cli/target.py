"""Import of the task or flow that a user names on the command line."""

from __future__ import annotations

import inspect
import os
import sys
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pkgutil import iter_modules
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from holdall.declaration.definition import Definition
from holdall.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    AnyUnit = Definition[Any, Any]


def load_target(text: str, /) -> AnyUnit:
    """Imports the task or flow at `module:name` or `path/to/file.py:name`; a name may go on, as in `Class.method`.

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
            near = get_close_matches(name, units, n=1)
            hint = f"Did you mean {place}:{near[0]}?" if near else _inventory(units)
            raise ConfigurationError(f"{place} has no {name!r}. {hint}")
        value = getattr(value, part)
    if not isinstance(value, Definition):
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
        near = get_close_matches(error.name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else " A file is named by its path: path/to/file.py:name."
        raise ConfigurationError(
            f"There is no module {error.name!r}, in {os.getcwd()} or among what is installed.{hint}"
        ) from error
    return sys.modules[name]


def _module_of_file(path: str) -> ModuleType:
    full = os.path.realpath(path)
    if not os.path.isfile(full):
        folder = os.path.dirname(full)
        files = [each for each in os.listdir(folder) if each.endswith(".py")] if os.path.isdir(folder) else []
        near = get_close_matches(os.path.basename(path), files, n=1)
        hint = f" Did you mean {os.path.join(os.path.dirname(path), near[0])}?" if near else ""
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
    return {name: value for name, value in vars(module).items() if isinstance(value, Definition)}


def _inventory(units: dict[str, AnyUnit]) -> str:
    return f"It has {', '.join(f'{each.kind} {name}' for name, each in units.items()) or 'no tasks and no flows'}."
