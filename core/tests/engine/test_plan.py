"""What a storage cannot hold is refused before the body runs: names, and places."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import flow, task
from holdall.abc.keys import refuse
from holdall.builtin.local.directory import Directory
from holdall.builtin.memory import MemoryFileSystem
from holdall.errors import ConfigurationError, PluginMissingError, StorageError
from holdall.filesystems import LocalFileSystem
from holdall.testing.distributions import absent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("place")

NAMES = [
    *("../../elsewhere", "..", "a/../../b", "./a/.", "a\nb", "a\0b", "a\tb", "a//b", "\x7f", "back\\slash"),
    *("x" * 3000, "x" * 250, "\u00e9" * 130, "/".join(["abc"] * 2_000), "lone\ud800", "com1", "aux.txt"),
]


class Short(MemoryFileSystem):
    """Takes names of 40 bytes."""

    slug: ClassVar[str] = "test-short"

    def check_key(self, key: str, /) -> None:
        super().check_key(key)
        if len(key.encode()) > 40:
            refuse(key, "is longer than 40 bytes")


class Broken(MemoryFileSystem):
    """A plugin with a fault in what it is asked first."""

    slug: ClassVar[str] = "test-broken"

    def check_key(self, key: str, /) -> None:
        raise RuntimeError(f"no idea what {key} is")


def ran(place: Path) -> bool:
    return (place / "ran").exists()


def body(name: str) -> dict[str, str]:
    with open("ran", "a", encoding="utf-8") as file:
        file.write("x")
    return {"name": name[:10]}


async def slow_body(name: str) -> dict[str, str]:
    return body(name)


OPTIONS: dict[str, Any] = {"result_storage": "./out", "result_storage_key": "daily/{parameters[name]}"}
named = task(body, **OPTIONS)


def by_call(name: str) -> Any:
    return named(name)


def by_flow(name: str) -> Any:
    return flow(body, **OPTIONS)(name)


def by_async_call(name: str) -> Any:
    return asyncio.run(task(slow_body, **OPTIONS)(name))


def by_cached_call(name: str) -> Any:
    return task(body, **OPTIONS, cache_key_fn=lambda *_: name[:9])(name)


def by_threads(name: str) -> Any:
    return flow(lambda: named.submit(name).result(), name="around")()


def by_processes(name: str) -> Any:
    return flow(lambda: named.submit(name).result(), name="around", task_runner="processes")()


def by_block(name: str) -> Any:
    return task(body, **{**OPTIONS, "result_storage": LocalFileSystem(basepath="out")})(name)


def in_memory(name: str) -> Any:
    return task(body, **{**OPTIONS, "result_storage": MemoryFileSystem(namespace="refused")})(name)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize(
    "call", [by_call, by_flow, by_async_call, by_cached_call, by_block], ids=lambda each: each.__name__
)
def test_a_name_that_no_file_can_have_costs_no_work(call: Callable[[str], Any], name: str, place: Path) -> None:
    """However the body would have run; the error says what is wrong and what a good name is like."""
    with pytest.raises(
        ConfigurationError, match=r"The storage key .*Use a relative name|comes to a name that results cannot have"
    ) as caught:
        call(name)

    assert not ran(place)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("call", [by_threads, by_processes, in_memory], ids=lambda each: each.__name__)
def test_a_worker_refuses_it_too(call: Callable[[str], Any], place: Path) -> None:
    """And what is kept in memory goes by the same names, as far as segments go."""
    with pytest.raises(ConfigurationError, match="control character"):
        call("a\nb")

    assert not ran(place)


@pytest.mark.parametrize("call", [by_call, by_flow, by_block, in_memory], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", ["fine", "with space/and \u00fcmlaut", "x" * 200, "2024-01-01T00:00:00"])
def test_a_good_name_is_kept(call: Callable[[str], Any], name: str, place: Path) -> None:
    """Up to the length that leaves room for an extension."""
    assert {"name": name[:10]} == call(name)
    assert ran(place)


def test_the_storage_itself_says_what_it_takes(place: Path) -> None:
    """The name of the readable copy counts, which is longer than what was asked for."""
    short = task(body, result_storage=Short(), result_storage_key="{parameters[name]}")

    for name in ("x" * 41, "x" * 30):
        with pytest.raises(ConfigurationError, match="longer than 40 bytes"):
            short(name)
    assert not ran(place)
    assert {"name": "x" * 10} == short("x" * 20)


def test_a_storage_that_fails_to_say_is_an_error_of_ours(place: Path) -> None:
    """The plugin's own exception is the cause."""
    with pytest.raises(ConfigurationError, match="cannot say what it could store.*tell the author of") as caught:
        task(body, result_storage=Broken(), result_storage_key="x")("x")

    assert isinstance(caught.value.__cause__, RuntimeError)
    assert not ran(place)


