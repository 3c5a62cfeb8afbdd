"""What a read may fill: declared sizes, the setting, the free memory, and what is said where they are passed."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from holdall import task
from holdall.builtin.local.directory import Directory
from holdall.errors import CorruptResultError, UntrustedResultError
from holdall.ids import new_id, shard
from holdall.results import record as records
from holdall.results.checksum import Checksummer
from holdall.results.layout import name_key
from holdall.results.payload import bounds
from holdall.results.payload.bounds import UNDECLARED, bounded, free_memory
from holdall.results.references import from_json
from holdall.results.store import ResultStore
from holdall.security.policy import Policy
from holdall.serializers import CompressedSerializer, JSONSerializer
from holdall.types import Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from holdall.types import Buffer

TEXT = "x" * 3_000_000
SIZE = len(TEXT) + 2
"""Bytes of its JSON."""
CODEC = CompressedSerializer(serializer="json")


class Reading(Directory):
    """Notes what is read."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.reads: list[str] = []

    def get(self, key: str, /, *, byte_range: Any = None) -> Buffer:
        self.reads.append(key.partition("/")[0])
        return super().get(key, byte_range=byte_range)


@pytest.fixture
def storage(tmp_path: Path) -> Reading:
    return Reading(str(tmp_path / "store"))


def store_of(storage: Directory, codec: Any = CODEC, **policy: Any) -> ResultStore:
    return ResultStore(storage, codec, policy=Policy(**policy))


def seal(storage: Directory, key: str, member: Callable[[int], dict[str, Any]], *, inline: bool = False) -> None:
    """A record of `TEXT` as an honest store writes it; `member` says what its payload says beside its size."""
    data = gzip.compress(f'"{TEXT}"'.encode())
    store = store_of(storage)
    payload: dict[str, Any] = {"size": len(data), **member(len(data)), "media_type": "application/gzip"}
    more = ""
    if inline:
        form, inlined = records.inline_form(data, "application/gzip")
        payload["inline"], more = form, f',"data":{inlined.decode()}'
    else:
        through = Checksummer()
        unique = new_id()
        path = f"payloads/{shard(unique)}/{unique}.json.gz"
        storage.put(path, list(through.through([data])))
        payload |= {"path": path, "checksum": json.loads(through.checksum().json())}
    how = json.dumps({"type": "compressed", "options": CODEC.options()}, separators=(",", ":"))
    body = records.body(
        records.head(store.place, how),
        key=key,
        written_with="{}",
        payload=json.dumps(payload, separators=(",", ":")) + more,
        created=0.0,
        expires=None,
        producer='{"name":"n","run_id":"1"}',
    )
    storage.put(key, [records.seal(body.encode())])


def test_what_reading_makes_is_declared(storage: Reading) -> None:
    """Of what may grow alone, in large payloads and in small ones."""
    store_of(storage).write(TEXT, name="large")
    store_of(storage).write(TEXT, key="small")
    store_of(storage, JSONSerializer()).write(TEXT, key="plain")
    members = [json.loads(storage.get(key))["payload"].get("decoded") for key in (name_key("large"), "small", "plain")]

    assert [SIZE, SIZE, None] == members
    assert TEXT == store_of(storage).read(name_key("large")) == store_of(storage).read("small")


def test_layers_are_declared_together(storage: Reading) -> None:
    """Each makes its own bytes: the bound is for all of them."""
    twice = CompressedSerializer(serializer=CompressedSerializer(serializer="json", compressionlib="bz2"))
    inner = b"".join(CompressedSerializer(serializer="json", compressionlib="bz2").dump(TEXT))
    store_of(storage, twice).write(TEXT, key="twice")

    assert SIZE + len(inner) == store_of(storage).record("twice").payload.decoded  # type: ignore[union-attr]
    assert TEXT == store_of(storage).read("twice")


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("declared", [0, 1, SIZE - 1])
def test_what_grows_beyond_its_declaration_is_corrupt(storage: Reading, declared: int, *, inline: bool) -> None:
    """By one byte or by many; the message has both sizes. The short way of a hit asks the same."""
    seal(storage, "a", lambda _: {"decoded": declared}, inline=inline)
    with pytest.raises(
        CorruptResultError,
        match=rf"make [\d,]+ bytes or more, and {declared:,} is the bound here\. Its record declares {declared:,} bytes in all",
    ):
        store_of(storage).read("a")
    if inline:
        with pytest.raises(CorruptResultError):
            store_of(storage).read_quickly("a")


