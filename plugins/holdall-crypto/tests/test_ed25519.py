"""Ed25519: the contract, who is believed, rotation and revocation, and every way that a result takes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from holdall import HoldallWarning, flow, load_result, task
from holdall.abc.signature import Signer
from holdall.builtin.memory import MemoryFileSystem
from holdall.builtin.pickle.codec import PickleCodec
from holdall.builtin.processes import ProcessRunner
from holdall.errors import (
    ConfigurationError,
    CorruptResultError,
    HoldallError,
    PluginMissingError,
    UntrustedResultError,
)
from holdall.filesystems import LocalFileSystem
from holdall.maintenance.copy_storage import copy, move
from holdall.maintenance.known_storages import place_of
from holdall.maintenance.push_spool import push
from holdall.results import from_json
from holdall.results import record as records
from holdall.results.load import open_store
from holdall.results.policy import policy_of
from holdall.results.signing_keys import Texts, parse, text_of
from holdall.results.spool import folders
from holdall.results.store import ResultStore
from holdall.security.signing import signed, split, verify
from holdall.settings import current
from holdall.testing.distributions import absent
from holdall.testing.signatures import SignatureSchemeContract
from holdall_cli.app import app
from holdall_crypto import Ed25519

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from holdall.abc import SignatureScheme


class TestContract(SignatureSchemeContract):
    """What holdall relies on."""

    @pytest.fixture
    def scheme(self) -> SignatureScheme:
        return Ed25519()


def pair(fill: int, name: str) -> tuple[str, str]:
    """A private key and its public one, as `holdall key new` writes them."""
    signer = Signer(scheme=Ed25519(), id=name, private=bytes([fill]) * 32)
    return text_of(signer, "private", bytes([fill]) * 32), text_of(signer, "public", signer.public)


(ALICE, ALICE_PUBLIC), (BOB, BOB_PUBLIC), (MALLORY, MALLORY_PUBLIC) = (
    pair(1, "alice"),
    pair(2, "bob"),
    pair(3, "mallory"),
)
SHARED = f"shared:{urlsafe_b64encode(bytes([9]) * 32).decode()}"


class Who:
    """Becomes one process or another, by its variables."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, *, signs: str = "", trusts: str = "", revokes: str = "", accepts: str = "") -> None:
        self._patch.setenv("HOLDALL_SIGNING_KEY", signs)
        self._patch.setenv("HOLDALL_TRUSTED_SIGNERS", trusts)
        self._patch.setenv("HOLDALL_REVOKED_SIGNERS", revokes)
        self._patch.setenv("HOLDALL_RESULTS_ACCEPT", accepts)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, a home and a user's configuration of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def become(place: Path, monkeypatch: pytest.MonkeyPatch) -> Who:
    """The one who writes, to begin with."""
    who = Who(monkeypatch)
    who(signs=ALICE)
    return who


def kept(value: Any, **options: Any) -> Any:
    """The reference of a result that a run has kept, as another process has it."""
    unit = task(persist_result=True, return_state=True, **options)(lambda: value)
    return from_json(unit().reference.json())


def again(reference: Any) -> Any:
    """As a process reads it that has read nothing before."""
    return from_json(reference.json()).get()


def record_of(place: Path, reference: Any) -> Path:
    return place / ".holdall-results" / reference.key


def forged(data: bytes, change: Callable[[dict[str, Any]], None], signature: str | None = None) -> bytes:
    """The record with something changed by somebody without the key; its checksum is right."""
    body, found = split(data[: -records.SEAL_SIZE])
    assert found is not None
    document = json.loads(body + b"}")
    change(document)
    members = json.dumps(document, separators=(",", ":"))[:-1]
    return records.seal(f'{members},"signature":"{signature or ":".join(found)}"'.encode())


def resigned(data: bytes, key: str, name: str | None = None) -> bytes:
    """The record, signed by another key, which may call itself by another's id."""
    signer = parse(Texts(signing=key)).current
    assert signer is not None
    signer.id = name or signer.id
    return records.seal(split(data[: -records.SEAL_SIZE])[0], signer)


# --------------------------------------------------------------------------------------------- who signs, who reads


@pytest.mark.parametrize("value", [{"small": 1}, np.arange(100_000), "x" * 20_000], ids=["inline", "array", "text"])
@pytest.mark.parametrize("serializer", ["pickle", "auto"])
def test_a_reader_with_the_public_key_reads(place: Path, become: Who, value: Any, serializer: str) -> None:
    """And so does the writer; the record names the scheme and the id."""
    reference = kept(value, result_serializer=serializer)
    document = json.loads(record_of(place, reference).read_bytes())

    assert document["signature"].startswith("ed25519:alice:")
    assert 128 == len(document["signature"].split(":")[2])
    if "path" in document["payload"]:
        assert "sha256" == document["payload"]["checksum"]["algorithm"]
    for who in ({"signs": ALICE}, {"trusts": ALICE_PUBLIC}, {"trusts": f"{BOB_PUBLIC},{ALICE_PUBLIC}"}, {}):
        become(**who)
        assert np.array_equal(np.asarray(value, dtype=object), np.asarray(again(reference), dtype=object))


