"""What is Azure's own: blocks that count when they are committed, and folders of a Data Lake."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.services.process import until

from holdall import load_result, task
from holdall.errors import KeyExists, KeyMissing, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.azure import Azurite

    from holdall.types import ObjectMeta, WriteMode
    from holdall_azure import Azure

pytestmark = pytest.mark.services

MIB = 1 << 20


@pytest.fixture
def block(make: Callable[..., Azure], container: str) -> Azure:
    """With pieces as small as they may be."""
    return make(f"{container}/some/prefix", chunk_size=5 * MIB)


@pytest.mark.parametrize("mode", ["overwrite", "create"])
def test_large_objects_go_round(block: Azure, mode: WriteMode) -> None:
    """20 MiB in uneven parts come back the same, and only what was committed is there."""
    content = os.urandom(20 * MIB)
    view = memoryview(content)
    cuts = [0, 1, 5 * MIB + 3, 5 * MIB + 4, 15 * MIB, 20 * MIB]

    meta = block.put("large", (view[a:b] for a, b in pairwise(cuts)), mode=mode)

    assert content == block.get("large")
    assert (20 * MIB, meta.etag) == (meta.size, block.head("large").etag)
    with pytest.raises(KeyExists):
        block.put("large", [bytes(6 * MIB)], mode="create")


def test_parts_that_fail_leave_nothing_to_see(block: Azure, azurite: Azurite, container: str) -> None:
    """Blocks stay, which no listing shows; the next writer of the key is not hindered by them."""

    def parts() -> Iterator[bytes]:
        yield bytes(12 * MIB)
        raise ZeroDivisionError("from the caller")

    with pytest.raises(ZeroDivisionError, match="from the caller"):
        block.put("never", parts())

    assert [] == azurite.keys(container)
    assert not block.exists("never")
    block.put("never", [b"after all"], mode="create")
    assert b"after all" == block.get("never")


def test_a_writer_that_is_overtaken_says_so(block: Azure, azurite: Azurite, container: str) -> None:
    """Whoever commits first drops the blocks of the others: they are to write again, and the winner's bytes stay."""

    def parts() -> Iterator[bytes]:
        yield bytes(12 * MIB)
        if not block.exists("k"):
            until(lambda: azurite.unfinished(container) != [], seconds=30, what=lambda: "a block")
        block.put("k", [b"!" * (6 * MIB)])
        yield bytes(6 * MIB)

    with pytest.raises(StorageError, match="another writer of this key finished meanwhile") as caught:
        block.put("k", parts())
    assert caught.value.transient
    assert b"!" * (6 * MIB) == block.get("k")
    with pytest.raises(KeyExists):
        block.put("k", parts(), mode="create")


@pytest.mark.parametrize("mark", ["hdi_isfolder", "Hdi_isfolder", "is_directory"])
def test_directories_are_no_objects(block: Azure, azurite: Azurite, container: str, mark: str) -> None:
    """Each directory of a Data Lake is an empty blob with a mark, and those of adlfs are, which no storage has as a key."""
    blobs = azurite.client().get_container_client(container)
    blobs.upload_blob("some/prefix/folder", b"", metadata={mark: "true"})
    blobs.upload_blob("some/prefix/marked/", b"")  # as consoles do, and no object "marked"
    blobs.upload_blob("some/prefix/no folder", b"1", metadata={mark: "false"})
    block.put("folder/object", [b"1"])

    assert ["folder/object", "no folder"] == [meta.key for meta in block.scan()]
    assert b"1" == block.get("no folder")
    for key in ("folder", "marked"):
        assert not block.exists(key)
        for ask in (block.get, block.head):
            with pytest.raises(KeyMissing):
                ask(key)


def test_blocks_of_others_do_not_get_in_between(block: Azure, azurite: Azurite, container: str) -> None:
    """Two writers of one key have blocks of different names."""
    blob = azurite.client().get_blob_client(container, "some/prefix/k")
    blob.stage_block("0" * 30, b"somebody else's")

    block.put("k", [b"a" * (6 * MIB)])

    assert 6 * MIB == block.head("k").size


def test_of_racing_uploads_one_wins(block: Azure) -> None:
    """Each needs several requests, and the condition is on the last of them."""

    def race(number: int) -> int | None:
        try:
            block.put("lock", [bytes([number]) * (6 * MIB)], mode="create")
        except KeyExists:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        winners = [number for number in pool.map(race, range(4)) if number is not None]

    assert 1 == len(winners)
    assert bytes([winners[0]]) * (6 * MIB) == block.get("lock")


def test_a_signature_is_enough_to_publish(azurite: Azurite, make: Callable[..., Azure], container: str) -> None:
    """The copy is made in the store, which has to be let read its source."""
    block = make(container, sas_token=azurite.sas_token("rwlc"))
    block.put("payload ☃", [b"bytes"])

    block.publish("payload ☃", "report 1.csv")

    assert b"bytes" == block.get("report 1.csv")


def test_public_containers_need_no_credentials(azurite: Azurite, make: Callable[..., Azure]) -> None:
    """Anonymous requests read what everybody may, and write nothing."""
    name = azurite.new_container()
    azurite.client().get_container_client(name).set_container_access_policy({}, public_access="container")
    make(name).put("k", [b"for all"])
    public = make(name, anonymous=True)

    assert b"for all" == public.get("k")
    assert not public.exists("other")
    with pytest.raises(StorageError):
        public.put("k", [b"mine"])


def test_a_private_container_is_no_absence_to_strangers(
    block: Azure, container: str, make: Callable[..., Azure]
) -> None:
    """Azure tells them that there is nothing, which says nothing of the object."""
    block.put("k", [b"1"])
    stranger = make(f"{container}/some/prefix", anonymous=True)

    for ask in (stranger.get, stranger.head, stranger.exists):
        with pytest.raises(StorageError) as caught:
            ask("k")
        assert not isinstance(caught.value, KeyMissing)


def test_a_result_is_kept_and_found_by_url_and_by_slug(
    azurite: Azurite, container: str, make: Callable[..., Azure], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the environment's credentials, and from a saved block's."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path))
    for name, value in azurite.environment().items():
        monkeypatch.setenv(name, value)
    make(f"{container}/slug").save("prod")

    @task(persist_result=True, result_storage_key="answer")
    def answer() -> dict[str, int]:
        return {"answer": 42}

    for storage in (f"az://{container}/url", f"abfs://{container}/other", "azure/prod"):
        state = answer.with_options(result_storage=storage, return_state=True)()

        assert {"answer": 42} == state.reference.get() == load_result(key="answer", storage=storage)


def test_what_comes_between_the_look_and_the_deletion_stays(block: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deletion is of the version that was looked at."""
    block.put("k", [b"old"])
    meta = block.head("k")
    look = type(block).head

    def overtaken(self: Azure, key: str, /) -> ObjectMeta:
        found = look(self, key)
        block.put("k", [b"new"])
        return found

    monkeypatch.setattr(type(block), "head", overtaken)

    assert block.delete_unchanged(meta) is False
    assert block.get("k") == b"new"
