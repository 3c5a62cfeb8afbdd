"""Options that a block passes to a library: secrets among them, and their stored form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET = re.compile(
    r"(?i)^key$|^pass$|^pwd$|secret|passw|passphrase|token|credential|connection_string|"
    r"(account|access|api|private|encryption|customer)_?key|^sas"
)


def secret_names(settings: Mapping[str, Any], /) -> Iterator[str]:
    """Yields the names of options, at any depth, that suggest secrets."""
    for name, value in settings.items():
        if _SECRET.search(str(name)):
            yield str(name)
        if isinstance(value, Mapping):
            yield from secret_names(value)


def as_json(value: Any, /, *, field: str | None = "secret_settings") -> Any:
    """Returns secret options as JSON, the text of a `SecretStr`.

    Raises:
        ValueError: the value is neither a mapping nor a JSON object.
    """
    if isinstance(value, Mapping):
        return json.dumps({name: _revealed(secret) for name, secret in value.items()})
    if value is not None:
        text = _revealed(value)
        try:
            is_mapping = isinstance(json.loads(text), dict)
        except (TypeError, ValueError):
            is_mapping = False
        if not is_mapping:
            raise ValueError(f"{field} must be a mapping, or a JSON object")
    return value


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