@pytest.mark.parametrize("inline", [False, True])
def test_what_is_declared_is_read(storage: Reading, *, inline: bool) -> None:
    """Up to the byte."""
    seal(storage, "a", lambda _: {"decoded": SIZE}, inline=inline)

    assert TEXT == store_of(storage).read("a")
    assert ((TEXT, "1") if inline else None) == store_of(storage).read_quickly("a")


def test_more_than_the_setting_is_refused_before_a_byte_is_read(storage: Reading) -> None:
    """With what to set."""
    seal(storage, "a", lambda _: {"decoded": SIZE})
    storage.reads.clear()
    with pytest.raises(
        UntrustedResultError,
        match=rf"declares {SIZE:,} bytes, and 1,000 are allowed here.*HOLDALL_RESULTS_MAX_BYTES .* to {SIZE} or more",
    ):
        store_of(storage, max_bytes=1000).read("a")

    assert ["a"] == storage.reads
    assert TEXT == store_of(storage, max_bytes=SIZE).read("a")


def test_the_setting_bounds_what_is_stored_as_well(storage: Reading) -> None:
    """Whatever the serializer, and whatever is declared."""
    store_of(storage, JSONSerializer()).write(TEXT, key="plain")
    with pytest.raises(UntrustedResultError, match=f"declares {SIZE:,} bytes"):
        store_of(storage, JSONSerializer(), max_bytes=1000).read("plain")
    assert TEXT == store_of(storage, JSONSerializer(), max_bytes=SIZE).read("plain")


@pytest.mark.parametrize("inline", [False, True])
def test_old_records_are_read_up_to_the_setting(storage: Reading, *, inline: bool) -> None:
    """They declare nothing."""
    seal(storage, "old", lambda _: {}, inline=inline)
    with pytest.raises(
        CorruptResultError, match=r"declares none, and 2,000,000 are allowed here.*set HOLDALL_RESULTS_MAX"
    ):
        store_of(storage, max_bytes=2_000_000).read("old")

    assert TEXT == store_of(storage, max_bytes=SIZE).read("old") == store_of(storage).read("old")


@pytest.mark.parametrize("declared", [-1, True, 1.5, "1", [1], {}])
@pytest.mark.parametrize("inline", [False, True])
def test_a_declaration_that_is_no_size_is_corrupt(storage: Reading, declared: Any, *, inline: bool) -> None:
    """Of either kind of record."""
    seal(storage, "a", lambda _: {"decoded": declared}, inline=inline)
    with pytest.raises(CorruptResultError, match="decoded is"):
        store_of(storage).read("a")


