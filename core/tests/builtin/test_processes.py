"""The process runner: what arrives there and what comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import os, sys, threading
from holdall import flow, task
from holdall.settings import model as settings
from holdall.builtin.processes import ProcessRunner
from holdall.tasks import task_input_hash

class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a}-{b}")
        self.a = a

class Unpicklable(Exception):
    def __init__(self):
        super().__init__("has a lock")
        self.lock = threading.Lock()

@task
def raises(what):
    if what == "two": raise TwoArguments(1, 2) from KeyError("cause")
    if what == "lock": raise Unpicklable()
    if what == "exit": raise SystemExit(4)
    if what == "stop": raise StopIteration(5)
    if what == "group": raise ExceptionGroup("g", [TwoArguments(3, 4)])
    if what == "die": os._exit(7)
    raise ValueError(what)

@task
def pid(_=None): return os.getpid()
@task
def lock(): return threading.Lock()
@task(persist_result=True, cache_result_in_memory=False)
def kept(n): return [n, os.getpid()]
@task
async def later(x): return x * 2
@task
def nested(n): return sum(double.map(range(n)).result())
double = task(lambda x: x * 2)
double_more = double.with_options(name="more", retries=1)

class Shop:
    def __init__(self, name): self.name = name
    @task
    def price(self, item): return [self.name, item]

def state_of(future):
    return future.result(raise_on_failure=False)

runner = ProcessRunner(1)

@flow(task_runner=runner)
def errors():
    for what in ("two", "lock", "exit", "stop", "group", "plain"):
        error = state_of(raises.submit(what))
        note = "raises" in "".join(getattr(error, "__notes__", []))
        print(type(error).__name__, str(error)[:40], getattr(error, "a", None), repr(error.__cause__), note)

@flow(task_runner=runner)
def dies():
    error = state_of(raises.submit("die"))
    print(type(error).__name__)

@flow(task_runner=runner)
def values():
    print(pid.submit().result() != os.getpid())
    print(type(state_of(lock.submit())).__name__)
    print(later.submit(later.submit(2)).result(), nested.submit(4).result())
    print(Shop("x").price.submit(3).result())
    print(double_more.submit(4).result(), double.map([1, 2]).result())
    future = kept.submit(1)
    first = future.result()
    print(first[0], first[1] != os.getpid(), future.result() is not first)
    print(future.state().reference.get() == first)

@task(cache_key_fn=lambda *_: "own", result_storage="./own")
def recursive(depth): return [0] if depth == 0 else inner(depth)
@flow(task_runner=runner)
def inner(depth): return recursive.submit(depth - 1).result() + [depth]

if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name == "recursion": print(recursive(2))
        elif name == "lone": print(pid.with_options(task_runner="processes").submit().result() != os.getpid())
        else: globals()[name]()
"""


SECRETIVE = """
import os, sys
sys.modules["cryptography"] = None
from typing import ClassVar
from pydantic import SecretStr
from holdall import Block, flow, register, task
from holdall.abc import StorageBlock
from holdall.builtin.local.directory import Directory

@register
class Own(StorageBlock):
    slug: ClassVar[str] = "test-own"
    folder: str
    key: SecretStr | None = None

    def inner(self):
        if self.key is None or self.key.get_secret_value() != "".join(["open ", "sesame"]): raise PermissionError("no key")
        return Directory(self.folder)
    def put(self, key, parts, /, *, mode="overwrite"): return self.inner().put(key, parts, mode=mode)
    def get(self, key, /, *, byte_range=None): return self.inner().get(key, byte_range=byte_range)
    def head(self, key, /): return self.inner().head(key)
    def delete(self, key, /): return self.inner().delete(key)
    def scan(self, prefix="", /): return self.inner().scan(prefix)

@task
def inner(): return [os.environ.get("HOLDALL_BLOCK__TEST_OWN__A__KEY")]
@task
def outer(): return [*inner(), 2]
@task
def other(): return [3]

if __name__ == "__main__":
    block = Block.load("test-own/a")
    del os.environ["HOLDALL_BLOCK__TEST_OWN__A__KEY"]
    @flow(task_runner="processes", persist_result=True, result_storage=block)
    def main():
        elsewhere = other.with_options(result_storage=Block.load("test-own/b"))
        return [outer.submit().result(), elsewhere.submit().result(), other.submit().result()]
    print(main())
"""


def run(place: Path, *names: str, program: str = SCRIPT, **environ: str) -> list[str]:
    script = place / "script.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), *names],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "HOLDALL_HOME": str(place / "home"), **environ},
        timeout=100,
    )
    assert "" == done.stderr
    return done.stdout.splitlines()


def test_exceptions_come_back_as_they_are(place: Path) -> None:
    """Also those whose __init__ takes other arguments; one that cannot be pickled has a stand-in that tells it."""
    assert [
        "TwoArguments 1-2 1 KeyError('cause') True",
        "SerializationError The run failed with Unpicklable: has a l None None True",
        "SystemExit 4 None None True",
        "StopIteration 5 None None True",
        "ExceptionGroup g (1 sub-exception) None None True",
        "ValueError plain None None True",
    ] == run(place, "errors")


def test_values_and_their_settings_travel(place: Path) -> None:
    """Async tasks, nested submits, methods, options, kept results; a value that cannot travel says so."""
    assert [
        "True",
        "SerializationError",
        "8 12",
        "['x', 3]",
        "8 [2, 4]",
        "1 True True",
        "True",
    ] == run(place, "values")


def test_a_worker_that_dies_fails_its_run(place: Path) -> None:
    """As any other failure, with nothing left hanging."""
    assert ["BrokenProcessPool"] == run(place, "dies")


def test_a_recursion_through_processes_does_not_wait_for_itself(place: Path) -> None:
    """The key that is being computed travels along; and a lone submit works."""
    assert ["[0, 1, 2]", "True"] == run(place, "recursion", "lone")


def test_run_records_name_the_flow_that_submitted_them(place: Path) -> None:
    """One flow, all tasks under it."""
    run(place, "values")
    from holdall.catalog.open import open_catalog
    from holdall.settings import model as settings

    rows: list[Any] = open_catalog(settings.current()).runs(limit=100)
    (outer,) = [row for row in rows if row.kind == "flow"]

    assert {outer.id} == {row.flow_run_id for row in rows if row.kind == "task"}


def test_blocks_come_with_their_secrets(place: Path) -> None:
    """Each call's own, those of the flow for what runs inside the call; without cryptography, and in no file."""
    folders = {"A": place / "a", "B": place / "b"}
    environ = {
        f"HOLDALL_BLOCK__TEST_OWN__{name}__{field}": value
        for name, folder in folders.items()
        for field, value in (("FOLDER", str(folder)), ("KEY", "open sesame"))
    }

    assert ["[[None, 2], [3], [3]]"] == run(place, program=SECRETIVE, **environ)
    assert {"A": 4, "B": 1} == {
        name: len(list((folder / "results").rglob("*.json"))) for name, folder in folders.items()
    }
    assert [] == [path for path in place.rglob("*") if path.is_file() and b"open sesame" in path.read_bytes()]
