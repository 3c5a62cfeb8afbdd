"""A child that is forked while other threads make their first calls makes calls itself, and ends."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")

# Python 3.12 warns of each fork beside threads, which is what these tests are about.
QUIET = ("-W", "ignore:This process:DeprecationWarning")

FIRST_CALLS = """
import faulthandler, os, sys, threading, time, traceback, warnings
warnings.simplefilter("ignore")
from holdall import cache, flow, task

def calls():
    return [
        lambda: task(lambda: {"a": 1}, name="one", persist_result=True, result_serializer="json")(),
        lambda: task(lambda: [1], name="two", cache_key_fn=lambda *_: "k")(),
        lambda: task(lambda: [2], name="three", cache_policy=cache.INPUTS)(),
        lambda: flow(lambda: task(lambda: [3], persist_result=True).submit().result(), name="four")(),
        lambda: task(lambda: "x", name="five", result_storage="memory://", result_serializer="compressed/json")(),
        lambda: task(lambda: 1, name="six", retries=1)(),
        lambda: str(task(lambda: 1, name="seven").explain()),
    ]

failed = []

def work(first):
    for each in calls()[first:] + calls()[:first]:
        try:
            each()
        except Exception:
            failed.append(traceback.format_exc())

threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
children = []
for number in range(6):
    end = time.perf_counter() + float(sys.argv[1])
    while time.perf_counter() < end:
        pass
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(300, exit=True)
        try:
            for each in calls()[number:] + calls()[:number]:
                each()
            os.write(writer, b"ok")
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-3000:])
        os._exit(0)
    os.close(writer)
    children.append((child, reader))
for child, reader in children:
    with open(reader, "rb") as file:
        said = file.read()
    os.waitpid(child, 0)
    if said != b"ok":
        failed.append(said.decode() or "a child hung")
for thread in threads:
    thread.join()
print(len(children), *failed)
"""


@pytest.mark.parametrize("pause", ["0", "0.004", "0.02"])
def test_a_fork_beside_first_calls_leaves_a_child_that_works(pause: str, tmp_path: Path, home: Path) -> None:
    """Whatever the other threads are importing at that moment."""
    del home
    done = subprocess.run(
        [sys.executable, *QUIET, "-c", FIRST_CALLS, pause],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert ("6\n", "") == (done.stdout, done.stderr)


def run(program: str, tmp_path: Path, **modules: str) -> str:
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, *QUIET, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert "" == done.stderr
    return done.stdout


STUCK = """
    import gate
    gate.entered.set()
    gate.go_on.wait()
    value = 1
"""
GATE = """
    import threading
    entered, go_on = threading.Event(), threading.Event()