def test_the_signature_is_that_of_the_library(place: Path, become: Who) -> None:
    """Over the prefix and every byte before the member, as the format's page says."""
    body, found = split(record_of(place, kept([1])).read_bytes()[: -records.SEAL_SIZE])
    assert found is not None
    key = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key()

    key.verify(bytes.fromhex(found[2]), b"holdall record 1\n" + body)
    assert body.startswith(b'{"holdall":1,')


def test_who_has_the_public_key_cannot_write(place: Path, become: Who) -> None:
    """It is said before the body runs; a reader that does not keep results may run what it likes."""
    become(trusts=ALICE_PUBLIC)
    ran: list[int] = []
    with pytest.raises(ConfigurationError, match=r"no key to sign with.*HOLDALL_SIGNING_KEY"):
        task(persist_result=True)(lambda: ran.append(1))()
    assert [] == ran
    with pytest.raises(ConfigurationError, match="no key to sign with"):
        ResultStore(LocalFileSystem(basepath="x"), PickleCodec()).write([1], key="k")
    assert not (place / "x").exists()

    task(lambda: ran.append(2))()
    become(trusts=ALICE_PUBLIC, accepts="unsigned")
    task(persist_result=True)(lambda: ran.append(3) or [3])()

    assert [2, 3] == ran


def test_what_is_kept_for_retries_alone_is_not_kept_by_a_reader(place: Path, become: Who) -> None:
    """With a warning, and the value."""
    become(trusts=ALICE_PUBLIC)
    with pytest.warns(HoldallWarning, match=r"could not be kept.*no key to sign with"):
        assert [1] == task(retries=1)(lambda: [1])()

    assert not (place / ".holdall-results").exists()
    assert [] == [meta.key for spooled in folders(current().home) for meta in spooled.scan()]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"signs": BOB}, "the signers that are believed here are ed25519:bob"),
        ({"trusts": BOB_PUBLIC}, "the signers that are believed here are ed25519:bob"),
        ({"signs": SHARED}, "the signers that are believed here are hmac-sha256:shared"),
        ({"revokes": "nobody"}, "no signer is believed here"),
    ],
    ids=["another writer", "another reader", "shared secret", "nobody"],
)
def test_a_signer_whom_nobody_trusts_is_refused(place: Path, become: Who, what: dict[str, str], message: str) -> None:
    """With what to add where, and the plugin that checks it."""
    reference = kept([1])
    become(**what)

    with pytest.raises(UntrustedResultError, match=message) as caught:
        again(reference)
    assert "HOLDALL_TRUSTED_SIGNERS, as alice:ed25519-public:KEY (pip install holdall-crypto)" in str(caught.value)


def test_what_is_forged_is_refused(place: Path, become: Who) -> None:
    """The payload, the serializer, the expiry; another's signature under the trusted id; none at all."""
    reference = kept({"a": 1}, result_serializer="json")
    path = record_of(place, reference)
    data = path.read_bytes()
    become(trusts=f"{ALICE_PUBLIC},{BOB_PUBLIC}")
    body = split(data[: -records.SEAL_SIZE])[0]
    secret = Ed25519PublicKey.from_public_bytes(
        Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key().public_bytes_raw()
    ).public_bytes_raw()
    attempts: dict[str, tuple[bytes, str]] = {
        "payload": (forged(data, lambda document: document.update(data={"a": 2})), "did not make"),
        "serializer": (forged(data, lambda document: document["serializer"].update(type="pickle")), "did not make"),
        "expiry": (forged(data, lambda document: document.update(expires="2999-01-01T00:00:00+00:00")), "did not make"),
        "key of mallory": (resigned(data, MALLORY), "are ed25519:alice, ed25519:bob"),
        "id of alice": (resigned(data, MALLORY, "alice"), "did not make"),
        "id of bob": (data.replace(b"ed25519:alice:", b"ed25519:bob:"), "did not make"),
        "none": (records.seal(body), "is not signed"),
        "short": (forged(data, lambda _: None, "ed25519:alice:" + "0" * 64), "did not make"),
        "zeros": (forged(data, lambda _: None, "ed25519:alice:" + "0" * 128), "did not make"),
        # The oldest confusion: the public key, which everybody has, as the secret of an HMAC.
        "public key as secret": (
            resigned(data, f"alice:{urlsafe_b64encode(secret).decode()}"),
            "signed with the key 'alice'",
        ),
        "hmac in ed25519's name": (
            forged(data, lambda _: None, "ed25519:alice:" + hashlib.sha256(secret).hexdigest()),
            "did not make",
        ),
    }
    for name, (bad, message) in attempts.items():
        path.write_bytes(records.seal(bad[: -records.SEAL_SIZE]))
        with pytest.raises(UntrustedResultError, match=message):
            again(reference)
        assert name


def test_ids_are_of_their_scheme(place: Path, become: Who) -> None:
    """One id may be a shared secret and a pair: neither is looked for under the other."""
    both = f"same:{urlsafe_b64encode(bytes([9]) * 32).decode()}"
    private, public = pair(4, "same")
    become(signs=both)
    shared = kept(["shared"])
    become(signs=private)
    paired = kept(["paired"])

    become(signs=both, trusts=public)
    assert (["shared"], ["paired"]) == (again(shared), again(paired))
    become(trusts=public)
    with pytest.raises(UntrustedResultError, match="signed with the key 'same'"):
        again(shared)
    become(signs=both)
    with pytest.raises(UntrustedResultError, match="signed with the ed25519 key 'same'"):
        again(paired)


