"""What a string that names a storage is: URL, path or slug, by its form alone, so that a misspelt slug is no folder."""

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
    """`url` with `://`, `path` with the beginning of one, else `slug`."""
    if _DRIVE.match(text) or text in {".", ".."} or text.startswith(_PATH_STARTS):
        return "path"
    return "url" if "://" in text else "slug"


def path(value: str | os.PathLike[str], directory: str, /) -> str | None:
    """The absolute path that a storage value means, `~` worked out; None for a URL and a slug.

    Raises:
        ConfigurationError: it is a URL that went through `pathlib`, or the `~` of nobody.
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
    """Raises `ConfigurationError`, which does not repeat it, where a place comes with a password or a key in it."""
    if has_secret(text):
        raise ConfigurationError(
            f"{shown(text)!r} cannot be a storage: it holds a password or a key, which would be shown and stored. Give a "
            "block that has the secret in a field of its own (such as secret_settings of FsspecFileSystem), or save or "
            "configure one and give its slug."
        )


def type_slug(url: str, /) -> str:
    """The storage type that a URL's scheme belongs to: the type of that name, or the one that it is an alias of."""
    if not _SCHEME.match(url):
        raise ConfigurationError(f"{shown(url)!r} is no URL: it begins with no scheme, as s3:// does.")
    scheme = url.partition("://")[0].lower()
    return _TYPES.get(scheme, scheme)


def unknown_scheme(url: str, types: list[str], /) -> str:
    """What to say of a scheme that no storage type has, as a sentence: the nearest, those that are known, the way out."""
    scheme = url.partition("://")[0].lower()
    known = sorted({"file", "gs", "s3", *_TYPES, *types} - {"gcs", "azure", "obstore", "local-file-system"})
    near = suggest(scheme, known, cutoff=0.5)
    hint = f"Did you mean {near}://? " if near else ""
    return (
        f"no storage speaks {scheme}://. {hint}Known: {', '.join(f'{each}://' for each in known)}. What fsspec speaks, "
        "as sftp://, comes with holdall-fsspec: pip install holdall-fsspec."
    )


def file_path(url: str, /) -> str | None:
    """The absolute path of a `file://` URL, None for any other."""
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
