"""The same storage in another process; a program that the storage contract runs."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

from holdall.errors import KeyMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdall.abc.storage import Storage
    from holdall.types import Buffer, Parts


def answer(storage: Storage, asked: str, told: str, /) -> bytes:
    """Returns what the storage has under `asked`, or nothing, and writes `told` beside it."""
    storage.put(told, [b"from the child"])
    try:
        return bytes(storage.get(asked))
    except KeyMissing:
        return b""


def in_spawned_child(storage: Storage, asked: str, told: str, /, *, environment: Mapping[str, str]) -> bytes:
    """Calls `answer` in a fresh interpreter that gets the storage as a pickle."""
    child = subprocess.run(  # noqa: S603 - this interpreter, this module
        [sys.executable, "-W", "error", "-m", __name__],
        input=pickle.dumps((sys.path, pickle.dumps(storage), asked, told)),
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0, child.stderr.decode(errors="replace")
    return child.stdout


def in_forked_child(storage: Storage, asked: str, told: str, /) -> bytes:
    """Calls `answer` in a fork of this process, which has the storage and its open clients as they are."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # clients may run threads; surviving that is the point
        child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writer, answer(storage, asked, told))
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may return from a forked test
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    with open(reader, "rb") as file:
        found = file.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the forked child failed; its traceback is on standard error"
    return found


def in_killed_child(storage: Storage, key: str, parts: Parts, /) -> None:
    """Puts the parts under the key in a fork of this process, which is killed before it writes the last one."""

    def killing() -> Iterator[Buffer]:
        yield from parts
        os.kill(os.getpid(), signal.SIGKILL)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # as above
        child = os.fork()
    if child == 0:
        try:
            storage.put(key, killing())
        except BaseException:  # noqa: BLE001 - as above
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the child's put ended before its parts did"


if __name__ == "__main__":
    # The path comes first: the class of the storage may lie anywhere on it.
    path, pickled, key, reply = pickle.loads(sys.stdin.buffer.read())
    sys.path[:] = path
    sys.stdout.buffer.write(answer(pickle.loads(pickled), key, reply))
