"""Calls in other processes: what is sent with a call, and how a worker runs it."""

from __future__ import annotations

import concurrent.futures
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from holdall.engine.call import call_state, not_started
from holdall.engine.execute import begin
from holdall.engine.plan import ExecutionPlan, make_plan
from holdall.engine.replay import replay, replay_keys_in
from holdall.engine.run import Run, Session, current
from holdall.engine.single_flight import computing
from holdall.engine.state import State
from holdall.errors import ConfigurationError
from holdall.results.store import ResultStore
from holdall.runners.pickling import dump_state, load_state
from holdall.settings.model import current as current_settings
from holdall.types import Call, Secrets

if TYPE_CHECKING:
    from holdall.abc.runner import TaskRunner
    from holdall.declaration.definition import AnyDefinition

_STORE: Final = "storage"
_SCOPE: Final = "scope"


@runtime_checkable
class _WithSecrets(Protocol):
    slug: str
    block_slug: str | None

    def secret_values(self) -> dict[str, Any]: ...


def submit_remote(
    definition: AnyDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], runner: TaskRunner, run: Run | None
) -> concurrent.futures.Future[State[Any]]:
    """Submits a call with its resolution, its store and the run around it, or replays the result of an earlier attempt."""
    done: concurrent.futures.Future[State[Any]] = concurrent.futures.Future()
    try:
        plan, session = _planned(definition, run)
        replays = run.replays if run is not None else None
        replay_keys = (
            replay_keys_in(definition, replays, run, args, kwargs)
            if run is not None and replays is not None and plan.store is not None
            else []
        )
        for table, replay_key in replay_keys:
            if (result := table.get(replay_key)) is not None and (outcome := replay(definition, result)) is not None:
                state: State[Any] = State(
                    type="completed",
                    kind=definition.kind,
                    run_id="",
                    name=definition.name,
                    message=outcome.message,
                    reference=result,
                    cached=True,
                    _value=outcome.value,
                )
                done.set_result(state)
                return done
        inner = runner.submit(_call(definition, args, kwargs, plan, session, run))
    except Exception as error:  # noqa: BLE001 - `result()` raises it, as one from a worker
        done.set_result(not_started(definition, error))
        return done
    done.set_running_or_notify_cancel()

    def finish(finished: concurrent.futures.Future[Any]) -> None:
        try:
            state = load_state(finished.result())
            if state.reference is not None:
                for table, replay_key in replay_keys:
                    table.add(replay_key, state.reference)
        except BaseException as error:  # noqa: BLE001 - the worker died, or its state cannot be unpickled here
            state = not_started(definition, error)
        done.set_result(state)

    inner.add_done_callback(finish)
    return done


def _planned(definition: AnyDefinition, run: Run | None) -> tuple[ExecutionPlan, Session]:
    if run is None:
        plan, own_run = begin(definition)
        return plan, own_run.session
    return make_plan(definition, run, run.session), run.session


def _call(
    definition: AnyDefinition, args: Any, kwargs: Any, plan: ExecutionPlan, session: Session, run: Run | None
) -> Call:
    extra: dict[str, Any] = {"directory": session.directory, "computing": computing.get()}
    storages: dict[str, Any] = {}
    if run is not None:
        flow = run.flow
        extra |= {"run": run.id, "flow": None if flow is None else flow.id, "name": run.definition_name}
        extra["scope"] = run.scope
        if run.scope is not None:
            storages[_SCOPE] = run.scope.storage.value
    if plan.store is not None:
        extra |= {"storage": plan.store.storage.inner, "codec": plan.store.codec}
        storages[_STORE] = plan.store.storage.inner
    blocks = {name: each for name, each in storages.items() if isinstance(each, _WithSecrets)}
    secrets = {name: values for name, block in blocks.items() if (values := block.secret_values())}
    # The names of blocks with secrets: without its secrets a block would authenticate as nobody, or as someone else.
    extra["secrets"] = {name: blocks[name].block_slug or blocks[name].slug for name in secrets}
    return Call(
        run=run_remote,
        task=definition,
        args=args,
        kwargs=kwargs,
        resolution=plan.resolution,
        extra=extra,
        secrets=Secrets(secrets),
    )


def _with_secrets(storage: Any, name: str, call: Call, secrets: Secrets) -> Any:
    """Returns a storage with the secrets that pickled blocks are sent without.

    Raises:
        ConfigurationError: the task runner has not passed them on.
    """
    label = call.extra["secrets"].get(name)
    if label is None:
        return storage
    values = secrets.of(name)
    if values is None:
        raise ConfigurationError(
            f"The call of {call.task.name!r} came to its worker without the secrets of the block {label!r}: the task runner "
            "has not sent them. One whose workers are in other processes sends call.secrets.reveal() apart from the pickled "
            "call, and calls the call there with holdall.types.Secrets of it."
        )
    return storage.with_secrets(values)


def run_remote(call: Call, secrets: Secrets) -> bytes:
    """Runs a call in the worker, inside a copy of the run that submitted it."""
    definition, extra = call.task, call.extra
    session = Session(current_settings(extra["directory"]), extra["directory"])
    store = None
    if "storage" in extra:
        storage = _with_secrets(extra["storage"], _STORE, call, secrets)
        store = ResultStore(storage, extra["codec"], settings=session.settings)
    around = Run("flow", extra.get("name", definition.name), None, session)
    around.plans = {definition.plan_key: ExecutionPlan(definition.options, call.resolution, store)}
    around.scope = scope = extra.get("scope")
    if scope is not None:
        storage = _with_secrets(scope.storage.value, _SCOPE, call, secrets)
        around.scope = replace(scope, storage=replace(scope.storage, value=storage))
    if "run" in extra:
        around.id = extra["run"]
        around.flow = around if extra["flow"] is not None else None
        if around.flow is not None and extra["flow"] != around.id:
            around.flow = Run("flow", definition.name, None, session)
            around.flow.id = extra["flow"]
    token = current.set(around)
    computing_token = computing.set(extra["computing"])
    try:
        state = call_state(definition, call.args, dict(call.kwargs))
    finally:
        computing.reset(computing_token)
        current.reset(token)
        session.recorder.flush()
    return dump_state(state)
