"""The file system under a block: adlfs's, which is freed with the block and holds up nobody's exit."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import ref

import adlfs
import pytest
from adlfs.utils import close_credential, close_service_client
from azure.identity.aio import ClientSecretCredential
from fsspec.config import conf
from fsspec.json import FilesystemJSONEncoder
from tests.services.process import until

from holdall.errors import KeyMissing
from holdall_azure import Azure
from holdall_azure.filesystem import FileSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services.azure import Azurite

    from holdall_azure.client import AzureClient

KEY = "YS12ZXJ5LXNlY3JldC1rZXk="
SIGNATURE = "sv=1&sig=a-signature"
STRING = f"DefaultEndpointsProtocol=https;AccountName=lakes;AccountKey={KEY};EndpointSuffix=core.windows.net"
PRINCIPAL = {"tenant_id": "a-tenant", "client_id": "a-client", "client_secret": "a-very-secret-word"}
WAYS: dict[str, dict[str, Any]] = {
    "connection string": {"connection_string": STRING},
    "key": {"account_key": KEY},
    "signature": {"sas_token": SIGNATURE},
    "principal": PRINCIPAL,
    "anonymous": {"anonymous": True},
}
OURS = {"_config"}
DIFFERENT = {
    "service_client": "it has our transport",
    "_fs_token_": "a digest of other arguments",
    "storage_args": "the configuration",
    "storage_options": "the configuration",
    "max_concurrency": "adlfs counts file descriptors, for calls that are not made here",
}


@pytest.fixture(params=[pytest.param(way, id=name) for name, way in WAYS.items()])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each way to give a block its credentials."""
    found: dict[str, Any] = request.param
    return found


def opened(**fields: Any) -> FileSystem:
    """The file system of a block of the account `lakes`."""
    return FileSystem(Azure(bucket_path="data", account_name="lakes", **fields).client_config)


@pytest.mark.filterwarnings("ignore:.*FileSystem:ResourceWarning")
def test_it_has_what_adlfs_would_set(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attribute, with the same value, so that a new one in adlfs is not missed; and it closes what adlfs closes."""
    registered: list[Any] = []
    # Its own would keep the instance for the rest of this process.
    monkeypatch.setattr("adlfs.spec.weakref", SimpleNamespace(finalize=lambda *found: registered.append(found[3])))
    names = {"connection_string", "account_key", "sas_token", *PRINCIPAL}
    options = {name: value for name, value in way.items() if name in names}
    theirs = adlfs.AzureBlobFileSystem(
        account_name=None if "connection_string" in way else "lakes",
        anon=bool(way.get("anonymous")),
        skip_instance_cache=True,
        use_listings_cache=False,
        **options,
    )
    ours = opened(**way)

    mirrored = {name for name in vars(theirs) if name in vars(type(theirs)) or callable(vars(theirs)[name])}
    expected, found = vars(theirs), vars(ours)
    assert set(expected) - mirrored - {"account_url"} <= set(found)
    assert set(found) - set(expected) <= {*OURS, "account_url", "blocksize"}
    known = dict(DIFFERENT)
    if "client_secret" in way:
        known |= dict.fromkeys((*PRINCIPAL, "credential", "sync_credential"), "in the source of tokens alone")
        assert type(theirs.credential) is type(ours.credential) is ClientSecretCredential
    if "connection_string" in way:
        known["account_name"] = "the block has read the connection string"
    differing = {
        name
        for name in set(expected) & set(found) - mirrored
        if name != "dircache" and _plain(name, expected[name]) != _plain(name, found[name])
    }
    assert differing <= set(known)
    assert type(theirs.dircache) is type(ours.dircache)
    assert theirs.service_client.url == ours.service_client.url
    assert registered == [close_service_client, *([close_credential] if ours.credential else [])]


def _plain(name: str, value: Any) -> Any:
    return value.removeprefix("?") if name == "sas_token" and value else value


def test_what_fsspec_is_configured_with_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for whatever account; the block says which one, and with what."""
    for protocol in ("abfs", "az", "abfss"):
        monkeypatch.setitem(conf, protocol, {"account_name": "ponds", "sas_token": "sig=theirs", "anon": False})
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sig=theirs")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", STRING.replace("lakes", "ponds"))

    filesystem = opened(account_key=KEY)

    assert ("lakes", KEY, None, None) == (
        filesystem.account_name,
        filesystem.account_key,
        filesystem.sas_token,
        filesystem.connection_string,
    )
    assert "https://lakes.blob.core.windows.net/" == filesystem.service_client.url


def test_it_shows_no_credentials(way: dict[str, Any]) -> None:
    """Neither printed, nor in the arguments that fsspec keeps; and it is neither pickled nor written as JSON."""
    filesystem = opened(**way)

    shown = f"{filesystem!r} {filesystem.storage_args!r} {filesystem.storage_options!r} {filesystem._fs_token}"

    for secret in (KEY, "a-signature", *PRINCIPAL.values()):
        assert secret not in shown
    with pytest.raises(TypeError, match="pickle the block"):
        pickle.dumps(filesystem)
    with pytest.raises(TypeError):
        FilesystemJSONEncoder().encode(filesystem)


def test_those_of_two_blocks_are_two() -> None:
    """What fsspec compares leaves credentials out."""
    one, other = opened(account_key=KEY), opened(account_key="b3RoZXI=")

    assert one is not opened(account_key=KEY)
    assert one == one  # noqa: PLR0124 - the comparison is what is tested
    assert one != other
    assert 2 == len({one, other})


