"""Lock manager of a storage: the one that the settings name, or the built-in one that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdall.abc.lock import LEASE_SECONDS
from holdall.errors import ConfigurationError, HoldallError, PluginBrokenError, describe_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from holdall.abc.lock import LockManager
    from holdall.storage.guard import GuardedStorage

    class LockSettings(Protocol):
        """The settings that are read here."""

        @property
        def locks(self) -> str | None:
            """The slug of a lock manager; None: by the storage."""

        @property
        def results_lease_seconds(self) -> float:
            """Seconds until a lease of a dead holder expires."""

        @property
        def plugins_prefer(self) -> Mapping[str, str]:
            """Which distribution provides a slug that several claim."""


def lock_manager(storage: GuardedStorage, settings: LockSettings | None = None, /) -> LockManager | None:
    """Returns the manager of locks on keys of the storage, between processes; None if the storage cannot lock.

    If `settings` name none, or are None, it locks by a file for each key in a local folder, and by leases if an object
    can be created atomically.

    Raises:
        ConfigurationError: No plugin has the slug that the settings name, or that manager cannot lock in this storage.
        PluginError: The plugin is missing, broken or in conflict with another.
    """
    chosen = None if settings is None else settings.locks
    slug = chosen if chosen is not None else _fitting(storage)
    if slug is None:
        return None
    cls = _class(slug, None if settings is None else settings.plugins_prefer)
    seconds = LEASE_SECONDS if settings is None else settings.results_lease_seconds
    try:
        found = cls.for_storage(storage, lease_seconds=seconds)
    except HoldallError:
        raise
    except Exception as error:  # the boundary to plugins
        raise PluginBrokenError(
            f"The lock manager {slug!r} ({cls.__module__}.{cls.__qualname__}) cannot be made: {describe_error(error)}. Upgrade "
            "the plugin that it comes with, or unset HOLDALL_LOCKS."
        ) from error
    if found is None and chosen is not None:
        raise ConfigurationError(
            f"The lock manager {slug!r}, which HOLDALL_LOCKS or the key locks of a configuration file asks for, cannot lock "
            f"keys of {storage.block_slug or storage.slug}. Unset it, so that each storage has the locks that fit it, or "
            "name another one."
        )
    return found


def _fitting(storage: GuardedStorage) -> str | None:
    if storage.lock_path is not None:
        return "file"
    return "lease" if storage.atomic_create else None


def _class(slug: str, prefer: Mapping[str, str] | None) -> type[LockManager]:
    if slug == "file":
        from holdall.builtin.filelock import FileLockManager

        return FileLockManager
    if slug == "lease":
        from holdall.builtin.leases.manager import LeaseManager

        return LeaseManager
    from holdall.plugins import registry

    return registry.load("locks", slug, prefer=prefer)