def test_an_hmac_record_is_nothing_to_who_trusts_signers_alone(place: Path, become: Who) -> None:
    """And passes where its secret is known as well."""
    become(signs=SHARED)
    reference = kept([1])
    become(trusts=ALICE_PUBLIC)
    with pytest.raises(
        UntrustedResultError, match="signed with the key 'shared', and the signers that are believed here"
    ):
        again(reference)
    become(signs=SHARED, trusts=ALICE_PUBLIC)

    assert [1] == again(reference)


def test_an_unsigned_record_is_refused_until_it_is_accepted(place: Path, become: Who) -> None:
    """For one read, or for all."""
    become()
    reference = kept([1])
    become(trusts=ALICE_PUBLIC)
    with pytest.raises(UntrustedResultError, match=r"is not signed.*accept=\['unsigned'\]"):
        again(reference)

    assert [1] == from_json(reference.json()).get(accept=["unsigned"])
    become(trusts=ALICE_PUBLIC, accepts="unsigned")
    assert [1] == again(reference)


# ------------------------------------------------------------------------------------------- rotation, revocation


def test_keys_rotate(place: Path, become: Who) -> None:
    """The first signs; old ones, and those of HMAC from before, are believed as long as they are listed."""
    become(signs=SHARED)
    first = kept([0])
    become(signs=f"{ALICE},{SHARED}")
    second = kept([1])
    become(signs=f"{BOB},{ALICE},{SHARED}")
    third = kept([2])

    assert ([0], [1], [2]) == (again(first), again(second), again(third))
    assert json.loads(record_of(place, third).read_bytes())["signature"].startswith("ed25519:bob:")
    become(trusts=f"{BOB_PUBLIC},{ALICE_PUBLIC}")
    assert ([1], [2]) == (again(second), again(third))
    become(trusts=BOB_PUBLIC)
    with pytest.raises(UntrustedResultError, match=r"ed25519 key 'alice', and the signers that are believed here are"):
        again(second)


@pytest.mark.parametrize("entry", ["alice", ALICE_PUBLIC], ids=["id", "key"])
@pytest.mark.parametrize("also", ["", ALICE_PUBLIC], ids=["", "still trusted"])
def test_who_is_revoked_is_refused_by_that_word(place: Path, become: Who, entry: str, also: str) -> None:
    """Whether or not the key is still in the list of the trusted."""
    reference = kept([1])
    become(trusts=",".join(each for each in (BOB_PUBLIC, also) if each), revokes=entry)

    with pytest.raises(UntrustedResultError, match=r"ed25519 key 'alice', which is revoked here \(HOLDALL_REVOKED"):
        again(reference)
    with pytest.raises(UntrustedResultError, match="revoked"):
        from_json(reference.json()).get(accept=["unsigned"])


@pytest.mark.parametrize("entry", ["alice", ALICE_PUBLIC], ids=["id", "key"])
def test_a_revoked_key_does_not_come_back_by_another_id(place: Path, become: Who, entry: str) -> None:
    """It is the key that is in the wrong hands, and who has it writes any id."""
    reference = kept([1])
    path = record_of(place, reference)
    path.write_bytes(resigned(path.read_bytes(), ALICE, "other"))
    _, other = pair(1, "other")
    become(trusts=f"{other},{ALICE_PUBLIC}")
    assert [1] == again(reference)

    become(trusts=f"{other},{ALICE_PUBLIC}", revokes=entry)
    with pytest.raises(UntrustedResultError, match="'other', which is revoked"):
        again(reference)


def test_nobody_signs_with_a_revoked_key(place: Path, become: Who) -> None:
    """It is said before the body runs; as an older key it is only believed no more."""
    reference = kept([1])
    become(signs=ALICE, revokes="alice")
    ran: list[int] = []
    with pytest.raises(ConfigurationError, match="The first key of HOLDALL_SIGNING_KEY, 'alice', is revoked"):
        task(persist_result=True)(lambda: ran.append(1))()
    assert [] == ran

    become(signs=f"{BOB},{ALICE}", revokes="alice")
    assert [2] == again(kept([2]))
    with pytest.raises(UntrustedResultError, match="revoked"):
        again(reference)


def test_a_shared_secret_is_revoked_by_its_id(place: Path, become: Who) -> None:
    """An id alone is that of every scheme."""
    become(signs=SHARED)
    reference = kept([1])
    become(signs=f"{ALICE},{SHARED}", revokes="shared")

    with pytest.raises(UntrustedResultError, match="hmac-sha256 key 'shared', which is revoked"):
        again(reference)


# ------------------------------------------------------------------------------------------------ where trust comes from


def test_the_users_own_file_names_signers(place: Path, become: Who) -> None:
    """The variable wins over it; who is revoked in either is revoked."""
    reference = kept([1])
    become()
    own = place / "config" / "holdall" / "trust.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'trusted_signers = ["{BOB_PUBLIC}"]\n')
    with pytest.raises(UntrustedResultError, match="believed here are ed25519:bob"):
        again(reference)

    own.write_text(f'trusted_signers = ["{ALICE_PUBLIC}", "{BOB_PUBLIC}"]\n')
    assert [1] == again(reference)
    assert str(own) == current().sources["trusted_signers"]
    become(trusts=BOB_PUBLIC)
    with pytest.raises(UntrustedResultError, match="believed here are ed25519:bob"):
        again(reference)

    own.write_text('revoked_signers = ["alice"]\n')
    become(trusts=ALICE_PUBLIC, revokes="somebody")
    with pytest.raises(UntrustedResultError, match="revoked"):
        again(reference)
    own.write_text("trusted_signers = []\n")
    become()
    with pytest.raises(UntrustedResultError, match="no signer is believed here"):
        again(reference)


