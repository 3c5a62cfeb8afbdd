"""Locks in a bucket: races, deaths and pauses on a real server, and a server that does not lock."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from holdall import HoldallWarning
from holdall.builtin.leases.manager import LeaseManager
from holdall.testing.locks import LockContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.services.s3 import S3Server

    from holdall_s3 import S3

pytestmark = pytest.mark.services


class TestSeaweedFS(LockContract):
    """A server where conditions hold in a race."""

    expires_after = 1.5
    threads = 3
    rounds = 2
    processes = 2
    server: S3Server

    @pytest.fixture
    def locks(self, seaweedfs: S3Server, make: Callable[..., S3]) -> LeaseManager:
        """Leases in a bucket of their own; the server says what a pickled copy finds in its environment."""
        self.server = seaweedfs
        return LeaseManager(make(seaweedfs, f"{seaweedfs.new_bucket()}/some/prefix"), ttl=self.expires_after)

    def environment(self) -> Mapping[str, str]:
        return self.server.environment()


def test_a_server_that_ignores_conditions_is_found_out(juicefs: S3Server, make: Callable[..., S3]) -> None:
    """One warning that names the place and what follows; everybody is let in, and nothing stays there."""
    bucket = juicefs.new_bucket()
    block = make(juicefs, bucket)
    block.put("key", [b"1"], mode="create")
    block.put("key", [b"2"], mode="create")
    locks = LeaseManager(block)
    with pytest.warns(HoldallWarning, match=f"s3 {bucket} cannot lock: .* may each compute it"):
        first = locks.acquire("key", timeout=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = locks.acquire("key", timeout=0)

    assert first is not None
    assert second is not None
    assert ["key"] == juicefs.keys(bucket)


PROGRAM = """
import json, os, sys, warnings
from holdall import task
from holdall_s3 import S3

bucket = S3(bucket_path=os.environ["BUCKET"])

@task(cache_key_fn=lambda _, parameters: parameters["key"], result_storage=bucket)
def slow(key, waits):
    print(json.dumps("began"), flush=True)
    if waits:
        sys.stdin.readline()
    return [sys.argv[1]]

bucket.exists("anything")  # the first byte moves
print(json.dumps("ready"), flush=True)
for line in iter(sys.stdin.readline, ""):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        value = slow(**json.loads(line))
    print(json.dumps([value, [str(each.message) for each in said]]), flush=True)
"""
TTL = 1.5


class Machine:
    """A process with a home and a folder of its own, and the bucket in common with others."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        own = {"HOLDALL_HOME": str(folder / "home"), "HOLDALL_RESULTS_LEASE_SECONDS": str(TTL)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, name],
            cwd=folder,
            env={**os.environ, **environment, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._is_ready = False

    def call(self, key: str, *, waits: bool = False) -> None:
        """Ask for the result under the key; a body that waits goes on when it is told to."""
        self._is_ready = self._is_ready or self.said() == "ready"
        self._tell(json.dumps({"key": key, "waits": waits}))

    def go_on(self) -> None:
        self._tell("")

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def said(self) -> Any:
        """What it says next: that a body began, or a value and the warnings that came with it."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing is said for so long."""
        return not select.select([self.process.stdout], [], [], seconds)[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def machine(seaweedfs: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Machine]]:
    """The machine of that name, for all tests here as long as it lives: to start one costs seconds."""
    environment = {**seaweedfs.environment(), "BUCKET": seaweedfs.new_bucket()}
    machines: dict[str, Machine] = {}

    def of(name: str) -> Machine:
        if name not in machines or machines[name].process.poll() is not None:
            machines[name] = Machine(name, tmp_path_factory.mktemp(name), environment)
        return machines[name]

    yield of
    for each in machines.values():
        each.kill()


def test_of_two_machines_that_miss_at_once_one_computes(machine: Callable[[str], Machine]) -> None:
    """The other one waits for as long as it takes, which is longer than a lease, and has the hit."""
    first, second = machine("first"), machine("second")
    first.call("missed", waits=True)
    assert first.said() == "began"
    second.call("missed")
    assert second.is_silent(2 * TTL)
    first.go_on()

    assert [["first"], []] == first.said() == second.said()


def test_a_machine_that_stood_still_gives_back_the_newer_result(machine: Callable[[str], Machine]) -> None:
    """It was stopped for longer than its lease: what the next one kept stays, and it says so."""
    first, second = machine("first"), machine("second")
    first.call("stood", waits=True)
    assert first.said() == "began"
    first.process.send_signal(signal.SIGSTOP)
    second.call("stood")
    assert ["began", [["second"], []]] == [second.said(), second.said()]
    first.process.send_signal(signal.SIGCONT)
    first.go_on()
    value, warned = first.said()
    second.call("stood")

    assert ["second"] == value == second.said()[0]
    assert [True] == ["its result is returned and stays" in each for each in warned]


def test_a_machine_that_dies_in_the_body_is_followed(machine: Callable[[str], Machine]) -> None:
    """The next one runs the body when the lease has expired."""
    first, second = machine("first"), machine("second")
    first.call("died", waits=True)
    assert first.said() == "began"
    first.kill()
    second.call("died")

    assert ["began", [["second"], []]] == [second.said(), second.said()]
