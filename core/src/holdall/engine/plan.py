"""Execution plan of a definition at one place: its resolution, the store, and the path that a call may take."""

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
from holdall.results.policy import policy_of
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
    """How one task or flow runs at one place.

    `on_failure` is what the block and the options say, whichever lets the run go on for longer.
    `simple`: a task with nothing to look up or to retry. `may_hit`: a task that may have a cached result.
    """

    __slots__ = ("may_hit", "on_failure", "resolution", "simple", "store")

    def __init__(self, options: Options, resolution: Resolution, store: ResultStore | None) -> None:
        self.resolution = resolution
        self.store = store
        said = (options.on_storage_error, "raise" if store is None else store.on_failure)
        self.on_failure: OnFailure = "run" if "run" in said else "spool" if "spool" in said else "raise"
        unnamed = resolution.kind == "task" and options.result_storage_key is None
        self.simple = unnamed and not resolution.needs
        self.may_hit = unnamed and store is not None and options.caching is not None and not options.refresh_cache


def make_plan(definition: AnyDefinition, parent: Run | None, session: Session) -> ExecutionPlan:
    """Resolves, refuses what cannot work, and looks up block and serializer: all before a body runs.

    Raises:
        PersistenceRequiredError: caching with `persist_result=False`.
        UnknownBlockError, UnknownSerializerError, PluginError, ConfigurationError: the place or the format.
    """
    options = definition.options
    resolution = resolve(definition.kind, options, parent.scope if parent is not None else None, session.settings)
    if options.caching is not None and resolution.forbidden:
        raise PersistenceRequiredError(refusal(resolution, options.caching))
    if not resolution.persist.value:
        return ExecutionPlan(options, resolution, None)
    store = make_store(resolution, session)
    # A cached call may be a hit, for which nobody signs; and what is kept for retries alone is never the reason to fail.
    if options.caching is None and not resolution.for_retries_alone:
        store.check_signer()
    plan = ExecutionPlan(options, resolution, store)
    try:
        store.storage.check_place()
    except StorageError as error:
        # Whoever asked for its work to be done in spite of its storage has it done: it may be better by then.
        if plan.on_failure == "raise" and not resolution.for_retries_alone:
            raise ConfigurationError(
                f"{error} Nothing was run. Give another result_storage, or clear this one."
            ) from error
    return plan


def refusal(resolution: Resolution, need: str) -> str:
    what = f"The {resolution.kind} {resolution.name!r}"
    return (
        f"{what} has {need}, which needs its result to be kept, and {resolution.persist.reason}. "
        f"Set persist_result=True on it, give it a result_storage, or drop {need}; "
        f"print({resolution.name}.explain()) shows every rule."
    )


def make_store(resolution: Resolution, session: Session) -> ResultStore:
    storage, serializer = resolution.storage.value, resolution.serializer.value
    key = (_by_value(storage), _by_value(serializer))
    found = session.stores.get(key)
    if found is None:
        where = make_storage(storage, session)
        store = ResultStore(where, _codec(serializer), policy=policy_of(where, session.settings))
        if store.policy.no_pickle and store.codec.trusted_only:
            raise ConfigurationError(
                f"The {resolution.kind} {resolution.name!r} keeps its result as {store.codec.slug}, which may run code when "
                f"it is read, and {store.label} takes nothing of that kind (no_pickle of the block, or "
                'HOLDALL_RESULTS_NO_PICKLE). Give it another serializer, as result_serializer="auto" or "json".'
            )
        store.codec.check()
        # The values stay alive with the entry: an id is theirs alone for as long.
        found = session.stores[key] = (store, (storage, serializer))
    return found[0]


def _by_value(value: Any) -> Any:
    return value if isinstance(value, (str, os.PathLike)) else id(value)


def make_storage(value: Any, session: Session) -> Storage:
    if isinstance(value, (str, os.PathLike)):
        path = urls.path(value, session.directory)
        if path is not None:
            return Directory(path)
        from holdall.blocks import lookup as blocks

        storage = blocks.from_value(value, settings=session.settings, directory=session.directory)
    elif isinstance(value, Storage):
        storage = guard(value).resolved(session.directory).inner
    else:
        raise ConfigurationError(
            f"result_storage is a slug as 's3/prod', a block as LocalFileSystem(basepath='results'), a path or a URL, "
            f"not {_what(value)}."
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
        f"JSONSerializer(jsonlib='orjson'), not {_what(value)}."
    )


def _what(value: Any) -> str:
    """The mistake in words; the class in the place of an instance is the most common."""
    if isinstance(value, type):
        return f"the class {value.__name__}: make an instance, {value.__name__}(…)"
    return f"a value of type {type(value).__name__}"
