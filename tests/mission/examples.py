"""The examples by name, as users read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from holdall import ResultLiteral

_TEXT = Path(__file__).with_name("blocks.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)^```$", _TEXT, re.DOTALL | re.MULTILINE))


def run(name: str, /, *, module: str | None = None) -> dict[str, Any]:
    """Execute an example as it stands, call its flow where it has one, and return its names.

    Without `module` its functions belong to no module at all, which is the least that an engine may count on.
    """
    namespace: dict[str, Any] = {"ResultLiteral": ResultLiteral}
    if module is not None:
        namespace["__name__"] = module
    exec(compile(EXAMPLES[name], f"<{name}>", "exec"), namespace)  # noqa: S102 - the examples are this tree's own
    if "my_flow" in namespace:
        namespace["returned"] = namespace["my_flow"]()
    return namespace
