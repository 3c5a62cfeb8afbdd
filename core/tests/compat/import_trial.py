"""A program: imports each line that it is given in a process that has imported nothing of holdall, and says how it went.

Standard input has the lines as JSON, standard output gets for each the error, if any, and the warnings. The processes are
forks of this one, so that what one line imports hides no warning from the next; what holdall stands on is imported once.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from importlib import import_module
from typing import Any

# Slow to import, and none of it is holdall.
import cloudpickle  # noqa: F401 - imported for the forks
import hypothesis  # noqa: F401 - as above
import pytest  # noqa: F401 - as above
from pydantic import BaseModel, PrivateAttr, SecretStr, model_validator  # noqa: F401 - as above


class Warm(BaseModel):
    """pydantic imports most of itself when the first class is made."""

    field: str | None = None
    secret: SecretStr | None = None


PLACE = re.compile(r"\bholdall(?:\.\w+)+")


def attempted(line: str, /) -> dict[str, Any]:
    """What importing the line does. `places` are the dotted names in its warnings that lead to the same."""
    module, _, name = line.partition(":")
    error = None
    found: object = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = imported(module, name)
        except (ImportError, AttributeError) as failure:
            error = f"{type(failure).__name__}: {failure}"
    given = [(each.category.__name__, str(each.message)) for each in caught]
    old = f"{module}.{name}" if name else module
    with warnings.catch_warnings(action="error"):
        places = {
            place: leads_to(place) is found or not name
            for _, text in given
            for place in PLACE.findall(text)
            if place not in {old, module}
        }
    return {"error": error, "warnings": given, "places": sorted(place for place, same in places.items() if same)}


def imported(module: str, name: str, /) -> object:
    """As the statement does it: `import module`, or `from module import name`."""
    space: dict[str, object] = {}
    exec(f"from {module} import {name} as found" if name else f"import {module} as found", space)  # noqa: S102 - ours
    return space["found"]


def leads_to(place: str, /) -> object:
    """The module or the object of that dotted name; None where there is no such."""
    module, _, name = place.rpartition(".")
    try:
        return import_module(place)
    except ImportError:
        pass
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None


def apart(line: str, /) -> dict[str, Any]:
    """The outcome of the line in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, "w") as pipe:
            json.dump(attempted(line), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    outcome: dict[str, Any] = json.loads(text)
    return outcome


if __name__ == "__main__":
    json.dump({line: apart(line) for line in json.load(sys.stdin)}, sys.stdout)
