"""Results in the memory of this process."""

from __future__ import annotations

import pickle
import uuid
from typing import TYPE_CHECKING, ClassVar

import pytest

from holdall.builtin.memory import MemoryFileSystem
from holdall.errors import StorageError
from holdall.testing.storage.contract import StorageContract

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    block = MemoryFileSystem(namespace=uuid.uuid4().hex)
    yield block
    block.clear()


class TestContract(StorageContract):
    """The contract of every storage, in memory."""

    shared_between_processes: ClassVar[bool] = False

    @pytest.fixture
    def storage(self, memory: MemoryFileSystem) -> MemoryFileSystem:
        return memory


def test_blocks_of_one_namespace_share_their_objects(memory: MemoryFileSystem) -> None:
    """A namespace is one store in the process, however many blocks name it."""
    memory.put("object", [b"shared"])
    other = MemoryFileSystem(namespace=memory.namespace)

    assert other == memory
    assert other.get("object") == b"shared"
    assert not MemoryFileSystem(namespace=f"{memory.namespace}2").exists("object")


def test_a_pickled_block_finds_the_objects_again(memory: MemoryFileSystem) -> None:
    """Within one process a pickled block is the same store."""
    memory.put("object", [b"x"])

    assert pickle.loads(pickle.dumps(memory)).get("object") == b"x"


def test_keys_are_those_of_the_disk(memory: MemoryFileSystem) -> None:
    """A key that no file could have is refused here too, so that tests in memory do not mislead."""
    with pytest.raises(StorageError, match=r"put of '\.\./x' refused: the key has the segment '\.\.'") as caught:
        memory.put("../x", [b""])

    assert (caught.value.block, caught.value.key, caught.value.operation) == ("memory", "../x", "put")


def test_location_names_the_namespace() -> None:
    """The location is what a reference keeps."""
    assert MemoryFileSystem(namespace="mine").location() == {"namespace": "mine"}
    assert MemoryFileSystem().location() == {"namespace": "default"}
