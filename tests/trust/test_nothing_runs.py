"""Over all serializers that are installed: nothing that a record says imports, calls or constructs what nobody named."""

from __future__ import annotations

import json
import pickle
import random
import sys
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.trust import traps
from tests.trust.forging import forge, kept

from holdall.errors import HoldallError
from holdall.plugins import registry
from holdall.results import from_json
from holdall.security.keyring import KeyRing
from holdall.security.policy import Policy
from holdall.serialization.typed import FORMS
from holdall.serialization.wrapping import WrappingSerializer
from holdall.testing.sources import BytesSource
from holdall_msgpack.encoder import pieces
from holdall_msgpack.forms import MsgpackWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRAPS = traps.__name__
SLUGS = registry.names("serializers")
VALUES: list[Any] = [
    ["plain", {"a": 1}],
    "text",
    b"bytes",
    (1, {2}),
    np.arange(3),
    {"a": np.zeros(2), "b": [np.ones(1)]},
    pd.DataFrame({"a": [1, 2]}),
    pa.table({"a": [1]}),
]
ROUNDS = 150
KEY = "one:" + "A" * 43 + "="


class Bomb:
    """Unpickling one calls a function."""

    def __reduce__(self) -> Any:
        return traps.bomb, ()


@pytest.fixture
def armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What has fired; a module that nobody has imported tells when somebody does."""
    (tmp_path / "unloaded_trap.py").write_text(
        f"import {TRAPS} as traps\ntraps.fire('import')\nfrom {TRAPS} import *\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HOLDALL_ENCRYPTION_KEY", KEY)
    traps.FIRED.clear()
    traps.ARMED.append(True)
    yield traps.FIRED
    traps.ARMED.clear()
    traps.FIRED.clear()


def names(chance: random.Random) -> str:
    """Of functions, classes, modules and other things."""
    module = chance.choice([TRAPS, "unloaded_trap", "os", "builtins", "subprocess", "holdall", "pydantic", "", "json"])
    name = chance.choice([*traps.NAMES, "system", "exec", "loads", "x.y", "", "Model.model_validate"])
    return chance.choice([module, f"{module}:{name}", f"{module}.{name}"])


def anything(chance: random.Random, depth: int = 0) -> Any:  # noqa: PLR0911 - one line a kind
    """A JSON value as an option or a payload may be."""
    choice = chance.randrange(10 if depth < 3 else 6)
    if choice < 3:
        return names(chance)
    if choice == 3:
        return chance.choice([None, True, 0, -1, 1, 3, 4096, 2**40, 1.5, "", "x", "RED", "A"])
    if choice == 4:
        return chance.choice(SLUGS)
    if choice == 5:
        return {
            "type": chance.choice(SLUGS),
            "options": {} if depth > 2 else options(chance, chance.choice(SLUGS), depth + 1),
        }
    if choice == 6:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    if choice == 7:
        return {
            chance.choice(["x", "y", "root", "made", "$type", "object_hook", "cls", "default"]): anything(
                chance, depth + 1
            )
        }
    return tree(chance, depth + 1)


def options(chance: random.Random, slug: str, depth: int = 0) -> dict[str, Any]:
    """Options of a serializer, of the right names at least."""
    cls: Any = registry.load("serializers", slug)
    fields = list(getattr(cls, "model_fields", {}))
    found = {name: anything(chance, depth + 1) for name in fields if chance.random() < 0.5}
    if issubclass(cls, WrappingSerializer) and chance.random() < 0.8:
        inner = chance.choice(SLUGS)
        found["serializer"] = {"type": inner, "options": options(chance, inner, depth + 1) if depth < 3 else {}}
    return found


def tree(chance: random.Random, depth: int = 0) -> Any:
    """A form, mostly of one of the classes."""
    form = chance.choice(FORMS)
    node: dict[str, Any] = {"$type": form.tag}
    if form.payload == "class":
        node["class"] = f"{chance.choice([TRAPS, TRAPS, 'unloaded_trap'])}:{chance.choice(traps.NAMES)}"
    fields = ["x", "y", "made", "root", "watched"]
    payloads: list[Any] = [
        {name: anything(chance, depth + 1) for name in fields if chance.random() < 0.4},
        {"x": 1},
        {},
        chance.choice(["A", "B", 1, 3, 5, 4096, "x"]),
        [anything(chance, depth + 1) for _ in range(chance.randrange(3))],
        [[anything(chance, depth + 1), anything(chance, depth + 1)]],
    ]
    node["value"] = chance.choice(payloads)
    for name in ("state", "private", "unset"):
        if chance.random() < 0.15:
            node[name] = chance.choice([{"y": 1}, {"watched": 1}, {"_private": 1}, ["x"], anything(chance, depth + 1)])
    return node


def as_msgpack(node: Any) -> Any:
    """The same tree in MessagePack."""
    if isinstance(node, list):
        return [as_msgpack(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$type" not in node or "value" not in node or node["$type"] not in {form.tag for form in FORMS}:
        return {key: as_msgpack(each) for key, each in node.items()}
    more = {key: as_msgpack(each) for key, each in node.items() if key not in {"$type", "value", "class"}}
    try:
        return MsgpackWriter("msgpack").tagged(
            node["$type"], as_msgpack(node["value"]), name=node.get("class"), more=more
        )
    except (KeyError, AttributeError, TypeError, ValueError):  # no such form in MessagePack, or of another payload
        return None


@lru_cache
def payloads_of(slug: str) -> list[bytes]:
    """What the serializer writes of values that it takes."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in VALUES:
            try:
                found.append(b"".join(_under_key(registry.serializer(slug)).dump(value)))
            except HoldallError:
                continue
    return found or [b"{}"]