def test_it_is_freed_with_its_last_reference(way: dict[str, Any]) -> None:
    """At once: nothing in it refers back to it."""
    gc.collect()
    gc.disable()
    try:
        filesystem = opened(**way)
        freed = ref(filesystem)
        del filesystem
        assert freed() is None
    finally:
        gc.enable()


@pytest.mark.services
@pytest.mark.parametrize("closed", [True, False])
def test_blocks_leave_nothing_behind(make: Callable[..., Azure], container: str, *, closed: bool) -> None:
    """Neither file systems nor connections, whether or not somebody closes them."""
    freed, sessions = [], []
    for number in range(5):
        block = make(f"{container}/{number}")
        block.put("k", [b"1"])
        client: AzureClient = block.client
        freed.append(ref(client._filesystem))
        sessions.append(client._filesystem.service_client._pipeline._transport.session)
        if closed:
            block.close()
        del block, client

    def nothing() -> bool:
        gc.collect()
        return not any(each() for each in freed) and all(session.closed for session in sessions)

    until(nothing, seconds=10, what=lambda: f"{[each() for each in freed]} {[each.closed for each in sessions]}")


FORKED = """
import os, sys
from holdall_azure import Azure

block = Azure(bucket_path=sys.argv[1])
block.put("parent", [b"of the parent"])
print("parent wrote", flush=True)
child = os.fork()
if child == 0:
    if sys.argv[2] == "used":
        assert block.get("parent") == b"of the parent"
        block.put("child", [b"of the child"])
    elif sys.argv[2] == "dropped":
        block._clients.clear()  # the parent's, with its connections
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert block.get("parent") == b"of the parent"  # its connections are still its own
if sys.argv[2] == "used":
    assert block.get("child") == b"of the child"
print("both ended")
"""


@pytest.mark.services
@pytest.mark.parametrize("use", ["used", "dropped", "untouched"])
def test_a_forked_child_exits(azurite: Azurite, container: str, use: str) -> None:
    """In its own time, whatever it does with the block, and without its parent's connections."""
    running = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FORKED, f"{container}/p", use],
        env={**os.environ, **azurite.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = running.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        said, complained = running.communicate()
        complained = f"it hangs\n{complained}"

    assert ("parent wrote\nboth ended\n", "", 0) == (said, complained, running.returncode)


@pytest.mark.services
@pytest.mark.parametrize("by", ["key", "signature", "connection string"])
def test_logs_have_no_credentials(
    azurite: Azurite, container: str, make: Callable[..., Azure], caplog: pytest.LogCaptureFixture, by: str
) -> None:
    """At the level that says most, of every library below the block."""
    token = azurite.sas_token("rwdlc")
    block = {
        "key": lambda: make(container),
        "signature": lambda: make(container, sas_token=token),
        "connection string": lambda: Azure(bucket_path=container, connection_string=azurite.connection_string),
    }[by]()
    with caplog.at_level(logging.DEBUG):
        block.put("k", [b"1"])
        block.get("k")
        assert ["k"] == [meta.key for meta in block.scan()]
        with pytest.raises(KeyMissing):
            block.get("other")
        block.close()

    shown = "\n".join(f"{record.getMessage()} {record.exc_text} {vars(record)!r}" for record in caplog.records)
    assert caplog.records
    assert azurite.account_key not in shown
    assert token.rpartition("sig=")[2] not in shown


ODD = [
    "a",
    "a/b",
    "a/b/c",
    "a.",
    "a b",
    "a+b",
    "a%2Fb",
    "a?versionid=1",
    "a#b",
    "a&b=<c>",
    "a'\"b",
    "a\\b",
    "a[0]*{b}",
    "ä/ö☃/🙂",
    "container/k",
    "data/data",
    "~tilde",
    "k@v=1",
    "k:1",
    "a//b"[:2] + "z",
    "is_directory/k",
    "long/" + "x" * 240,
]


@pytest.mark.services
@pytest.mark.parametrize("prefix", ["", "/some prefix/a"])
def test_listings_are_those_of_the_service(
    azurite: Azurite, container: str, make: Callable[..., Azure], prefix: str
) -> None:
    """Name, size, version and time of each object, as Azure's own client lists them, however odd the names."""
    block = make(f"{container}{prefix}")
    block.client.page = 5
    names = [key for key in ODD if not _refused(block, key)]
    for number, key in enumerate(names):
        block.put(key, [bytes(number)])
    start = f"{prefix.strip('/')}/" if prefix else ""
    blobs = azurite.client().get_container_client(container).list_blobs(name_starts_with=start or None)
    expected = {
        blob.name.removeprefix(start): (blob.size, blob.etag.strip('"'), blob.last_modified.timestamp())
        for blob in blobs
    }

    listed = {meta.key: (meta.size, meta.etag, meta.modified) for meta in block.scan()}

    assert len(names) > 15
    assert set(names) == set(listed)
    assert expected == listed
    assert listed == {key: (meta.size, meta.etag, meta.modified) for key in names for meta in [block.head(key)]}
    for key in names:
        assert key in [meta.key for meta in block.scan(key)]


def _refused(block: Azure, key: str) -> bool:
    try:
        block.check_key(key)
    except Exception:  # noqa: BLE001 - whatever the rules of keys say
        return True
    return False
