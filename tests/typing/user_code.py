"""What users write, checked by mypy and pyright and never run: signatures survive, and wrong calls are errors.

Each wrong call carries what the checkers are expected to say; an expectation that is no longer met is an error itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from holdall import Flow, Future, ResultLiteral, ResultReference, State, Task, flow, load_result, task, unmapped
from holdall.filesystems import LocalFileSystem
from holdall.results import from_json
from holdall.serializers import JSONSerializer

if TYPE_CHECKING:
    from collections.abc import Coroutine

# ---------------------------------------------------------------------------------------------------- tasks, sync


@task
def double(x: int) -> int:
    return x * 2


@task(retries=2, retry_delay_seconds=[1, 2], persist_result=True, result_storage="s3/prod")
def join(parts: list[str], *, sep: str = ",") -> str:
    return sep.join(parts)


@task(
    name="where",
    result_storage=LocalFileSystem(basepath="results"),
    result_serializer=JSONSerializer(jsonlib="orjson"),
    result_storage_key="{parameters[x]}",
    cache_result_in_memory=False,
)
def where(x: int) -> Path:
    return Path(str(x))


def calls() -> None:
    keeps_its_type: Task[[int], int] = double
    del keeps_its_type
    assert_type(double(1), int)
    assert_type(double(x=1), int)
    assert_type(join(["a"], sep="-"), str)
    assert_type(where(1), Path)
    double("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    double()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    join(["a"], "-")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def futures() -> None:
    assert_type(double.submit(1), Future[int])
    assert_type(double.submit(1).result(), int)
    assert_type(double.submit(1).result(timeout=1), int)
    many: list[Future[int]] = double.map([1, 2])
    more: list[Future[str]] = join.map([["a"], ["b"]], sep=unmapped("-"))
    assert_type(many[0].result() + len(more), int)
    double.submit("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def options() -> None:
    with_retries: Task[[int], int] = double.with_options(retries=3)
    del with_retries
    assert_type(double.with_options(retries=3)(1), int)
    state = double.with_options(return_state=True)(1)
    assert_type(state, State[int])
    assert_type(state.result(), int)
    double.with_options(retries=3)("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    double.with_options(return_state=True)("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(double.with_options(wait_for=[double.submit(1)])(1), int)


# --------------------------------------------------------------------------------------------------- tasks, async


@task
async def fetch(x: int) -> int:
    return x


@task(retries=1)
async def fetch_again(x: int) -> str:
    return str(x)


async def asynchronous() -> None:
    coroutine: Coroutine[Any, Any, int] = fetch(1)
    assert_type(await coroutine, int)
    assert_type(await fetch(1), int)
    assert_type(await fetch_again(1), str)
    assert_type(fetch.submit(1), Future[int])
    assert_type(fetch.submit(1).result(), int)
    assert_type(await fetch.with_options(return_state=True)(1), State[int])
    await fetch("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# -------------------------------------------------------------------------------------------------------- methods


class Report:
    @task
    def total(self, rows: list[float]) -> float:
        return sum(rows)

    @task(retries=1)
    async def send(self, to: str) -> bool:
        return bool(to)

    @flow
    def whole(self, rows: list[float]) -> float:
        return self.total(rows)


async def methods() -> None:
    report = Report()
    assert_type(report.total([1.0]), float)
    assert_type(report.total.submit([1.0]), Future[float])
    assert_type(await report.send("a"), bool)
    assert_type(report.whole([1.0]), float)
    report.total(["a"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


# ---------------------------------------------------------------------------------------------------------- flows


@flow
def main(x: int, *, y: str = "") -> float:
    del y
    return double(x) / 2


@flow(persist_result=True, result_storage="s3/prod", retries=1)
async def asynchronous_main(x: int) -> int:
    return await fetch(x)


async def flows() -> None:
    keeps_its_type: Flow[[int], Coroutine[Any, Any, int]] = asynchronous_main
    del keeps_its_type
    assert_type(main(1), float)
    assert_type(main(1, y="a"), float)
    assert_type(main.with_options(retries=1)(1), float)
    assert_type(main.with_options(return_state=True)(1), State[float])
    assert_type(await asynchronous_main(1), int)
    assert_type(await asynchronous_main.with_options(return_state=True)(1), State[int])
    main("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    main(1, z=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# --------------------------------------------------------------------------------------- results read back later


async def results(text: str) -> None:
    reference = from_json(text)
    assert_type(reference, ResultLiteral | ResultReference)
    value: object = reference.get()
    again: object = await reference.aget()
    loaded: object = load_result(storage="s3/prod", key="report")
    del value, again, loaded