def _under_key(serializer: Any) -> Any:
    return serializer.with_policy(Policy(encryption=KeyRing.parse(KEY, source="the test")))


def payload(chance: random.Random, slug: str) -> bytes:
    """Honest bytes, a pickle, damaged bytes, forms; and the same inside of what wraps."""
    choice = chance.randrange(6)
    cls = registry.load("serializers", slug)
    if issubclass(cls, WrappingSerializer) and choice:
        inner = payload(chance, chance.choice(SLUGS))
        return b"".join(_under_key(registry.serializer(f"{slug}/bytes")).dump(inner))
    if choice == 0:
        return chance.choice(payloads_of(slug))
    if choice == 1:
        return pickle.dumps(Bomb())
    if choice == 2:
        whole = bytearray(chance.choice(payloads_of(slug)))
        for _ in range(3):
            whole[chance.randrange(len(whole))] = chance.randrange(256)
        return bytes(whole)
    made = chance.choice([tree(chance), [tree(chance), tree(chance)], {"a": tree(chance)}])
    if slug == "msgpack":
        return b"".join(bytes(part) for part in pieces(as_msgpack(made)))
    return _bundle(made) if slug == "bundle" else json.dumps(made).encode()


@pytest.mark.parametrize("slug", SLUGS)
def test_no_record_makes_anything_run(slug: str, armed: list[str], tmp_path: Path) -> None:
    """Options, tags, classes, payloads and versions of every serializer, and of those it wraps: a value or an error of ours."""
    chance = random.Random(f"{slug} 1")
    reference = kept(tmp_path / "place", "json")
    before = set(sys.modules)
    armed.clear()
    for number in range(ROUNDS):
        said = {} if chance.random() < 0.5 else options(chance, slug)
        data = payload(chance, slug)
        versions = {"picklelib": names(chance), "version": chance.choice(["1.0", "9" * 5000]), "python": "3.99"}
        forge(
            tmp_path / "place" / reference.key,
            slug=slug,
            options=said,
            payload=data,
            written_with=chance.choice([{}, versions]),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                from_json(reference.json()).get()
            except HoldallError:
                pass
            except BaseException as error:
                raise AssertionError(
                    f"{number}: {type(error).__name__}: {error}; {said!r:.300} {data!r:.300}"
                ) from error

        assert [] == armed, f"{number}: {said!r:.300} {data!r:.300}"
    assert not {
        name for name in set(sys.modules) - before if name.startswith(("unloaded", "antigravity", "subprocess."))
    }


@pytest.mark.parametrize("form", [form.tag for form in FORMS if form.payload == "class"])
@pytest.mark.parametrize("slug", ["json", "orjson", "msgpack", "bundle"])
def test_no_class_runs_code_of_its_own(form: str, slug: str, armed: list[str]) -> None:
    """Every class with every form, alone, in a set, as a key, and with state that it does not expect."""
    serializer = type(registry.serializer(slug)).from_options({})
    payloads: list[Any] = [
        {},
        {"x": 1},
        {"x": 1, "y": 2},
        {"x": 1, "made": 2},
        {"root": 1},
        "A",
        1,
        3,
        5,
        7,
        "https://a/",
    ]
    armed.clear()
    made = 0
    for name in traps.NAMES:
        for value in payloads:
            node = {"$type": form, "class": f"{TRAPS}:{name}", "value": value}
            for whole in (
                node,
                {**node, "state": {"watched": 1, "extra": 2}},
                {"$type": "set", "value": [node, 1]},
                {"$type": "dict", "value": [[{"$type": "tuple", "value": [node]}, 1]]},
            ):
                if slug == "msgpack":
                    data = b"".join(bytes(part) for part in pieces(as_msgpack(whole)))
                else:
                    data = _bundle(whole) if slug == "bundle" else json.dumps(whole).encode()
                try:
                    found = serializer.load(BytesSource(data))
                except HoldallError:
                    continue
                made += 1
                del found

                assert [] == armed, whole
    assert made or form == "url"


def _bundle(whole: Any) -> bytes:
    from holdall.builtin.bundle.zip_archive import zip_parts

    def files() -> Iterator[tuple[str, Any]]:
        yield "result.json", [json.dumps({"bundle": 1, "leaves": [], "result": whole}).encode()]

    return b"".join(zip_parts(files()))