"""
FORKS = """
    import os, sys, threading
    import gate
    from holdall._system import fork as _fork
    thread = threading.Thread(target=lambda: __import__("stuck"))
    thread.start()
    gate.entered.wait()
    print(_fork.importing(), flush=True)  # not once more by the child
    {before}
    if (child := os.fork()) == 0:
        gate.go_on.set()
        import stuck
        print(stuck.value, _fork.importing(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    gate.go_on.set()
    thread.join()
    print(sys.modules["stuck"].value, _fork.importing())
"""


def test_an_import_that_does_not_end_is_made_anew_in_the_child(tmp_path: Path) -> None:
    """The fork waits for it once, and no second time."""
    told = run(
        FORKS.replace("{before}", "_fork._STANDSTILL = 0.01"),
        tmp_path,
        gate=GATE,
        stuck=STUCK,
    )

    assert ["['stuck']", "1 []", "1 []"] == told.splitlines()


def test_a_fork_waits_for_an_import_that_ends(tmp_path: Path) -> None:
    """The child has the module as the other thread made it."""
    told = run(
        FORKS.replace("{before}", "threading.Thread(target=gate.go_on.set).start()"),
        tmp_path,
        gate=GATE,
        stuck=STUCK + "    import os; made_by = os.getpid()\n",
    )

    assert ["['stuck']", "1 []", "1 []"] == told.splitlines()


@pytest.mark.parametrize(
    "need", ["logging.getLogger('x')", "futures.submit(int).result()"], ids=["a logger", "a thread of a pool"]
)
def test_a_fork_holds_nothing_that_an_import_needs_to_end(need: str, tmp_path: Path) -> None:
    """Locks that the standard library takes before it waits for imports, as it registered later."""
    program = FORKS.replace(
        "{before}", "import logging, concurrent.futures.thread; os.register_at_fork(before=gate.go_on.set)"
    )
    stuck = (
        STUCK
        + f"""
    import logging, os
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as futures:
        {need}
    made_by = os.getpid()
    """
    )

    told = run(
        program.replace("print(stuck.value,", "print(stuck.made_by == os.getppid(),"), tmp_path, gate=GATE, stuck=stuck
    )

    assert ["['stuck']", "True []", "1 []"] == told.splitlines()


def test_a_fork_in_the_middle_of_an_own_import_goes_on_with_it(tmp_path: Path) -> None:
    """What the forking thread itself imports is half there in the child, as in the parent, and no obstacle."""
    program = """
    import os
    import forking
    os.write(1, (forking.value + os.linesep).encode())  # in one piece: two processes write
    if forking.child:
        os.waitpid(forking.child, 0)
    else:
        os._exit(0)
    """
    module = """
    import os
    from holdall._system import fork as _fork
    child = os.fork()
    value = "child" if child == 0 else "parent"
    """

    assert ["child", "parent"] == sorted(run(program, tmp_path, forking=module).split())


def test_locks_of_other_threads_are_free_in_the_child(tmp_path: Path) -> None:
    """Those of the registry, which looks at what is installed for long; and hooks are called in their order."""
    program = """
    import os, threading
    from holdall._system import fork as _fork
    from holdall.plugins import registry as _registry
    told = []
    _fork.register(before=lambda: told.append("a"), in_parent=lambda: told.append("A"), in_child=lambda: told.append("1"))
    _fork.register(before=lambda: told.append("b"), in_parent=lambda: told.append("B"), in_child=lambda: told.append("2"))
    taken, done = threading.Event(), threading.Event()

    def hold():
        with _registry._state.lock:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    if (child := os.fork()) == 0:
        _registry.refresh()
        print("".join(told), "json" in _registry.names("serializers"), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    done.set()
    thread.join()
    print("".join(told))
    """

    assert ["ba12 True", "baAB"] == run(program, tmp_path).splitlines()


def test_what_is_registered_while_a_fork_waits_is_not_half_called(tmp_path: Path) -> None:
    """What is before the fork is called after it, and no more."""
    program = """
    import os, threading
    import gate
    from holdall._system import fork as _fork
    thread = threading.Thread(target=lambda: __import__("stuck"))
    thread.start()
    gate.entered.wait()
    os.register_at_fork(before=gate.go_on.set)
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    thread.join()
    import stuck
    print(stuck.told)
    """
    stuck = """
    import gate
    gate.entered.set()
    gate.go_on.wait()
    from holdall._system import fork as _fork
    told = []
    _fork.register(before=lambda: told.append("before"), in_parent=lambda: told.append("parent"))
    """

    assert run(program, tmp_path, gate=GATE, stuck=stuck) in {"[]\n", "['before', 'parent']\n"}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("module", "lock"), [("logging", "_lock"), ("concurrent.futures.thread", "_global_shutdown_lock")]
)
def test_a_lock_that_is_taken_around_forks_is_free_after_one(
    module: str, lock: str, moment: str, tmp_path: Path
) -> None:
    """Where another thread is about to register that, or just has, when the fork begins; and in the next fork."""
    program = f"""
    import os, sys, threading
    from importlib import import_module
    from holdall._system import fork as _fork
    assert {module!r} not in sys.modules
    entered, go_on = threading.Event(), threading.Event()
    register = os.register_at_fork

    def gated(**hooks):
        if sys._getframe(1).f_globals["__name__"] != {module!r}:
            return register(**hooks)
        if {moment!r} == "after":
            register(**hooks)
        entered.set()
        go_on.wait()
        if {moment!r} == "before":
            register(**hooks)

    def taken():
        got = lock.acquire(blocking=False)
        if got:
            lock.release()
        free.append(got)

    os.register_at_fork = gated
    thread = threading.Thread(target=import_module, args=({module!r},))
    thread.start()
    entered.wait()
    register(before=go_on.set)
    for _ in range(2):
        child = os.fork()
        free, lock = [], getattr(sys.modules[{module!r}], {lock!r})
        other = threading.Thread(target=taken)
        other.start()
        other.join()
        if child == 0:
            print(*free, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(*free, flush=True)
    """

    assert ["True"] * 4 == run(program, tmp_path).split()
