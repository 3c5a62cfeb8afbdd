"""A computed value is never thrown away: where its storage does not take it, it goes to the spool."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from holdall.engine.persist import keep
from holdall.errors import HoldallError, HoldallWarning, ResultError
from holdall.results import spool
from holdall.results.references import ResultReference

if TYPE_CHECKING:
    from holdall.declaration.definition import Unit
    from holdall.engine.persist import StoredResult
    from holdall.engine.plan import Plan
    from holdall.engine.run import Run
    from holdall.results.store import ResultStore


def secure(
    unit: Unit[Any, Any], run: Run, made: Plan, value: Any, key: str | None, named: str | None
) -> StoredResult | None:
    """Keep a value. Where that fails, in the spool, and the run goes on where its block or its options say so.

    Raises:
        HoldallError: with the value attached; `kept` and a note say where its bytes lie, if so. Mostly a
            SerializationError or a StorageError, but a key that no object may have and a library that is missing show
            here as well, when the body has run.
    """
    try:
        return keep(unit, run, made.store, value, key=key, named=named)
    except HoldallError as failure:
        store, kept = made.store, None
        alone = made.resolution.for_retries_alone
        of_storage = store is not None and not isinstance(failure, ResultError)
        asked_to_run = of_storage and unit.options.on_storage_error == "run"
        goes_on = asked_to_run or (store is not None and store.spools)
        if store is not None and of_storage and (failure.kept is None or goes_on):
            kept = _spooled(unit, run, store, value, key, named, indexed=goes_on)
            if kept is not None and store.spools:
                _say_once(run, store, failure)
                return kept
            if kept is not None and not alone and not goes_on:
                _tell(failure, kept, store, run)
        if not alone and not asked_to_run:
            failure.value = value
            raise
        _warn(unit, run, failure, kept, store)
        return kept if kept is None or goes_on else kept._replace(for_replays_alone=True)


def _spooled(
    unit: Unit[Any, Any], run: Run, store: ResultStore, value: Any, key: str | None, named: str | None, *, indexed: bool
) -> StoredResult | None:
    """What is kept in the spool, or None: the disk that failed may be the spool's, and the error carries the value."""
    try:
        through = spool.opened(store, run.root.settings.home)
        return keep(unit, run, store, value, key=key, named=named, through=through, indexed=indexed)
    except HoldallError:
        return None
    finally:
        spool.mark(run.root.settings.home)


def _folder(run: Run, store: ResultStore) -> str:
    return spool.folder(store.where, run.root.settings.home)


def _tell(failure: HoldallError, kept: StoredResult, store: ResultStore, run: Run) -> None:
    folder = _folder(run, store)
    failure.kept = os.path.join(folder, kept.result.key) if isinstance(kept.result, ResultReference) else folder
    failure.add_note(
        f"The computed value is not lost: it lies in the spool, {failure.kept}. Reads find it there, and "
        f"`holdall result push` sends it to {store.label} once that works again."
    )


def _say_once(run: Run, store: ResultStore, failure: HoldallError) -> None:
    if run.root.spooling.setdefault(store.where.identity, run.id) != run.id:
        return
    warnings.warn(
        f"{store.label} did not take a result. What it does not take is kept in the spool, {_folder(run, store)}, and "
        f"the run goes on: reads find it there, and `holdall result push` sends it. {failure}",
        HoldallWarning,
        stacklevel=2,
    )


def _warn(
    unit: Unit[Any, Any], run: Run, failure: Exception, kept: StoredResult | None, store: ResultStore | None
) -> None:
    what = f"The result of {unit.kind} {unit.name!r} is returned"
    if kept is None or store is None:
        said = f"{what} but could not be kept, so it would be computed again where it is needed again: {failure}"
    else:
        said = (
            f"{what}, and kept in the spool, {_folder(run, store)}, as its storage did not take it: reads find it "
            f"there, and `holdall result push` sends it. {failure}"
        )
    warnings.warn(said, HoldallWarning, stacklevel=2)
