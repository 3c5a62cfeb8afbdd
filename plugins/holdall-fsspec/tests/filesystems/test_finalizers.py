"""The connections of Azure's file system: closed with its last reference, and left alone by forked children."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from weakref import finalize, getweakrefs, ref

import pytest
from tests.services.process import until

from holdall_fsspec import FsspecFileSystem
from holdall_fsspec.filesystems.finalizers import leave_to_parent

if TYPE_CHECKING:
    from tests.services.azure import Azurite

pytestmark = pytest.mark.services
PROTOCOLS = ["az", "abfs", "abfss"]


def block_at(azurite: Azurite, url: str) -> FsspecFileSystem:
    """A block of adlfs on the server."""
    return FsspecFileSystem(basepath=url, secret_settings={"connection_string": azurite.connection_string})


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("used", [True, False])
def test_file_systems_of_azure_are_freed(azurite: Azurite, protocol: str, *, used: bool) -> None:
    """With their blocks; their connections are closed."""
    block = block_at(azurite, f"{protocol}://{azurite.new_container()}/p")
    filesystem = block.client
    if used:
        block.put("k", [b"1"], mode="create")
        assert [("k", b"1")] == [(meta.key, bytes(block.get(meta.key))) for meta in block.scan()]
    assert 1 == len([each for each in getweakrefs(filesystem) if isinstance(each.__callback__, finalize)])
    freed, transport = ref(filesystem), filesystem.service_client._pipeline._transport
    session = transport.session
    assert (session is not None) == used
    block.close()
    del block, filesystem

    def nothing() -> bool:
        gc.collect()
        return freed() is None and (session is None or session.closed)

    until(nothing, seconds=10, what=lambda: f"{freed()} {session}")


def test_sources_of_tokens_are_closed_as_well() -> None:
    """adlfs makes one where a service principal is given."""
    principal = {"tenant_id": "a-tenant", "client_id": "a-client", "client_secret": "a-secret"}
    block = FsspecFileSystem(
        basepath="abfs://container/p", settings={"account_name": "lakes"}, secret_settings=principal
    )
    (found,) = [each.__callback__ for each in getweakrefs(block.client) if isinstance(each.__callback__, finalize)]
    filesystem = block.client

    assert found.peek()[2][2] == (filesystem.service_client, filesystem.credential)


FORKED = """
import os, sys
from holdall_fsspec import FsspecFileSystem

block = FsspecFileSystem(basepath=sys.argv[1], secret_settings={"connection_string": sys.argv[3]})
block.put("parent", [b"of the parent"])
print("parent wrote", flush=True)
child = os.fork()
if child == 0:
    if sys.argv[2] == "used":
        assert block.get("parent") == b"of the parent"
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert block.get("parent") == b"of the parent"
print("both ended")
"""


@pytest.mark.parametrize("use", ["used", "untouched"])
def test_a_forked_child_exits(azurite: Azurite, use: str) -> None:
    """It waits for no event loop of its parent's, and its parent goes on with its connections."""
    url = f"abfs://{azurite.new_container()}/p"
    running = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FORKED, url, use, azurite.connection_string],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = running.communicate(timeout=40)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        said, complained = running.communicate()
        complained = f"it hangs\n{complained}"

    assert ("parent wrote\nboth ended\n", "", 0) == (said, complained, running.returncode)


class _Owner:
    """What has a session."""

    session: Any = None


def test_nothing_is_kept_alive() -> None:
    """By what forks are told of."""
    owner = _Owner()
    leave_to_parent(owner)
    freed = ref(owner)
    del owner

    assert freed() is None