PLACES = [
    *("s4://bucket/x", "s33://bucket", "gx://bucket", "://x", "nothing://", "1s3://bucket", " s3://bucket"),
    *("s3:/bucket/x", "s3//bucket", "s4/prod", "nowhere", "local-file-system://x", "local-file-system://"),
    *(
        "file://host/data",
        "file:results",
        "memory://host",
        "./file",
        "./file/below",
        "./dangling",
        "./loop",
        "~nobody-at-all/x",
    ),
    *("./nul\0", "file:///nul%00x"),
]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("kind", [task, flow], ids=["task", "flow"])
def test_a_place_that_can_hold_nothing_costs_no_work(kind: Any, where: str, place: Path) -> None:
    """Schemes that nobody speaks, malformed URLs, slugs of nothing, files in the place of folders."""
    (place / "file").write_text("precious")
    (place / "dangling").symlink_to(place / "nothing")
    (place / "loop").symlink_to(place / "loop")
    before = sorted(os.listdir(place))

    with absent("holdall-fsspec"), pytest.raises(ConfigurationError):
        kind(body, result_storage=where, persist_result=True)("x")

    assert not ran(place)
    assert {*before, "home"} == {*os.listdir(place), "home"}
    assert "precious" == (place / "file").read_text()


def test_what_is_said_of_a_scheme() -> None:
    """The nearest, what is known, and an install line for what is ours alone."""
    with absent("holdall-fsspec"):
        with pytest.raises(ConfigurationError, match=r"no storage speaks s4://\. Did you mean .*Known: .*gs://.*s3://"):
            task(body, result_storage="s4://bucket")("x")
        with pytest.raises(ConfigurationError, match=r"no storage speaks mongodb://\. Known: ") as caught:
            task(body, result_storage="mongodb://host")("x")
    assert "pip install mongodb" not in str(caught.value)
    with absent("holdall-s3"), pytest.raises(PluginMissingError, match="pip install holdall-s3"):
        task(body, result_storage="s3://bucket")("x")


def test_a_file_in_the_way_is_no_obstacle_to_who_runs_in_spite_of_it(place: Path) -> None:
    """`spool` and `on_storage_error="run"` say that the work is to be done."""
    (place / "file").write_text("")

    with pytest.warns(Warning, match="spool"):
        value = task(body, result_storage=LocalFileSystem(basepath="file", on_failure="spool"))("x")

    assert {"name": "x"} == value


@pytest.mark.parametrize("storage", [Directory, lambda base: LocalFileSystem(basepath=base)])
def test_check_place_of_folders(storage: Any, tmp_path: Path) -> None:
    """What is not there yet is made; nothing is made by the look."""
    (tmp_path / "file").write_text("")
    storage(str(tmp_path)).check_place()
    storage(str(tmp_path / "a" / "b")).check_place()

    with pytest.raises(StorageError, match="is no folder"):
        storage(str(tmp_path / "file" / "below")).check_place()
    assert ["file"] == os.listdir(tmp_path)


def test_a_path_longer_than_the_system_takes_is_refused(tmp_path: Path) -> None:
    """Exactly where writing fails."""
    folder = Directory(str(tmp_path))
    for length in range(63, 68):
        stem = "/".join(["x" * 60] * length)
        for extra in range(60):
            key = stem + "/" + "y" * (extra + 1)
            try:
                folder.check_key(key)
            except ConfigurationError:
                with pytest.raises(StorageError):
                    folder.put(key, [b"x"])
                return
            folder.put(key, [b"x"])
            folder.delete(key)
    pytest.fail("no path was too long")
