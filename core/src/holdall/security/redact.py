"""Redaction of passwords and keys in the text of a storage: detection, and the text without them.

The one place that decides both: whatever refuses, prints or logs a place calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from re import Pattern

HIDDEN: Final = "…"
_PATH_STARTS: Final = ("/", "./", "../", "~", "\\", ".\\", "..\\")
_NAMES: Final = (
    r"(?:^|[-_.])(?:sig|sas|key|pass|pwd|auth|code|credentials?)$|signature|secret|passw|passphrase|token|security|"
    r"credential|connection_?string|(?:account|access|api|private|shared|encryption|customer|function)[-_]?key"
)


class _Patterns(NamedTuple):
    login: Pattern[str]
    schemes: Pattern[str]
    separators: Pattern[str]
    secret_name: Pattern[str]
    host: Pattern[str]


@cache
def _patterns() -> _Patterns:
    import re

    return _Patterns(
        # A colon before an @, where it is not that of a port: a password may hold any character, an @ and a slash too.
        login=re.compile(r"^[^/@]*?:(?!\d{1,5}(?:/|$)).*@", re.DOTALL),
        schemes=re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:::[A-Za-z][A-Za-z0-9+.-]*)*:/{1,2}"),
        separators=re.compile(r"[?&;#]"),
        secret_name=re.compile(_NAMES, re.IGNORECASE),
        host=re.compile(r"[A-Za-z0-9_.\[\]:-]*"),
    )


def has_secret(text: str, /) -> bool:
    """Returns whether the text names a place with a password before an `@`, or with a key among parameters.

    So does each URL in a chain (`simplecache::sftp://…`), and percent-encoded ones. A name without a password is no
    secret, and neither is anything in a plain path.
    """
    if (":" not in text and "=" not in text and "%" not in text) or text.startswith(_PATH_STARTS):
        return False
    from urllib.parse import unquote

    forms = {text, unquote(text), unquote(unquote(text))}
    return any(_has_login(form) or _has_key(form) for form in forms)


def _has_login(text: str) -> bool:
    patterns = _patterns()
    starts = [found.end() for found in patterns.schemes.finditer(text)]
    if not starts:
        return patterns.login.match(text) is not None and not any(map(str.isspace, text))
    ends = [*(found.start() for found in patterns.schemes.finditer(text)), len(text)][1:]
    if text[: starts[0]].lower().startswith("file:"):
        return False
    return any(patterns.login.match(text[start:end].lstrip("/")) for start, end in zip(starts, ends, strict=True))


def _has_key(text: str) -> bool:
    patterns = _patterns()
    for number, part in enumerate(patterns.separators.split(text)):
        name, equals, value = part.partition("=")
        # What begins with one is a connection string, or a folder of a table that is split by a column of that name.
        certain = number or ";" in text or name.strip().lower() in {"accountkey", "sharedaccesskey"}
        if equals and value and certain and "/" not in name and patterns.secret_name.search(name.strip()):
            return True
    return False


def shown(text: str, /) -> str:
    """Returns the text; if it holds a secret, only scheme, host and path as far as they can be told from the secret."""
    if not has_secret(text):
        return text
    found = _patterns().schemes.match(text)
    if found is None:
        return HIDDEN
    scheme, rest = found[0], text[found.end() :].lstrip("/")
    end = min((place for mark in "/?#;&" if (place := rest.find(mark)) >= 0), default=len(rest))
    _, at, host = rest[:end].rpartition("@")
    path = rest[end:]
    for mark in "?#;&":
        path = path.partition(mark)[0]
    # A password may hold a slash or a question mark: where an @ comes later, what is before it may be some of it.
    if "@" in rest[end:] or "%" in host or not _patterns().host.fullmatch(host):
        return f"{scheme}{HIDDEN}"
    server = f"{scheme}{f'{HIDDEN}@' if at else ''}{host}"
    return server if has_secret(f"{server}{path}") or "%" in path else f"{server}{path}"


def masked(value: Any, /) -> Any:
    """Returns the value with each text in it as by `shown`, through mappings, lists and tuples."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {key: masked(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(masked, value)) if type(value) in {list, tuple} else value
    return value


def holds_secret(value: Any, /) -> bool:
    """Returns whether a text in the value has a secret, through mappings, lists, tuples and sets."""
    if isinstance(value, str):
        return has_secret(value)
    if isinstance(value, Mapping):
        return any(map(holds_secret, value.values()))
    return isinstance(value, (list, tuple, set, frozenset)) and any(map(holds_secret, value))