MALLORYS = [
    ("holdall.toml", f'trusted_signers = ["{MALLORY_PUBLIC}"]'),
    ("holdall.toml", f'[results]\ntrusted_signers = ["{MALLORY_PUBLIC}"]'),
    ("holdall.toml", "revoked_signers = []"),
    ("pyproject.toml", f'[tool.holdall]\ntrusted_signers = ["{MALLORY_PUBLIC}"]'),
    ("pyproject.toml", f'[tool.holdall.results]\ntrusted_signers = ["{MALLORY_PUBLIC}"]'),
    ("holdall.toml", '[results]\naccept = ["unsigned"]'),
    ("pyproject.toml", '[tool.holdall.results]\naccept = ["shop", " unsigned "]'),
]


@pytest.mark.parametrize(("name", "text"), MALLORYS)
def test_a_projects_file_names_no_signers(place: Path, become: Who, name: str, text: str) -> None:
    """It arrives with a clone: it says neither who is believed nor that all are."""
    reference = kept([1])
    path = record_of(place, reference)
    path.write_bytes(resigned(path.read_bytes(), MALLORY))
    become(trusts=ALICE_PUBLIC)
    (place / name).write_text(text)

    with pytest.raises(
        ConfigurationError, match=f"{name}.*cannot stand here, because a file that arrives with a project"
    ):
        again(reference)


BLOCKS = [
    f'signing_key = "{MALLORY}"',
    f'signing_key = "${{EMPTY}}{MALLORY}"',
    'accept = ["unsigned"]',
    'accept = ["${WORD}"]',
    "accept = '[\"unsigned\"]'",
    f'trusted_signers = ["{MALLORY_PUBLIC}"]',
]


