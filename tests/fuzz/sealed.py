"""Records with a right seal, of every serializer that is installed, whose options and payloads nobody wrote."""

from __future__ import annotations

import contextlib
import json
import random
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from holdall.builtin.json.serializer import JSONSerializer
from holdall.errors import HoldallError
from holdall.filesystems import MemoryFileSystem
from holdall.plugins import registry
from holdall.results import record as records
from holdall.results.store import ResultStore
from holdall.security.policy import Policy
from holdall.serialization.typed import FORMS

if TYPE_CHECKING:
    from holdall.security.keyring import KeyRing

KEY: Final = "results/it"
VALUES: Final[list[Any]] = [
    ["plain", {"a": (1, b"x")}],
    "text",
    b"bytes",
    np.arange(3),
    {"a": np.zeros(2), "b": [np.ones(1)]},
    pd.DataFrame({"a": [1, 2]}),
]
NAMES: Final = ["os:system", "builtins:exec", "json", "orjson", "os", "antigravity", "x" * 300, "", ":", "a:b.c"]
ODD: Final[list[Any]] = [None, True, -1, 0, 1, 2**63, 10**30, 1e308, "", "x", "é" * 50, [], {}, [[]], {"$type": "x"}]


class Sealed:
    """Reads bytes as the seed of a record: the same bytes give the same record."""

    def __init__(self, ring: KeyRing) -> None:
        self._store = ResultStore(MemoryFileSystem(namespace="fuzz"), JSONSerializer(), policy=Policy(encryption=ring))
        self._slugs = registry.names("serializers")
        self._payloads = {slug: self._written(slug) for slug in self._slugs}
        written = self._store.write(["seed"], key=KEY)
        self._document = json.loads(bytes(self._store.storage.get(written.key)))
        self._document.pop("checksum")
        self._document.pop("data", None)

    def seeds(self) -> list[bytes]:
        return [slug.encode() for slug in self._slugs] + [
            payload for each in self._payloads.values() for payload in each
        ]

    def read(self, data: bytes, /) -> None:
        """Three records: the bytes as a payload, as a damage of one, and as the seed of all of it."""
        chance = random.Random(data)
        slug = chance.choice(self._slugs)
        for payload in (data, self._made(chance, slug)):
            for options in ({}, self._options(chance, slug, 0)):
                self._load(slug, options, payload)

    def _load(self, slug: str, options: Any, payload: bytes) -> None:
        document = {
            **self._document,
            "serializer": {"type": slug, "options": options, "written_with": {}},
            "payload": {"size": len(payload), "media_type": "x/y", "inline": "base64"},
        }
        body = json.dumps(document, separators=(",", ":"))[:-1]
        sealed = records.seal(f'{body},"data":"{b64encode(payload).decode()}"'.encode())
        self._store.storage.put(KEY, [sealed])
        with contextlib.suppress(HoldallError):
            self._store.read(KEY)

    def _written(self, slug: str) -> list[bytes]:
        found = []
        serializer = registry.serializer(slug).with_policy(self._store.policy)
        for value in VALUES:
            try:
                found.append(b"".join(serializer.dump(value)))
            except HoldallError:
                continue
        return found or [b"{}"]

    def _made(self, chance: random.Random, slug: str) -> bytes:
        if chance.randrange(3):
            return json.dumps(self._tree(chance, 0)).encode()
        whole = bytearray(chance.choice(self._payloads[slug]))
        for _ in range(chance.randrange(4)):
            whole[chance.randrange(len(whole))] = chance.randrange(256)
        return bytes(whole)

    def _tree(self, chance: random.Random, depth: int) -> Any:
        choice = chance.randrange(5)
        if depth > 3 or choice == 0:
            return chance.choice(ODD)
        if choice == 1:
            return [self._tree(chance, depth + 1) for _ in range(chance.randrange(4))]
        node = {"$type": chance.choice(FORMS).tag, "value": self._tree(chance, depth + 1)}
        if chance.randrange(2):
            node["class"] = (
                f"holdall.testing.typed:{chance.choice(['Person', 'Plain', 'Point', 'Colour', 'Access', 'Word'])}"
            )
        if chance.randrange(4) == 0:
            node[chance.choice(["state", "private", "unset", "more"])] = self._tree(chance, depth + 1)
        return node

    def _options(self, chance: random.Random, slug: str, depth: int) -> dict[str, Any]:
        fields = [*getattr(registry.load("serializers", slug), "model_fields", {}), "unknown"]
        found: dict[str, Any] = {}
        for name in fields[: None if chance.randrange(8) == 0 else -1]:
            if name == "serializer" and depth < 12:
                inner = chance.choice(self._slugs)
                found[name] = {"type": inner, "options": self._options(chance, inner, depth + 1)}
            elif chance.randrange(2):
                found[name] = chance.choice([*NAMES, *ODD, *self._slugs])
        return found
