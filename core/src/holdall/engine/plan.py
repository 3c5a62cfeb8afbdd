"""Execution plan of a task or flow in one context: its resolution, its store, and the path that a call may take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from holdall.abc.codec import Codec
from holdall.abc.storage import Storage
from holdall.blocks import urls
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.declaration.resolution import resolve
from holdall.errors import ConfigurationError, PersistenceRequiredError, StorageError
from holdall.results.store import ResultStore
from holdall.storage.guard import guard

if TYPE_CHECKING:
    from holdall.abc.block import StorageBlock
    from holdall.declaration.definition import AnyDefinition
    from holdall.declaration.options import Options
    from holdall.declaration.resolution import Resolution
    from holdall.engine.run import Run, Session
    from holdall.types import OnFailure


class ExecutionPlan:
    """How a task or flow runs in one context.

    `on_failure` is the more lenient of what the block and the options say.
    `simple`: a task with nothing to look up or to retry. `may_hit`: a task that may have a cached result.
    """

    __slots__ = ("may_hit", "on_failure", "resolution", "simple", "store")

    def __init__(self, options: Options, resolution: Resolution, store: ResultStore | None) -> None:
        self.resolution = resolution
        self.store = store
        declared = (options.on_storage_error, "raise" if store is None else store.on_failure)
        self.on_failure: OnFailure = "run" if "run" in declared else "spool" if "spool" in declared else "raise"
        unnamed = resolution.kind == "task" and options.result_storage_key is None
        self.simple = unnamed and not resolution.needs
        self.may_hit = unnamed and store is not None and options.caching is not None and not options.refresh_cache


def make_plan(definition: AnyDefinition, parent: Run | None, session: Session) -> ExecutionPlan:
    """Resolves the options, looks up storage and serializer, and refuses what cannot work before a body runs.

    Raises:
        PersistenceRequiredError: caching with `persist_result=False`.
        UnknownBlockError, UnknownSerializerError, PluginError, ConfigurationError: the storage or the serializer cannot be used.
    """
    options = definition.options
    resolution = resolve(definition.kind, options, parent.scope if parent is not None else None, session.settings)
    if options.caching is not None and resolution.forbidden:
        raise PersistenceRequiredError(refusal(resolution, options.caching))
    if not resolution.persist.value:
        return ExecutionPlan(options, resolution, None)
    store = make_store(resolution, session)
    # A cached call may be a hit, which is not signed; and a result stored for retries alone never makes a run fail.
    if options.caching is None and not resolution.for_retries_alone:
        store.check_signer()
    plan = ExecutionPlan(options, resolution, store)
    try:
        store.storage.check_place()
    except StorageError as error:
        # With on_failure the body runs all the same: the storage may work again when it is done.
        if plan.on_failure == "raise" and not resolution.for_retries_alone:
            raise ConfigurationError(
                f"{error} Nothing was run. Give another result_storage, or clear this one."
            ) from error
    return plan


def refusal(resolution: Resolution, need: str) -> str:
    """Returns the message for a need that `persist_result=False` makes impossible."""
    subject = f"The {resolution.kind} {resolution.name!r}"
    return (
        f"{subject} has {need}, which needs its result to be kept, and {resolution.persist.reason}. "
        f"Set persist_result=True on it, give it a result_storage, or drop {need}; "
        f"print({resolution.name}.explain()) shows every rule."
    )


def make_store(resolution: Resolution, session: Session) -> ResultStore:
    """Returns the result store for the resolved storage and serializer, one per session."""
    storage, serializer = resolution.storage.value, resolution.serializer.value
    key = (_cache_entry_key(storage), _cache_entry_key(serializer))
    entry = session.stores.get(key)
    if entry is None:
        opened = make_storage(storage, session)
        store = ResultStore(opened, _codec(serializer), settings=session.settings)
        if store.policy.no_pickle and store.codec.trusted_only:
            raise ConfigurationError(
                f"The {resolution.kind} {resolution.name!r} keeps its result as {store.codec.slug}, which may run code when "
                f"it is read, and {store.label} takes nothing of that kind (no_pickle of the block, or "
                'HOLDALL_RESULTS_NO_PICKLE). Give it another serializer, as result_serializer="auto" or "json".'
            )
        store.codec.check()
        # The entry holds the values: their ids are unique while they live.
        entry = session.stores[key] = (store, (storage, serializer))
    return entry[0]


def _cache_entry_key(value: Any) -> Any:
    return value if isinstance(value, (str, os.PathLike)) else id(value)


def make_storage(value: Any, session: Session) -> Storage:
    """Returns the storage that a `result_storage` value stands for."""
    if isinstance(value, (str, os.PathLike)):
        path = urls.path(value, session.directory)
        if path is not None:
            return Directory(path)
        from holdall.blocks.values import from_value

        storage = from_value(value, settings=session.settings, directory=session.directory)
    elif isinstance(value, Storage):
        storage = guard(value).resolved(session.directory).inner
    else:
        raise ConfigurationError(
            f"result_storage is a slug as 's3/prod', a block as LocalFileSystem(basepath='results'), a path or a URL, "
            f"not {_describe(value)}."
        )
    if hasattr(storage, "secret_values"):
        from holdall.blocks.reopen import remember

        remember(cast("StorageBlock", storage), session.settings)
    return storage


def _codec(value: Any) -> Codec:
    if isinstance(value, str) and value == "pickle":
        return PickleCodec()
    if isinstance(value, str):
        from holdall.plugins import registry

        return registry.serializer(value)
    if isinstance(value, Codec):
        return value
    raise ConfigurationError(
        f"result_serializer is a name as 'json' or 'compressed/pickle', or a serializer as "
        f"JSONSerializer(jsonlib='orjson'), not {_describe(value)}."
    )


def _describe(value: Any) -> str:
    """Describes a value of a wrong type; a class instead of an instance is the most common mistake."""
    if isinstance(value, type):
        return f"the class {value.__name__}: make an instance, {value.__name__}(…)"
    return f"a value of type {type(value).__name__}"
