"""What a string that names a storage is: URL, path or slug, by its form alone, so that a misspelt slug is no folder."""

from __future__ import annotations

import re
from typing import Final, Literal

from holdall.errors import ConfigurationError

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH_STARTS = ("/", "./", "../", "~", "\\\\", ".\\", "..\\")
_TYPES: Final = {"abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs"}


def form(text: str, /) -> Literal["url", "path", "slug"]:
    """`url` with `://`, `path` with the beginning of one, else `slug`."""
    if _DRIVE.match(text) or text in {".", ".."} or text.startswith(_PATH_STARTS):
        return "path"
    return "url" if "://" in text else "slug"


def type_slug(url: str, /) -> str:
    """The storage type that a URL's scheme belongs to: the type of that name, or the one that it is an alias of."""
    if not _SCHEME.match(url):
        raise ConfigurationError(f"{without_credentials(url)!r} is no URL: it begins with no scheme, as s3:// does.")
    scheme = url.partition("://")[0].lower()
    return _TYPES.get(scheme, scheme)


def file_path(url: str, /) -> str | None:
    """The absolute path of a `file://` URL, None for any other."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() != "file":
        return None
    from urllib.parse import unquote  # noqa: PLC0415 - for these URLs only

    host, slash, path = rest.partition("/")
    if host not in {"", "localhost"} or not slash:
        raise ConfigurationError(
            f"{url!r} cannot be a storage: a file URL has three slashes and an absolute path, as file:///data/results. "
            "A relative path is written ./results."
        )
    path = unquote(path)
    return path if _DRIVE.match(path) else f"/{path}"


def without_credentials(url: str, /) -> str:
    """The URL without what stands before an `@` in its host part, and without its query."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    return f"{scheme}{separator}{'…@' if at else ''}{host}{slash}{path.partition('?')[0]}"
