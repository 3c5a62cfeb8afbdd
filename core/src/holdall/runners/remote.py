"""A call that leaves the process: what travels with it, and how it runs where it arrives."""

from __future__ import annotations

import concurrent.futures
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from holdall.engine.attempts import claims_in, replay
from holdall.engine.call import call_state, not_started
from holdall.engine.context import current
from holdall.engine.execute import begin
from holdall.engine.plan import Plan, plan
from holdall.engine.run import Root, Run
from holdall.engine.single_flight import computing
from holdall.engine.state import State
from holdall.results.store import ResultStore
from holdall.runners.pickling import packed, unpacked
from holdall.settings import model as settings
from holdall.types import Call

if TYPE_CHECKING:
    from holdall.abc.runner import TaskRunner
    from holdall.declaration.definition import Unit


def send(
    unit: Unit[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], runner: TaskRunner, run: Run | None
) -> concurrent.futures.Future[State[Any]]:
    """Submit a call with its resolution, its store and the run around it; replay it here where a retry has it."""
    done: concurrent.futures.Future[State[Any]] = concurrent.futures.Future()
    try:
        made, root = _planned(unit, run)
        replays = run.replays if run is not None else None
        claims = (
            claims_in(unit, replays, run, args, kwargs)
            if run is not None and replays is not None and made.store is not None
            else []
        )
        for table, identity in claims:
            if (result := table.kept(identity)) is not None and (again := replay(unit, result)) is not None:
                state: State[Any] = State(
                    type="completed",
                    kind=unit.kind,
                    run_id="",
                    name=unit.name,
                    message=again.message,
                    reference=result,
                    cached=True,
                    _value=again.value,
                )
                done.set_result(state)
                return done
        inner = runner.submit(_packed(unit, args, kwargs, made, root, runner, run))
    except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it, as from a worker
        done.set_result(not_started(unit, error))
        return done
    done.set_running_or_notify_cancel()

    def arrived(finished: concurrent.futures.Future[Any]) -> None:
        try:
            state = unpacked(finished.result())
            if state.reference is not None:
                for table, identity in claims:
                    table.keep(identity, state.reference)
        except BaseException as error:  # noqa: BLE001 - the worker died, or its answer cannot be read here
            state = not_started(unit, error)
        done.set_result(state)

    inner.add_done_callback(arrived)
    return done


def _planned(unit: Unit[Any, Any], run: Run | None) -> tuple[Plan, Root]:
    if run is None:
        made, alone = begin(unit)
        return made, alone.root
    return plan(unit, run, run.root), run.root


def _packed(
    unit: Unit[Any, Any], args: Any, kwargs: Any, made: Plan, root: Root, runner: TaskRunner, run: Run | None
) -> Call:
    extra: dict[str, Any] = {"directory": root.directory, "computing": computing.get()}
    if run is not None:
        flow = run.flow
        extra |= {"run": run.id, "flow": None if flow is None else flow.id, "name": run.unit_name}
        extra["scope"] = run.scope
        if run.scope is not None and hasattr(run.scope.storage.value, "secret_values"):
            # Pickled as it is, the block would arrive without its secrets, and fail whatever runs inside the call.
            extra["scope_storage"] = _sealed(run.scope.storage.value, runner.key)
    if made.store is not None:
        extra |= {"storage": _sealed(made.store.storage, runner.key), "codec": made.store.codec}
    return Call(run=arrive, task=unit, args=args, kwargs=kwargs, resolution=made.resolution, extra=extra)


def _sealed(storage: Any, key: bytes | None) -> Any:
    if key is None or not hasattr(storage, "secret_values"):
        return storage
    from holdall.blocks import secrets

    return secrets.pack(storage, key)


def _unsealed(storage: Any, key: bytes | None) -> Any:
    if key is None or not isinstance(storage, bytes):
        return storage
    from holdall.blocks import secrets

    return secrets.unpack(storage, key)


def arrive(call: Call, key: bytes | None) -> bytes:
    """Run a call in the worker, inside a stand-in for the run that submitted it."""
    unit, extra = call.task, call.extra
    root = Root(settings.current(extra["directory"]), extra["directory"])
    store = ResultStore(_unsealed(extra["storage"], key), extra["codec"]) if "storage" in extra else None
    around = Run("flow", extra.get("name", unit.name), None, root)
    around.plans = {unit.plan_key: Plan(unit.options, call.resolution, store)}
    around.scope = scope = extra.get("scope")
    if scope is not None and "scope_storage" in extra:
        given = _unsealed(extra["scope_storage"], key)
        around.scope = replace(scope, storage=replace(scope.storage, value=given))
    if "run" in extra:
        around.id = extra["run"]
        around.flow = around if extra["flow"] is not None else None
        if around.flow is not None and extra["flow"] != around.id:
            around.flow = Run("flow", unit.name, None, root)
            around.flow.id = extra["flow"]
    token = current.set(around)
    ours = computing.set(extra["computing"])
    try:
        state = call_state(unit, call.args, dict(call.kwargs))
    finally:
        computing.reset(ours)
        current.reset(token)
        root.recorder.flush()
    return packed(state)
