"""Storage blocks by class name: `LocalFileSystem`, `MemoryFileSystem`, and those of installed plugins.

`S3`, `GCS`, `Azure` and `RemoteFileSystem` (any fsspec URL) come with plugins: where one is not installed, importing
its name raises `PluginMissingError` with the install line. Every other installed storage has its class name here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdall.builtin.local.block import LocalFileSystem
    from holdall.builtin.memory import MemoryFileSystem

__all__ = ["LocalFileSystem", "MemoryFileSystem"]

_BUILTIN = {
    "LocalFileSystem": "holdall.builtin.local.block",
    "MemoryFileSystem": "holdall.builtin.memory",
}
# Names that stay whatever the class behind the slug is called.
_ALIASES = {"Azure": "azure", "GCS": "gcs", "RemoteFileSystem": "fsspec", "S3": "s3"}


def __getattr__(name: str) -> Any:
    from holdall.plugins import lazy_names

    return lazy_names.resolve(__name__, "storage", _BUILTIN, _ALIASES, name)


def __dir__() -> list[str]:
    from holdall.plugins import lazy_names

    return lazy_names.listed("storage", _BUILTIN)
