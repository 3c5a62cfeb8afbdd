"""Form of a string that names a storage: URL, path or slug, so that a misspelled slug does not become a folder."""

from __future__ import annotations

import os
import re
from typing import Final, Literal

from holdall.errors import ConfigurationError
from holdall.security.redact import has_secret, shown
from holdall.suggest import suggest

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH_STARTS = ("/", "./", "../", "~", "\\\\", ".\\", "..\\")
_URL_AS_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::[A-Za-z][A-Za-z0-9+.-]+)*:/")
_TYPES: Final = {"abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs"}


def form(text: str, /) -> Literal["url", "path", "slug"]:
    """Returns `url` for a string with `://`, `path` for one that begins as a path, else `slug`."""
    if _DRIVE.match(text) or text in {".", ".."} or text.startswith(_PATH_STARTS):
        return "path"
    return "url" if "://" in text else "slug"


def path(value: str | os.PathLike[str], directory: str, /) -> str | None:
    """Returns the absolute path that a storage value means, `~` expanded; None for a URL and a slug.

    Raises:
        ConfigurationError: It is a URL that went through `pathlib`, or the `~` of an unknown user.
    """
    text = os.fspath(value)
    if isinstance(value, os.PathLike):
        if not isinstance(text, str):
            raise ConfigurationError(f"{value!r} cannot be a storage: its path is {type(text).__name__}, and not text.")
        if _URL_AS_PATH.match(text):
            raise ConfigurationError(
                f"Path({shown(text)!r}) cannot be a storage: pathlib has made a path of a URL. Give the URL as a string, "
                f"as '{text.partition(':/')[0]}://…'; a folder of that name is Path('./…')."
            )
    elif form(text) != "path":
        return None
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise ConfigurationError(
            f"{text!r} cannot be a storage: this machine knows no home folder for it. Give the folder itself, or write "
            "./~name for a name that starts so."
        )
    return os.path.normpath(os.path.join(directory, expanded))


def refuse_secret(text: str, /) -> None:
    """Refuses a location with a password or a key in it.

    Raises:
        ConfigurationError: The message does not repeat the secret.
    """
    if has_secret(text):
        raise ConfigurationError(
            f"{shown(text)!r} cannot be a storage: it holds a password or a key, which would be shown and stored. Give a "
            "block that has the secret in a field of its own (such as secret_settings of FsspecFileSystem), or save or "
            "configure one and give its slug."
        )


def type_slug(url: str, /) -> str:
    """Returns the storage type of a URL's scheme: the type of that name, or the one that it is an alias of.

    Raises:
        ConfigurationError: It has no scheme.
    """
    if not _SCHEME.match(url):
        raise ConfigurationError(f"{shown(url)!r} is no URL: it begins with no scheme, as s3:// does.")
    scheme = url.partition("://")[0].lower()
    return _TYPES.get(scheme, scheme)


def unknown_scheme(url: str, types: list[str], /) -> str:
    """Returns the message for a scheme that no storage type has: the nearest, the known ones, what to install."""
    scheme = url.partition("://")[0].lower()
    known = sorted({"file", "gs", "s3", *_TYPES, *types} - {"gcs", "azure", "obstore", "local-file-system"})
    near = suggest(scheme, known, cutoff=0.5)
    hint = f"Did you mean {near}://? " if near else ""
    return (
        f"no storage speaks {scheme}://. {hint}Known: {', '.join(f'{each}://' for each in known)}. What fsspec speaks, "
        "as sftp://, comes with holdall-fsspec: pip install holdall-fsspec."
    )


def file_path(url: str, /) -> str | None:
    """Returns the absolute path of a `file://` URL, None for any other.

    Raises:
        ConfigurationError: The URL has a host or no absolute path.
    """
    scheme, _, rest = url.partition("://")
    if scheme.lower() != "file":
        return None
    from urllib.parse import unquote

    host, slash, path = rest.partition("/")
    if host not in {"", "localhost"} or not slash:
        raise ConfigurationError(
            f"{shown(url)!r} cannot be a storage: a file URL has three slashes and an absolute path, as file:///data/results. "
            "A relative path is written ./results."
        )
    path = unquote(path)
    return path if _DRIVE.match(path) else f"/{path}"