def test_more_than_the_free_memory_is_refused(storage: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no setting says that it may be read; what is small is read without a look at the memory."""
    seal(storage, "huge", lambda _: {"decoded": 1 << 50})
    seal(storage, "small", lambda _: {"decoded": SIZE})
    monkeypatch.setattr(bounds, "free_memory", lambda: 1000)
    with pytest.raises(
        UntrustedResultError, match=r"1,125,899,906,842,624 bytes, and 1,000 bytes of memory are free here"
    ):
        store_of(storage).read("huge")

    assert TEXT == store_of(storage).read("small")
    assert TEXT == store_of(storage, max_bytes=1 << 50).read("huge")


@pytest.mark.parametrize(
    ("stored", "free", "expected"),
    [
        (1000, None, UNDECLARED),
        (1000, 5000, 5000),
        (1 << 30, None, 64 << 30),
        (1 << 30, 3 << 30, 3 << 30),
    ],
)
def test_the_default_for_old_records(
    monkeypatch: pytest.MonkeyPatch, stored: int, free: int | None, expected: int
) -> None:
    """A gigabyte, or 64 times what is stored, as far as memory is free."""
    monkeypatch.setattr(bounds, "free_memory", lambda: free)
    found = bounded(Trust(), stored=stored, declared=None, expands=True, limit=None)

    assert expected == found.max_bytes


def test_some_columns_of_much_are_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are held to the bound as they are read."""
    monkeypatch.setattr(bounds, "free_memory", lambda: 5 << 30)
    declared = bounded(Trust(), stored=1, declared=1 << 40, expands=True, limit=None, partly=True)
    limited = bounded(Trust(), stored=1 << 40, declared=1 << 40, expands=True, limit=1000, partly=True)

    assert (5 << 30, 1000) == (declared.max_bytes, limited.max_bytes)


def test_a_cached_call_computes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is a miss there, with a warning that says why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    ran: list[int] = []

    @task(cache_key_fn=lambda *_: "k", result_serializer="compressed/json", return_state=True)
    def work() -> str:
        ran.append(1)
        return TEXT

    reference = work().reference.json()  # type: ignore[attr-defined]

    assert (TEXT, [1]) == (work().result(), ran)  # type: ignore[attr-defined]
    monkeypatch.setenv("HOLDALL_RESULTS_MAX_BYTES", "1MB")
    with pytest.raises(UntrustedResultError, match="1,000,000 are allowed"):
        from_json(reference).get()
    with pytest.warns(UserWarning, match="1,000,000 are allowed"):
        assert TEXT == work().result()  # type: ignore[attr-defined]
    assert [1, 1] == ran


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system of the test's own, with 1,000 KiB free and no limits."""
    (tmp_path / "meminfo").write_text("MemTotal:       9000 kB\nMemAvailable:   1000 kB\n")
    (tmp_path / "cgroup").write_text("")
    monkeypatch.setattr(bounds, "_MEMINFO", str(tmp_path / "meminfo"))
    monkeypatch.setattr(bounds, "_GROUPS", str(tmp_path / "cgroup"))
    monkeypatch.setattr(bounds, "_LIMITS", str(tmp_path / "limits"))
    return tmp_path


def group(folder: Path, names: tuple[str, str], limit: str, used: int, stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(stat)


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
V2 = ("memory.max", "memory.current")


def test_free_memory_is_what_the_system_says(system: Path) -> None:
    """Where there are no groups, or none with a limit."""
    assert 1000 << 10 == free_memory()
    (system / "cgroup").write_text("0::/a\n\nodd\n")
    group(system / "limits" / "a", V2, "max", 5, "")
    assert 1000 << 10 == free_memory()


def test_free_memory_is_what_the_groups_leave(system: Path) -> None:
    """The tightest of the process's own and of those around it; pages that are only cached are free."""
    (system / "cgroup").write_text("0::/a/b\n")
    group(system / "limits" / "a" / "b", V2, "500000", 1000, "inactive_file 0\n")
    group(system / "limits" / "a", V2, "100000", 30_000, "anon 5\ninactive_file 10000\n")

    assert 80_000 == free_memory()


def test_free_memory_in_a_container_and_in_the_older_version(system: Path) -> None:
    """There the path is the host's, and only the root is mounted."""
    (system / "cgroup").write_text("3:cpu:/x\n5:memory:/docker/abc\n")
    group(system / "limits" / "memory", V1, "100000", 30_000, "cache 7\ntotal_inactive_file 1000\n")

    assert 71_000 == free_memory()


def test_free_memory_elsewhere(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the C library says, or not at all."""
    (system / "meminfo").unlink()
    (system / "cgroup").unlink()

    def sysconf(name: str) -> int:
        if name == "SC_AVPHYS_PAGES":
            raise ValueError(name)
        return {"SC_PHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}[name]

    monkeypatch.setattr(bounds.os, "sysconf", sysconf)

    assert 40960 == free_memory()
    monkeypatch.delattr(bounds.os, "sysconf")
    assert None is free_memory()
