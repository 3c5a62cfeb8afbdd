"""Storages from the values that options and commands take: a block, a path, a URL or a slug."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from holdall._pydantic_errors import describe
from holdall.abc.storage import Storage
from holdall.blocks import urls
from holdall.blocks.lookup import block_class, find
from holdall.errors import ConfigurationError, PluginError, UnknownBlockError
from holdall.plugins import registry
from holdall.security.redact import masked
from holdall.storage.guard import guard

if TYPE_CHECKING:
    from holdall.abc import StorageBlock
    from holdall.settings.model import Settings


def from_value(value: Any, *, settings: Settings, directory: str) -> Storage:
    """Returns the storage that a `result_storage` option means.

    Args:
        value: A block or another storage; a `pathlib.Path`; or a string, read by its form alone: with `://` a URL,
            beginning with `/`, `./`, `../`, `~` or a drive a path, and every other string a slug.
        settings: Where slugs are looked up.
        directory: What relative paths are relative to.

    Raises:
        ConfigurationError: It is none of these, or the URL does not fit the block that its scheme belongs to.
        UnknownBlockError, PluginError, CatalogError: As `lookup.find`.
    """
    if isinstance(value, Storage):
        return _resolved(value, directory)
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text.strip():
        made = f" Make an instance: {value.__name__}(…)." if isinstance(value, type) else ""
        raise ConfigurationError(
            f"{masked(value)!r} cannot be a storage.{made} A storage is a block such as LocalFileSystem(basepath='results'), a "
            "pathlib.Path, or a string: a slug (s3/prod), a path (./results) or a URL (s3://bucket/prefix)."
        )
    path = urls.path(value, directory)
    if path is not None:
        return _folder(path)
    urls.refuse_secret(text)
    storage = _at_url(text, settings) if urls.form(text) == "url" else find(text, settings)
    return _resolved(storage, directory)


def _resolved(storage: Storage, directory: str) -> Storage:
    resolved = guard(storage).resolved(directory).inner
    if storage.block_slug is None or resolved.block_slug is not None or not isinstance(resolved, type(storage)):
        return resolved
    # A copy with an absolute path is still the block of that name.
    return cast("StorageBlock", resolved).with_slug(storage.block_slug)


def _folder(path: str) -> Storage:
    from holdall.builtin.local.directory import Directory

    return Directory(path)


def _at_url(url: str, settings: Settings) -> Storage:
    path = urls.file_path(url)
    if path is not None:
        return _folder(os.path.normpath(path))
    kind = urls.type_slug(url)
    try:
        registry.find("storage", kind, prefer=settings.plugins_prefer)
    except UnknownBlockError:
        if "fsspec" not in registry.names("storage"):
            raise ConfigurationError(
                f"{url!r} cannot be a storage: {urls.unknown_scheme(url, registry.names('storage'))}"
            ) from None
        kind = "fsspec"  # which speaks every scheme that no plugin of ours has for itself
    except PluginError:
        pass  # said below, with what it was for
    cls = block_class(kind, settings, f"{url!r} cannot be a storage")
    try:
        return cls.from_url(url)
    except ValueError as error:
        raise ConfigurationError(f"{url!r} cannot be a storage: {describe(error)}") from None
