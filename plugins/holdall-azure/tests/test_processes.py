"""A block in the processes that a task runner makes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.services.azure import Azurite

    from holdall_azure import Azure

pytestmark = pytest.mark.services


def test_a_forked_child_has_a_client_of_its_own(block: Azure) -> None:
    """The parent's has a thread and sockets that the child must not touch; the parent goes on with it."""
    block.put("k", [b"parent"])
    reading, writing = os.pipe()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads: the point of the test
        child = os.fork()
    if child == 0:
        try:
            said = bytes(block.get("k"))
            block.put("child", [b"child"])
        except BaseException as error:  # noqa: BLE001 - nothing may return from a forked test
            said = repr(error).encode()
        os.write(writing, said)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said_by_child = pipe.read()
    os.waitpid(child, 0)

    assert b"parent" == said_by_child
    assert b"child" == block.get("child")


def test_a_spawned_child_takes_credentials_from_its_environment(
    block: Azure, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pickled block brings the place, the environment the secrets."""
    block.put("k", [b"bytes"])
    for name, value in azurite.environment().items():
        monkeypatch.setenv(name, value)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)

    child = context.Process(target=exec, args=(_READ, {"pickled": pickle.dumps(block), "sender": sender}))
    child.start()
    said = receiver.recv() if receiver.poll(30) else "nothing"
    child.join()

    assert b"bytes" == said


_READ = "import pickle; sender.send(bytes(pickle.loads(pickled).get('k')))"


def test_the_async_twins_do_the_same(block: Azure) -> None:
    """In an event loop of the caller's."""

    async def round_trip() -> tuple[bytes, int, list[str], bool]:
        await block.aput("k", [b"async"])
        got = bytes(await block.aget("k"))
        size = (await block.ahead("k")).size
        keys = [meta.key async for meta in block.ascan()]
        await block.adelete("k")
        return got, size, keys, await block.aexists("k")

    assert (b"async", 5, ["k"], False) == asyncio.run(round_trip())
