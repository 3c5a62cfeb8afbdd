"""Writers that are stopped between a payload and its record, while somebody removes what no record names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import StorageError
from holdall.ids import new_id
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import place_of
from holdall.results.layout import PAYLOADS, name_key, own_key, record_key
from holdall.results.store import ResultStore
from holdall.testing.faults import FaultyStorage, Meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from holdall.abc.storage import Storage

pytestmark = pytest.mark.usefixtures("place")

LARGE = "x" * 20_000
NOW = -1.0
"""A grace that nothing is too young for."""
TARGETS = [
    pytest.param({"key": own_key(new_id())}, id="run"),
    pytest.param({"key": record_key("k")}, id="cached"),
    pytest.param({"name": "report"}, id="named"),
    pytest.param({"key": record_key("k"), "name": "report"}, id="cached-and-named"),
]


def primary(target: dict[str, str]) -> str:
    return name_key(target["name"]) if "name" in target else target["key"]


@pytest.fixture
def folder(tmp_path: Path) -> Directory:
    return Directory(str(tmp_path / "shelf"))


def gc(storage: Storage) -> None:
    assert collect(place_of(storage), grace=NOW).problem is None


def payloads(storage: Storage) -> list[str]:
    return [meta.key for meta in storage.scan(PAYLOADS)]


class Stopped(FaultyStorage):
    """Where the writer of a payload, or of its records, is stopped, and for how many seconds."""

    def __init__(self, inner: Storage, where: str, act: Callable[[], object], /) -> None:
        super().__init__(inner)
        self.where = where
        self.act: Callable[[], object] | None = act

    def stop(self, where: str) -> None:
        if where == self.where and self.act is not None:
            act, self.act = self.act, None
            act()

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        what = "payload" if key.startswith(PAYLOADS) else "record"
        self.stop(f"before {what}")
        meta = self.inner.put(key, self.within(parts, what), mode=mode)
        self.stop(f"after {what}")
        return meta

    def within(self, parts: Any, what: str) -> Iterator[Any]:
        yield from parts
        self.stop(f"within {what}")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seconds", [2.0, 3600.0])
@pytest.mark.parametrize(
    "where", [f"{when} {what}" for what in ("payload", "record") for when in ("before", "within", "after")]
)
def test_a_stopped_writer_keeps_its_result(
    folder: Directory, monkeypatch: pytest.MonkeyPatch, where: str, seconds: float, target: dict[str, str]
) -> None:
    """Whatever `gc` has taken meanwhile, and nothing of the first try stays for longer than until the next `gc`."""
    now = time.time

    def stop() -> None:
        gc(folder)
        monkeypatch.setattr(time, "time", lambda: now() + seconds)

    stopped = Stopped(folder, where, stop)
    ResultStore(stopped, PickleCodec()).write(LARGE, **target)
    store = ResultStore(folder, PickleCodec())

    assert stopped.act is None
    assert LARGE == store.read(primary(target))
    gc(folder)
    assert [store.record(primary(target)).path] == payloads(folder)
    if "name" in target:
        assert LARGE == PickleCodec().load(source(folder.get("report.pkl")))
        assert all(LARGE == store.read(key) for key in (target.get("key"),) if key)


def source(data: Any) -> Any:
    from holdall.serialization.sources import MemorySource
    from holdall.types import Trust

    return MemorySource(bytes(data), Trust(accept=frozenset({"pickle"})))


@pytest.mark.parametrize("target", TARGETS)
def test_who_is_not_stopped_asks_for_nothing_more(folder: Directory, target: dict[str, str]) -> None:
    """A payload and its records, in as many requests; and with a name what its readable copy needs."""

    class Counting(FaultyStorage):
        asked: list[str] = []  # noqa: RUF012 - one test, one list

        def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
            self.asked.append("put")
            return super().put(key, parts, mode=mode)

        def head(self, key: str, /) -> Any:
            if key.startswith(PAYLOADS):
                self.asked.append("head")
            return super().head(key)

    counting = Counting(folder)
    ResultStore(counting, PickleCodec()).write(LARGE, **target)

    assert ["put"] * (1 + len(target)) == counting.asked


def test_a_payload_that_goes_each_time_is_an_error(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is on it, and it says what may be the matter."""
    now, passed = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: now() + passed[0])

    class Cleared(FaultyStorage):
        def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
            meta = super().put(key, parts, mode=mode)
            gc(self.inner) if key.startswith(PAYLOADS) else None
            passed[0] += 2
            return meta

    with pytest.raises(StorageError, match="its payload was deleted each time before its record was written") as caught:
        ResultStore(Cleared(folder), PickleCodec()).write(LARGE, key="k")
    assert caught.value.value == LARGE


def test_what_goes_while_it_is_checked_is_written_anew(folder: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing of the serializer that the bytes are gone."""
    from holdall.results.policy import policy_of
    from holdall.serializers import JSONSerializer
    from holdall.settings import model as settings

    monkeypatch.setenv("HOLDALL_RESULTS_VERIFY_ROUNDTRIP", "always")
    through = Meanwhile(folder, "get", lambda: gc(folder), key=PAYLOADS)
    store = ResultStore(through, JSONSerializer(), policy=policy_of(folder, settings.current()))
    store.write([LARGE], key="k")

    assert through.happened
    assert [LARGE] == store.read("k")


WRITER = """
    import os, signal, sys
    from holdall.builtin.local.directory import Directory
    from holdall.builtin.pickle.codec import PickleCodec
    from holdall.results.layout import PAYLOADS, record_key
    from holdall.results.store import ResultStore

    where = sys.argv[1]

    def stop(at):
        global where
        if where == at:
            where = None
            os.kill(os.getpid(), signal.SIGSTOP)

    class Stopping(Directory):
        __slots__ = ()

        def put(self, key, parts, /, *, mode="overwrite"):
            what = "payload" if key.startswith(PAYLOADS) else "record"
            stop(f"before {what}")
            meta = super().put(key, within(parts, what), mode=mode)
            stop(f"after {what}")
            return meta

    def within(parts, what):
        yield from parts
        stop(f"within {what}")

    ResultStore(Stopping("shelf"), PickleCodec()).write("x" * 20_000, key=record_key("k"), name="report")
"""


@pytest.mark.parametrize("where", ["within payload", "after payload", "before record", "within record"])
def test_a_process_that_is_stopped_keeps_its_result(place: Path, folder: Directory, where: str) -> None:
    """By SIGSTOP, for so long that `gc` takes its payload; and then it goes on."""
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), where], stderr=subprocess.PIPE)
    try:
        _, status = os.waitpid(writer.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), writer.stderr.read() if writer.stderr else None
        since = time.monotonic()
        while time.monotonic() < since + 1.2:
            gc(folder)
        assert where == "within payload" or payloads(folder) == []
        os.kill(writer.pid, signal.SIGCONT)
        _, trouble = writer.communicate(timeout=60)
    finally:
        writer.kill()
        writer.wait()
    store = ResultStore(folder, PickleCodec())

    assert (0, b"") == (writer.returncode, trouble)
    assert [LARGE, LARGE] == [store.read(record_key("k")), store.read(name_key("report"))]
    assert (place / "shelf" / "report.pkl").stat().st_size > 20_000
