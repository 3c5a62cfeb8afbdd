"""`holdall block create` and `check` against real servers: who may, who may not, and who is not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.services.process import free_ports
from tests.services.s3 import Keys
from typer.testing import CliRunner

from holdall import Block
from holdall.catalog.open import close_catalogs
from holdall.storage import check as checking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.s3 import S3Server

    from holdall_s3 import S3

pytestmark = pytest.mark.services

ALL = dict.fromkeys(checking.CHECKS, "ok")
NOTHING_WRITTEN = dict.fromkeys(("range", "create", "delete", "latency", "throughput"), "skipped")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checking, "_SIZES", (1 << 16, 1 << 20))
    yield
    close_catalogs()


def holdall(*arguments: str) -> Any:
    from holdall_cli.app import app

    return CliRunner().invoke(app, list(arguments), catch_exceptions=False, prog_name="holdall")


def told(block: S3) -> tuple[dict[str, str], str]:
    """The outcomes, and all that is said."""
    found = list(checking.check(block))
    return {each.check: each.outcome for each in found}, "\n".join(each.message for each in found)


def test_all_is_well_for_who_may_do_all(server: S3Server, bucket: str, make: Callable[..., S3]) -> None:
    """On servers of two makes; the bucket is as empty as before."""
    assert ALL == told(make(server, f"{bucket}/p"))[0]
    assert [] == server.keys(bucket)


def test_who_may_only_read_is_told_so(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """Reading and listing are tried all the same."""
    assert seaweedfs.read_only is not None
    outcomes, said = told(make(seaweedfs, f"{seaweedfs.new_bucket()}/p", seaweedfs.read_only))

    assert ALL | {"write": "failed"} | NOTHING_WRITTEN == outcomes
    assert "these credentials may not do that" in said
    assert "it may be read" in said
    assert seaweedfs.read_only.secret_access_key not in said


def test_a_missing_bucket_and_a_wrong_key_are_named(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """Whatever is asked of them fails, with the reason and without the secret."""
    stranger = Keys(access_key_id="nobody-access-key", secret_access_key="nobody-Secret/Key")
    nowhere, said_nowhere = told(make(seaweedfs, "no-such-bucket/p"))
    refused, said_refused = told(make(seaweedfs, seaweedfs.new_bucket(), stranger))
    failed = dict.fromkeys(("reach", "list", "write", "read"), "failed") | NOTHING_WRITTEN

    assert failed == nowhere == refused
    assert "the bucket 'no-such-bucket' does not exist" in said_nowhere
    assert "the credentials were not accepted (InvalidAccessKeyId" in said_refused
    assert stranger.secret_access_key not in said_refused


def test_a_dead_port_fails_once(seaweedfs: S3Server, make: Callable[..., S3]) -> None:
    """And nothing else waits for it."""
    (port,) = free_ports(1)
    outcomes, said = told(make(seaweedfs, "bucket/p", endpoint_url=f"http://127.0.0.1:{port}", max_attempts=1))

    assert dict.fromkeys(checking.CHECKS, "skipped") | {"reach": "failed"} == outcomes
    assert f"http://127.0.0.1:{port} cannot be reached" in said


def fields(server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, keys: Keys | None = None) -> list[str]:
    """The options of `create`; the secret comes from a variable."""
    keys = keys or server.admin
    monkeypatch.setenv("MY_SECRET", keys.secret_access_key)
    given = {"bucket_path": bucket, "endpoint_url": server.endpoint_url, "aws_access_key_id": keys.access_key_id}
    options = [f"--set={name}={value}" for name, value in given.items()]
    return [*options, "--set-env=aws_secret_access_key=MY_SECRET"]


def test_a_block_is_checked_and_then_saved(seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """And can be checked by its slug later."""
    bucket = seaweedfs.new_bucket()
    created = holdall("block", "create", "s3/prod", *fields(seaweedfs, bucket, monkeypatch))
    checked = holdall("block", "check", "s3/prod", "--json")

    assert (0, 0) == (created.exit_code, checked.exit_code)
    assert list(checking.CHECKS) == [line.split()[0] for line in created.stdout.splitlines()[1:10]]
    assert created.stdout.splitlines()[10].startswith("Saved s3/prod in the catalog in ")
    assert ALL == {each["check"]: each["outcome"] for each in json.loads(checked.stdout)}
    assert bucket == Block.load("s3/prod").location()["bucket_path"]
    assert [] == seaweedfs.keys(bucket)


def test_a_block_that_fails_is_saved_only_when_told(seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts are shown, the way to save it all the same is named, and no secret is."""
    assert seaweedfs.read_only is not None
    options = fields(seaweedfs, seaweedfs.new_bucket(), monkeypatch, seaweedfs.read_only)
    refused = holdall("block", "create", "s3/ro", *options)
    listed = holdall("block", "ls").stdout
    saved = holdall("block", "create", "s3/ro", "--no-check", *options)
    checked = holdall("block", "check", "s3/ro")

    assert (1, 0, 1) == (refused.exit_code, saved.exit_code, checked.exit_code)
    assert "\nwrite       failed   " in refused.stdout
    assert refused.stderr == (
        "Error: s3/ro was not saved: write failed. Put right what the table says, or save it as it is with --no-check.\n"
    )
    assert "" == listed
    assert seaweedfs.read_only.secret_access_key not in refused.output + saved.output + checked.output