@pytest.mark.parametrize("field", BLOCKS)
def test_a_projects_block_brings_no_key_of_its_own(
    place: Path, become: Who, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    """What the user has in a variable, it may name."""
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("WORD", "unsigned")
    become(trusts=ALICE_PUBLIC)
    (place / "holdall.toml").write_text(f'[blocks.local-file-system.theirs]\nbasepath = "theirs"\n{field}\n')
    with pytest.raises(ConfigurationError, match=r"whose results you believe|there is no such field"):
        load_result(key="k", storage="local-file-system/theirs")

    monkeypatch.setenv("MY_KEY", BOB)
    (place / "holdall.toml").write_text(
        '[blocks.local-file-system.theirs]\nbasepath = "theirs"\nsigning_key = "${MY_KEY}"\n'
    )
    assert [1] == again(kept([1], result_storage="local-file-system/theirs"))


def test_a_catalog_that_a_project_names_brings_no_key(
    place: Path, become: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file that says where the catalog is, a clone brings the catalog and the key that opens it."""
    home = place / "clone" / ".holdall"
    monkeypatch.setenv("HOLDALL_HOME", str(home))
    LocalFileSystem(basepath=str(place / "theirs"), signing_key=MALLORY).save("keyed")
    LocalFileSystem(basepath=str(place / "theirs"), accept=("unsigned",)).save("open")
    LocalFileSystem(basepath=str(place / "theirs")).save("plain")
    monkeypatch.delenv("HOLDALL_HOME")
    monkeypatch.chdir(place / "clone")
    (place / "clone" / "holdall.toml").write_text('home = ".holdall"\n')
    become(trusts=ALICE_PUBLIC)

    for name in ("keyed", "open"):
        with pytest.raises(ConfigurationError, match="what arrives with a project does not say whose results"):
            load_result(key="k", storage=f"local-file-system/{name}")
    become(signs=ALICE)
    assert [1] == again(kept([1], result_storage="local-file-system/plain"))


@pytest.mark.parametrize("field", ["signing_key", "accept", "no_pickle"])
def test_a_reference_brings_no_trust(place: Path, become: Who, field: str) -> None:
    """Its place is a place, and says neither who signs there nor what is accepted."""
    value: Any = {"signing_key": MALLORY, "accept": ["unsigned", "pickle"], "no_pickle": False}[field]
    become(trusts=ALICE_PUBLIC)
    location = {"namespace": "theirs", field: value}
    text = json.dumps(
        {
            "type": "reference",
            "key": "k",
            "storage": {"slug": None, "type": "memory", "location": location},
            "serializer": {"type": "pickle", "options": {}},
        }
    )

    with pytest.raises(ConfigurationError, match=f"this one has {field} beside the place") as caught:
        from_json(text).get()
    assert MALLORY not in str(caught.value)


def test_a_record_brings_no_trust(place: Path, become: Who) -> None:
    """A public key inside it is a member like any other that nobody knows."""
    reference = kept([1])
    path = record_of(place, reference)
    body = split(path.read_bytes()[: -records.SEAL_SIZE])[0]
    signer = parse(Texts(signing=MALLORY)).current
    assert signer is not None
    path.write_bytes(records.seal(body + f',"trusted_signers":["{MALLORY_PUBLIC}"]'.encode(), signer))
    become(trusts=ALICE_PUBLIC)

    with pytest.raises(UntrustedResultError, match="ed25519 key 'mallory'"):
        again(reference)


# ------------------------------------------------------------------------------------------------------- keys as texts


PUBLIC_RAW = urlsafe_b64encode(parse(Texts(trusted=(ALICE_PUBLIC,))).get("ed25519", "alice").public).decode()  # type: ignore[union-attr]
WRONG = [
    (Texts(signing=ALICE_PUBLIC), "has a public key"),
    (Texts(signing=ALICE_PUBLIC.replace("-public", "-private")), "is no ed25519 private key"),
    (Texts(signing=ALICE_PUBLIC.split(":")[2]), "is not a list of keys"),
    (Texts(signing=f"alice:{ALICE_PUBLIC.split(':')[2]}"), "is not a list of keys"),
    (Texts(signing=f"ed25519-public:{PUBLIC_RAW}"), "has a public key"),
    (Texts(signing=f"alice:ed25519:{PUBLIC_RAW}"), "is not a list of keys"),
    (Texts(signing=ALICE[:-4] + "AAAA"), "is no ed25519 private key"),
    (Texts(signing=ALICE[:-4]), "is no ed25519 private key"),
    (Texts(signing=f"{ALICE},{pair(2, 'alice')[0]}"), "two keys the same id"),
    (Texts(signing=ALICE, trusted=(pair(2, "alice")[1],)), "have two keys of the id 'alice'"),
    (Texts(trusted=(ALICE,)), "has a private key"),
    (Texts(trusted=(ALICE.replace("-private", "-public"),)), "is no ed25519 public key"),
    (Texts(trusted=(SHARED,)), "is not a list of public keys"),
    (Texts(trusted=(PUBLIC_RAW,)), "is not a list of public keys"),
    (Texts(trusted=("alice",)), "is not a list of public keys"),
    (Texts(trusted=(ALICE_PUBLIC, pair(2, "alice")[1])), "two keys the same id"),
    (Texts(signing=ALICE, revoked=(ALICE,)), "has a private key"),
    (Texts(signing=ALICE, revoked=("not an id",)), "no id of a key"),
    (Texts(trusted=(f"x:hmac-sha256-public:{PUBLIC_RAW}",)), "that scheme has one secret for all"),
    (Texts(signing=f"x:ed448-private:{PUBLIC_RAW}"), "No signature scheme is called 'ed448'"),
]


@pytest.mark.parametrize(("texts", "message"), WRONG)
def test_what_is_no_key_is_refused_without_showing_it(texts: Texts, message: str) -> None:
    """A public key is never a secret, nor the other way round, whatever place it is put in."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse(texts)

    for text in (*(texts.signing or "").split(","), *(texts.trusted or ()), *texts.revoked):
        assert text.rpartition(":")[2] not in str(caught.value) or len(text) < 20


@given(st.binary(min_size=32, max_size=32), st.integers(0, 47), st.sampled_from("ABCxyz019_-="))
def test_a_key_with_a_typing_error_is_none(key: bytes, at: int, letter: str) -> None:
    """Neither half of it; and neither half is the other, or a secret."""
    signer = Signer(scheme=Ed25519(), id="x", private=key)
    for part, raw in (("private", key), ("public", signer.public)):
        text = text_of(signer, part, raw)  # type: ignore[arg-type]
        head, _, encoded = text.rpartition(":")
        mistyped = f"{head}:{encoded[:at]}{letter}{encoded[at + 1 :]}"
        other = text.replace("-private:", "-public:") if part == "private" else text.replace("-public:", "-private:")
        for bad in {mistyped, other, f"x:{encoded}", encoded} - {text}:
            for texts in (Texts(signing=bad), Texts(trusted=(bad,))):
                with pytest.raises(ConfigurationError):
                    parse(texts)


def test_a_key_without_an_id_names_itself() -> None:
    """Both halves by the same name."""
    private, public = (text.partition(":")[2] for text in (ALICE, ALICE_PUBLIC))
    signer, [believed] = parse(Texts(signing=private)).current, parse(Texts(trusted=(public,))).names

    assert signer is not None
    assert signer.name == believed
    assert 16 == len(signer.id)


@pytest.mark.parametrize("part", ["private", "public"])
def test_a_shared_secret_is_no_half_of_a_pair(part: Any) -> None:
    """However well it is written: who is trusted alone can sign."""

    class Twin(Ed25519):
        slug = "hmac-sha256"

    text = text_of(Signer(scheme=Twin(), id="x", private=bytes(32)), part, bytes(32))
    for texts in (Texts(signing=text), Texts(trusted=(text,))):
        with pytest.raises(ConfigurationError, match=r"has one secret for all|has a p"):
            parse(texts)


def test_nothing_prints_a_key(place: Path, become: Who) -> None:
    """Neither signers, nor policies, nor blocks, nor settings, nor records."""
    become(signs=ALICE, trusts=BOB_PUBLIC)
    block = LocalFileSystem(basepath="x", signing_key=ALICE)
    found = policy_of(block, current())
    shown = [repr(found), repr(found.signing), repr(found.signing.current), repr(block), repr(current())]  # type: ignore[union-attr]
    shown.append(record_of(place, kept([1])).read_text())

    assert "Signers(ed25519:alice, ed25519:bob)" == shown[1]
    for text in shown:
        assert ALICE.rpartition(":")[2] not in text


def test_without_the_plugin_the_install_line_is_told(place: Path, become: Who) -> None:
    """For a key, before the body runs, and for a record."""
    reference = kept([1])
    ran: list[int] = []
    for who in ({"signs": ALICE}, {"trusts": ALICE_PUBLIC}, {"signs": SHARED, "revokes": ALICE_PUBLIC}):
        become(**who)
        policies_forget()
        with absent("holdall-crypto"), pytest.raises(PluginMissingError, match="pip install holdall-crypto"):
            task(persist_result=True)(lambda: ran.append(1))()
    become(signs=SHARED)
    with absent("holdall-crypto"), pytest.raises(UntrustedResultError, match="pip install holdall-crypto"):
        again(reference)

    assert [] == ran


def policies_forget() -> None:
    """What was parsed before."""
    from holdall.results import policy

    policy._signers.cache_clear()


# ---------------------------------------------------------------------------------------------- every way of a result


def test_a_cached_call_is_a_hit_for_who_trusts_its_signer(place: Path, become: Who) -> None:
    """And a miss, with a warning, for who does not; its result then replaces what was there."""
    ran: list[int] = []

    @task(cache_key_fn=lambda *_: "k", cache_result_in_memory=False)
    def cached() -> list[int]:
        ran.append(1)
        return [len(ran)]

    assert [1] == cached()
    become(signs=BOB, trusts=ALICE_PUBLIC)
    assert [1] == cached()
    become(signs=BOB)
    with pytest.warns(HoldallWarning, match="ed25519 key 'alice'"):
        assert [2] == cached()
    assert [2] == cached()
    become(signs=BOB, revokes="nobody")
    [path] = (place / ".holdall-results" / "cache").rglob("*.json")
    assert b'"signature":"ed25519:bob:' in path.read_bytes()
    path.write_bytes(resigned(path.read_bytes(), MALLORY, "bob"))
    with pytest.warns(HoldallWarning, match="did not make"):
        assert [3] == cached()


def test_a_reader_has_the_hits_of_a_writer(place: Path, become: Who) -> None:
    """With the public key alone; where there is no entry, nothing is computed that could not be kept."""
    ran: list[int] = []

    @task(cache_key_fn=lambda _, inputs: str(inputs["number"]), cache_result_in_memory=False)
    def cached(number: int) -> list[int]:
        ran.append(number)
        return [number] * 3

    @task(cache_key_fn=lambda _, inputs: f"flag {inputs['number']}")
    def flag(number: int) -> bool:
        ran.append(number)
        return number > 0

    @flow
    def both() -> list[Any]:
        return [*(each.result() for each in cached.map([1, 2])), flag(1)]

    expected = [[1] * 3, [2] * 3, True]
    assert expected == both()
    assert [1, 1, 2] == sorted(ran)  # mapped calls run in threads, in any order
    become(trusts=ALICE_PUBLIC)
    assert expected == both()
    for call in (lambda: cached(3), lambda: cached.with_options(refresh_cache=True)(1)):
        with pytest.raises(ConfigurationError, match="no key to sign with"):
            call()
    become(trusts=BOB_PUBLIC)
    with pytest.warns(HoldallWarning, match="'alice'"), pytest.raises(ConfigurationError, match="no key to sign with"):
        cached(1)

    assert [1, 1, 2] == sorted(ran)  # mapped calls run in threads, in any order


def test_a_cached_literal_is_signed(place: Path, become: Who) -> None:
    """It is a record, and as such may be forged."""

    @task(cache_key_fn=lambda *_: "k")
    def cached() -> bool:
        return True

    assert cached()
    [path] = (place / ".holdall-results" / "cache").rglob("*.json")
    data = path.read_bytes()

    assert b'"signature":"ed25519:alice:' in data
    assert cached()
    path.write_bytes(forged(data, lambda document: document.update(literal="false")))
    with pytest.warns(HoldallWarning, match="did not make"):
        assert cached()


def test_a_record_under_another_name_is_refused(place: Path, become: Who) -> None:
    """Signed results are not to be swapped."""
    one, other = kept([1]), kept([2])
    record_of(place, other).write_bytes(record_of(place, one).read_bytes())
    become(trusts=ALICE_PUBLIC)

    with pytest.raises((UntrustedResultError, CorruptResultError), match=one.key):
        again(other)


def test_a_payload_that_is_replaced_is_refused(place: Path, become: Who) -> None:
    """Also by one of the same length, in whichever chunk."""
    reference = kept(np.zeros(1_500_000))
    [payload] = (place / ".holdall-results" / "payloads").rglob("*.pkl")
    become(trusts=ALICE_PUBLIC)
    data = bytearray(payload.read_bytes())
    for at in (0, 5 << 20, len(data) - 1):
        data[at] ^= 1
        payload.write_bytes(data)
        data[at] ^= 1
        with pytest.raises(CorruptResultError, match="is damaged"):
            again(reference)


def test_a_signed_record_with_digests_that_anybody_meets_is_refused(place: Path, become: Who) -> None:
    """xxh3 is against rot: who can replace a payload finds another with the same one."""
    become()
    reference = kept("x" * 20_000)
    path = record_of(place, reference)
    data = path.read_bytes()
    assert b'"algorithm":"xxh3_64"' in data
    signer = parse(Texts(signing=ALICE)).current
    path.write_bytes(records.seal(data[: -records.SEAL_SIZE], signer))
    become(trusts=ALICE_PUBLIC)

    with pytest.raises(UntrustedResultError, match="digests that a forger can meet"):
        again(reference)


def test_the_spool_keeps_signed_results_and_push_sends_them(place: Path, become: Who) -> None:
    """Signed when they were written, and not again: whoever pushes needs no private key."""
    wall = place / "wall"
    wall.write_text("where the folder should be")
    storage = LocalFileSystem(basepath=str(wall / "results"), on_failure="spool")
    with pytest.warns(HoldallWarning, match="spool"):
        state = task(persist_result=True, return_state=True, result_storage=storage, cache_result_in_memory=False)(
            lambda: [7]
        )()
    [spooled] = folders(current().home)
    data = b"".join(bytes(spooled.get(meta.key)) for meta in spooled.scan())

    assert b'"signature":"ed25519:alice:' in data
    become(trusts=ALICE_PUBLIC)
    assert [7] == state.result()
    become(trusts=BOB_PUBLIC)
    with pytest.raises(UntrustedResultError, match="'alice'"):
        ResultStore(spooled, PickleCodec()).read(state.reference.key)
    become(trusts=BOB_PUBLIC)
    wall.unlink()
    [refused] = push(current())
    assert ["failed"] == [item.what for item in refused.items]
    become(trusts=ALICE_PUBLIC)
    [pushed] = push(current())
    assert ["copied"] == [item.what for item in pushed.items]
    assert b'"signature":"ed25519:alice:' in bytes(storage.get(state.reference.key))
    assert [7] == again(state.reference)


def test_copies_are_signed_with_the_key_of_who_copies(place: Path, become: Who) -> None:
    """What is unsigned or not believed is not copied, and without a private key nothing is."""
    become()
    plain = kept(np.arange(1_000_000))
    small = kept({"a": [1.5, "x"]}, result_serializer="json")
    source = place_of(open_store(plain, current()).storage)
    target = place_of(LocalFileSystem(basepath=str(place / "signed")))

    become(signs=ALICE)
    refused = copy(source, target, settings=current())
    assert ["failed", "failed"] == [item.what for item in refused.items]
    assert all("is not signed" in str(item.problem) for item in refused.items)
    assert [] == list((place / "signed").rglob("*.pkl"))

    become(signs=ALICE, accepts="unsigned")
    assert ["copied", "copied"] == [item.what for item in copy(source, target, settings=current()).items]
    become(trusts=ALICE_PUBLIC)
    store = ResultStore(target.storage, PickleCodec())
    assert np.array_equal(np.arange(1_000_000), store.read(plain.key))
    assert {"a": [1.5, "x"]} == store.read(small.key)
    assert "sha256" == json.loads((place / "signed" / plain.key).read_text())["payload"]["checksum"]["algorithm"]

    third = place_of(LocalFileSystem(basepath=str(place / "third")))
    unable = copy(target, third, settings=current())
    assert ["failed", "failed"] == [item.what for item in unable.items]
    assert all("there is no key to sign with" in str(item.problem) for item in unable.items)
    assert not list((place / "third").rglob("*.*"))
    become(signs=BOB)
    assert all("'alice'" in str(item.problem) for item in copy(target, third, settings=current()).items)
    become(signs=BOB, trusts=ALICE_PUBLIC)
    assert ["copied", "copied"] == [item.what for item in copy(target, third, settings=current()).items]
    become(trusts=BOB_PUBLIC)
    assert np.array_equal(np.arange(1_000_000), ResultStore(third.storage, PickleCodec()).read(plain.key))


def test_a_move_signs_and_leaves_what_it_does_not_believe(place: Path, become: Who) -> None:
    """The original stays where it is not copied."""
    from holdall.catalog.open import open_catalog

    good, bad = kept([1]), kept([2])
    record_of(place, bad).write_bytes(resigned(record_of(place, bad).read_bytes(), MALLORY))
    source = place_of(open_store(good, current()).storage)
    target = place_of(LocalFileSystem(basepath=str(place / "there")))
    become(signs=BOB, trusts=ALICE_PUBLIC)
    moved = move(source, target, open_catalog(current()), settings=current())

    assert {good.key: "copied", bad.key: "failed"} == {item.key: item.what for item in moved.items}
    assert record_of(place, bad).exists()
    assert not record_of(place, good).exists()
    become(trusts=BOB_PUBLIC)
    assert [1] == ResultStore(target.storage, PickleCodec()).read(good.key)


@task
def doubled(number: int) -> list[int]:
    """Twice as much."""
    return [2 * number]


def test_processes_sign_and_verify(place: Path, become: Who) -> None:
    """By the environment's key and by a block's, which is handed on apart from the call; `.map` as well."""
    become(signs=ALICE, trusts=BOB_PUBLIC)
    for signing_key, name in ((None, "alice"), (BOB, "bob")):

        @flow(
            persist_result=True,
            result_storage=LocalFileSystem(basepath=str(place / name), signing_key=signing_key),
            task_runner=ProcessRunner(1),
        )
        def outer() -> list[Any]:
            return [each.result() for each in doubled.map([1, 2, 3])]

        assert [[2], [4], [6]] == outer()
        signatures = {
            json.loads(path.read_text())["signature"].split(":")[1] for path in (place / name).rglob("*.json")
        }
        assert {name} == signatures


def test_another_process_verifies_with_the_public_key_alone(place: Path, become: Who) -> None:
    """Nothing of the private key is in what it needs: the reference and the public key."""
    reference = kept({"a": 1}, result_serializer="json")
    program = "import sys; from holdall.results import from_json; print(from_json(sys.argv[1]).get())"
    environ = {**os.environ, "HOLDALL_TRUSTED_SIGNERS": ALICE_PUBLIC}
    del environ["HOLDALL_SIGNING_KEY"]
    found = subprocess.run(
        [sys.executable, "-c", program, reference.json()], env=environ, capture_output=True, text=True, check=True
    )

    assert "{'a': 1}\n" == found.stdout


def test_the_command_makes_pairs(place: Path, become: Who) -> None:
    """What it prints is what the two variables take."""
    runner = CliRunner()
    made = json.loads(runner.invoke(app, ["key", "new", "--kind", "ed25519", "--id", "carol", "--json"]).stdout)
    unnamed = json.loads(runner.invoke(app, ["key", "new", "--kind", "ed25519", "--json"]).stdout)
    shown = runner.invoke(app, ["key", "new", "--kind", "ed25519", "--id", "carol"]).stdout.splitlines()

    assert ("ed25519", "carol") == (made["kind"], made["id"])
    assert ["A", "private", "public"] == [line.split()[0] for line in shown]
    assert made["private"] != shown[1].split()[1]
    for pair_of_keys in (made, unnamed):
        become(signs=pair_of_keys["private"])
        reference = kept([1])
        become(trusts=pair_of_keys["public"])
        assert [1] == again(reference)
        assert f"ed25519:{pair_of_keys['id']}:" in record_of(place, reference).read_text()


# -------------------------------------------------------------------------------------------------- with encryption


def test_what_is_signed_is_the_ciphertext(place: Path, become: Who, monkeypatch: pytest.MonkeyPatch) -> None:
    """The payload is encrypted first, then the record with its digests is signed: who cannot decrypt can verify."""
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", f"e:{urlsafe_b64encode(bytes([5]) * 32).decode()}")
    reference = kept(["secret"] * 5000, result_serializer="encrypted/json")
    document = json.loads(record_of(place, reference).read_bytes())
    payload = (place / ".holdall-results" / document["payload"]["path"]).read_bytes()

    assert b"secret" not in payload
    assert [hashlib.sha256(payload).hexdigest()] == document["payload"]["checksum"]["chunks"]
    monkeypatch.delenv("HOLDALL_ENCRYPTION_KEY")
    become(trusts=ALICE_PUBLIC)
    store = open_store(from_json(reference.json()), current())
    assert reference.key == store.record(reference.key).key
    with pytest.raises(ConfigurationError, match="no encryption key here"):
        again(reference)


def test_a_signature_is_checked_before_anything_is_decrypted(
    place: Path, become: Who, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the encryption key and no signing key writes nothing that is believed."""
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", f"e:{urlsafe_b64encode(bytes([5]) * 32).decode()}")
    reference = kept(["secret"], result_serializer="encrypted/json")
    become(signs=MALLORY)
    theirs = kept(["forged"], result_serializer="encrypted/json")
    path = record_of(place, reference)
    path.write_bytes(record_of(place, theirs).read_bytes().replace(theirs.key.encode(), reference.key.encode()))
    path.write_bytes(resigned(path.read_bytes(), MALLORY, "alice"))
    monkeypatch.delenv("HOLDALL_ENCRYPTION_KEY")
    become(trusts=ALICE_PUBLIC)

    with pytest.raises(UntrustedResultError, match="did not make"):
        again(reference)


# -------------------------------------------------------------------------------------------------------- by chance


DOCUMENT = b'{"holdall":1,"key":"k","data":"x"'
WRITER = parse(Texts(signing=ALICE, trusted=(BOB_PUBLIC,)))


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(1, 255))
def test_no_change_passes(more: bytes, at: int, mask: int) -> None:
    """Of a byte, or by appending: either is an error, and nothing else is raised."""
    assert WRITER.current is not None
    document = signed(DOCUMENT + more, WRITER.current)
    changed = bytearray(document)
    changed[at % len(changed)] ^= mask

    verify(document, keys=WRITER, where="it")
    for bad in (bytes(changed), document + more + b"x", more):
        with pytest.raises(UntrustedResultError):
            verify(bad, keys=WRITER, where="it")


@given(st.data())
def test_mutated_records_are_errors_of_ours(data: st.DataObject) -> None:
    """Signed or not: never another value."""
    storage = MemoryFileSystem(namespace="mutated-ed25519", signing_key=ALICE)
    store = ResultStore(storage, PickleCodec())
    store.write({"a": 1}, key="k")
    whole = bytes(storage.get("k"))
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    storage.put("k", [records.seal(bytes(changed)[: -records.SEAL_SIZE])])
    try:
        found = store.read("k")
    except HoldallError:
        return
    assert {"a": 1} == found
