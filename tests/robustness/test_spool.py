"""Nothing is lost where a server dies under a run, and no copy is half where the copier does."""

from __future__ import annotations

import signal
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.process import ServerProcess
from tests.services.s3 import SeaweedFS

from holdall import HoldallWarning, flow, load_result, settings, task
from holdall.catalog.open import open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.results import spool
from holdall.storage import circuit_breaker
from holdall_s3 import S3

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL, LARGE = 200, 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SeaweedFS]:
    """One that a test may kill."""
    with SeaweedFS.running(tmp_path / "seaweedfs") as running:
        yield running


def back(server: SeaweedFS) -> None:
    """The same server on the same ports, with the data that it had."""
    before = server.process
    server.process = ServerProcess(before.command, log=before.log, env={"GOMEMLIMIT": "400MiB"})


class Fatal:
    """Kills the server while it is being pickled, that is in the middle of an upload; loads as a text."""

    def __init__(self, server: SeaweedFS) -> None:
        self.server = server

    def __reduce__(self) -> Any:
        self.server.process.kill()
        return str, ("survived",)


@pytest.mark.services
def test_a_server_that_dies_in_mid_upload_loses_nothing(
    server: SeaweedFS, program: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, another process reads, the server comes back, `push` sends, and the hit comes from there."""
    bucket = server.new_bucket()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    S3(
        bucket_path=f"{bucket}/results",
        endpoint_url=server.endpoint_url,
        on_failure="spool",
        max_attempts=1,
        connect_timeout=2,
        read_timeout=5,
    ).save("prod")

    @task(cache_key_fn=lambda context, _: context.task.name, on_storage_error="run")
    def large() -> list[Any]:
        return [bytes(24 << 20), Fatal(server)]

    @task
    def square(x: int) -> int:
        return x * x

    @flow(result_storage="s3/prod", persist_result=True)
    def whole() -> list[Any]:
        before = square(2)
        return [before, len(large()), square(3)]

    with pytest.warns(HoldallWarning) as warned:
        state = whole.with_options(return_state=True)()

    assert [4, 2, 9] == state.result()
    said = [str(each.message) for each in warned]
    assert [1, 1] == [sum(each in one for one in said) for each in ("s3/prod is down", "s3/prod did not take a result")]
    assert 2 == len(said)
    lying = {meta.key.partition("/")[0] for folder in spool.folders(settings.current().home) for meta in folder.scan()}
    assert {"cache", "payloads", "results"} == lying
    read = "import sys, holdall; print(holdall.load_result(run=sys.argv[1]))"
    assert "[4, 2, 9]\n" == program("-c", read, state.run_id).communicate(timeout=600)[0]

    back(server)
    server.new_bucket(bucket)
    pushed = program("-c", "from holdall.__main__ import main; main()", "result", "push").communicate(timeout=600)

    assert ("s3/prod: 3 results sent, 25.2 MB.\n", "") == pushed
    assert [] == [meta.key for folder in spool.folders(settings.current().home) for meta in folder.scan()]
    # From here on as in a process that has not seen the server die.
    spool._spools.clear()
    circuit_breaker.troubled.clear()
    (hit,) = {row.id for row in open_catalog(settings.current()).runs() if row.name == "large"}
    assert "survived" == load_result(run=hit)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "survived" == large.with_options(result_storage="s3/prod")()[1]


DEADLY = """
import os, signal, sys
from holdall.storage.guard import GuardedStorage
from holdall.__main__ import main
name, left = sys.argv.pop(1), int(sys.argv.pop(1))
real = getattr(GuardedStorage, name)
def deadly(*arguments, **options):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
setattr(GuardedStorage, name, deadly)
main()
"""


def test_a_move_that_is_killed_is_finished_by_the_next(
    program: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """In the middle of copying and in the middle of deleting: what is readable stays so, and in the end all is there."""
    here, there = tmp_path / "here", tmp_path / "there"

    @task(result_storage=here)
    def part(x: int) -> list[Any]:
        return [x, bytes(8 << 20 if x < LARGE else x * 100)]

    @flow
    def whole() -> None:
        for x in range(SMALL):
            part(x)

    whole()
    catalog = open_catalog(settings.current())
    recorder_for(catalog).flush()
    runs = [row.id for row in catalog.runs(limit=1000) if row.name == "part"]

    def read() -> list[int]:
        return [load_result(run=run)[0] for run in runs]

    def moved(name: str, times: int) -> tuple[int, str]:
        arguments = (name, times, "result", "move", "--yes", "--from", here, "--to", there)
        process = program("-c", DEADLY, *arguments)
        _, trouble = process.communicate(timeout=600)
        return process.returncode, trouble

    def records(folder: Path) -> int:
        return len(list(folder.glob("results/*/*.json")))

    expected = list(reversed(range(SMALL)))
    assert (-signal.SIGKILL, "") == moved("put", SMALL // 2)
    assert SMALL == records(here) > records(there) > 0
    assert expected == read()
    assert (-signal.SIGKILL, "") == moved("delete_unchanged", SMALL // 2)
    assert SMALL == records(there) > records(here) > 0
    assert expected == read()
    assert (0, "") == moved("delete", 0)
    assert (SMALL, 0) == (records(there), records(here))
    assert expected == read()
