"""The record format as its page describes it, read without holdall."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from holdall import flow, load_result, task
from holdall.abc.signature import Signer
from holdall.catalog.open import close_catalogs, open_catalog
from holdall.catalog.recorder import recorder_for
from holdall.errors import UntrustedResultError
from holdall.results.record import parse
from holdall.results.signing_keys import Texts, text_of
from holdall.results.signing_keys import parse as parse_signers
from holdall.security.signing import verify
from holdall.settings import current
from holdall_crypto import Ed25519

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("record_reader", HERE / "record_reader.py")
assert _spec is not None
assert _spec.loader is not None
reader: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reader)


@pytest.mark.parametrize("path", sorted((HERE / "record-v1").glob("*.record.json")), ids=lambda path: path.name)
def test_an_independent_reader_agrees_on_every_vector(path: Path) -> None:
    """Documents, payloads, literals and refusals."""
    expected = json.loads(path.with_name(path.name.replace(".record.json", ".expected.json")).read_text())
    try:
        document, body = reader.read_record(path.read_bytes())
    except reader.Unreadable:
        found: Any = {"error": "corrupt"}
    else:
        found = {
            **{name: document[name] for name in ("key", "created", "expires")},
            **{name: document[name] for name in ("name", "copy", "also") if name in document},
            "serializer": document["serializer"]["type"],
        }
        if document["payload"] is None:
            found["literal"] = json.loads(document["literal"])
        elif "inline" in document["payload"]:
            found["payload_hex"] = reader.payload_bytes(document, body).hex()
        else:
            found["path"] = document["payload"]["path"]

    assert expected == found


PUBLIC = bytes.fromhex("ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c")
"""Of the private key that is 32 bytes of 7."""
SIGNED = ["inline-json", "payload", "literal"]


@pytest.mark.parametrize("name", SIGNED)
def test_signatures_are_those_of_the_page(name: str) -> None:
    """Under the key of the vectors, and no other."""
    _, body = reader.read_record((HERE / "record-v1" / f"signed-{name}.record.json").read_bytes())

    reader.signed_part(body, {("hmac-sha256", "vector"): bytes([7]) * 32})
    for keys in ({("hmac-sha256", "vector"): bytes([8]) * 32}, {("ed25519", "vector"): PUBLIC}, {}):
        with pytest.raises(reader.Unreadable):
            reader.signed_part(body, keys)


@pytest.mark.parametrize("name", SIGNED)
def test_signatures_of_a_pair_are_those_of_the_page(name: str) -> None:
    """By the arithmetic of RFC 8032: under the public key of the vectors, over every byte."""
    _, body = reader.read_record((HERE / "record-v1" / f"ed25519-{name}.record.json").read_bytes())

    reader.signed_part(body, {("ed25519", "vector"): PUBLIC})
    for keys in ({("ed25519", "vector"): bytes(32)}, {("hmac-sha256", "vector"): PUBLIC}, {}):
        with pytest.raises(reader.Unreadable):
            reader.signed_part(body, keys)
    for at in (0, 20, len(body) - 20):
        with pytest.raises(reader.Unreadable):
            reader.signed_part(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], {("ed25519", "vector"): PUBLIC})


@pytest.mark.parametrize("name", SIGNED)
def test_holdall_takes_the_signatures_of_the_vectors(name: str) -> None:
    """As it has written them: of either scheme, with nothing but the public key of the pair."""
    signer = Signer(scheme=Ed25519(), id="vector", private=bytes([7]) * 32)
    known = {
        "signed": Texts(signing="vector:" + urlsafe_b64encode(bytes([7]) * 32).decode()),
        "ed25519": Texts(trusted=(text_of(signer, "public", PUBLIC),)),
    }
    for kind, texts in known.items():
        data = (HERE / "record-v1" / f"{kind}-{name}.record.json").read_bytes()

        parse(data, where=name, verify=partial(verify, keys=parse_signers(texts), where=name))
        other = next(each for each in known if each != kind)
        with pytest.raises(UntrustedResultError):
            parse(data, where=name, verify=partial(verify, keys=parse_signers(known[other]), where=name))


def test_the_payload_vector_has_the_checksums_of_its_bytes() -> None:
    """Three chunks of the bytes 0 to 255, repeated."""
    document, _ = reader.read_record((HERE / "record-v1" / "payload.record.json").read_bytes())

    reader.check(bytes(range(256)) * 40_000, document["payload"])


def test_an_independent_reader_reads_what_a_run_has_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inlined, in a file of its own, named, and a cached literal: keys and names as the page says."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    small = task(persist_result=True)(lambda: [1, 2])
    large = task(persist_result=True)(lambda: "x" * 20_000)
    named = task(result_storage_key="out/report", result_storage="./.holdall-results")(lambda: {"a": 1})
    suffixed = task(result_storage_key="out/table.pkl", result_storage="./.holdall-results")(lambda: {"b": 2})
    cached = task(cache_key_fn=lambda *_: "a key")(lambda: True)

    @flow
    def outer() -> list[Any]:
        return [each(return_state=True).reference for each in (small, large, named, suffixed)] + [cached()]

    references = outer()[:-1]
    folder = tmp_path / ".holdall-results"
    values = []
    for reference in references:
        document, body = reader.read_record((folder / reference.key).read_bytes())
        values.append(pickle.loads(reader.payload_bytes(document, body, folder)))
        assert reference.key == document["key"]
    hashed = hashlib.sha256(b"a key").hexdigest()
    literal, _ = reader.read_record((folder / "cache" / hashed[:2] / f"{hashed}.json").read_bytes())

    assert [[1, 2], "x" * 20_000, {"a": 1}, {"b": 2}] == values
    named_keys = [f"names/{each[:2]}/{each}.json" for each in map(reader.digest, ("out/report", "out/table.pkl"))]
    assert named_keys == [each.key for each in references[2:]]
    assert {"a": 1} == pickle.loads((folder / "out" / "report.pkl").read_bytes())
    assert {"b": 2} == pickle.loads((folder / "out" / "table.pkl_.pkl").read_bytes())
    assert {"b": 2} == load_result(key="out/table.pkl", storage="./.holdall-results") == load_result(key="out/table.pkl")
    assert "true" == literal["literal"]
    assert b"a key" not in (folder / "cache" / hashed[:2] / f"{hashed}.json").read_bytes()
    recorder_for(open_catalog(current())).close()
    close_catalogs()
