"""Uses a block with a secret in every way there is, prints what can be printed of it, and ends in a traceback."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import sys
from hashlib import sha256
from typing import Any, ClassVar

import cloudpickle
from pydantic import SecretStr

from holdall import Block, flow, register, task
from holdall.abc import StorageBlock
from holdall.builtin.local.directory import Directory
from holdall.errors import HoldallError

logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
SECRET = os.environ.pop("THE_SECRET")  # not in the environment of whoever is started from here
RIGHT = sha256(SECRET.encode()).hexdigest()  # the class goes by value into a cloudpickle, and what it names goes along


@register
class Guarded(StorageBlock):
    """A folder behind a password."""

    slug: ClassVar[str] = "guarded"
    path: str
    password: SecretStr | None = None

    def _folder(self) -> Directory:
        if self.password is None or sha256(self.password.get_secret_value().encode()).hexdigest() != RIGHT:
            raise PermissionError(f"wrong password for {self!r}")
        return Directory(self.path)

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any:
        return self._folder().put(key, parts, mode=mode)

    def get(self, key: str, /, *, byte_range: Any = None) -> Any:
        return self._folder().get(key, byte_range=byte_range)

    def head(self, key: str, /) -> Any:
        return self._folder().head(key)

    def delete(self, key: str, /) -> None:
        self._folder().delete(key)

    def scan(self, prefix: str = "", /) -> Any:
        return self._folder().scan(prefix)


def use(block: Any) -> None:
    """Persist, look up and read."""
    kept = task(persist_result=True, result_storage=block, return_state=True)(lambda: ["kept"])
    cached = task(cache_key_fn=lambda *_: f"key of {block!r}", result_storage=block)(lambda: ["cached"])
    around = flow(result_storage=block, persist_result=True, return_state=True)(lambda: [cached(), cached()])
    for state in (kept(), around()):
        print(state, state.reference, state.reference.json(), repr(state.reference))
        copied = pickle.loads(pickle.dumps(state.reference))
        print(copied, copied.get())
        print(pickle.dumps(state.reference), cloudpickle.dumps(state))
    print(kept.explain(), around)


guarded = Guarded(path=os.path.abspath("guarded"), password=SecretStr(SECRET))
slug = guarded.save("mine")
for each in (guarded, copy.deepcopy(guarded), Block.load(slug)):
    print(each, repr(each), each.model_dump(), each.model_dump_json(), each.location(), vars(each))
    print(pickle.dumps(each), cloudpickle.dumps(each))
use(slug)
use(guarded)
wrong = Guarded(path="guarded", password=SecretStr(SECRET + "-wrong"))
for attempt in (
    task(persist_result=True, result_storage=wrong)(lambda: [1]),
    lambda: Guarded(path="x", password=SecretStr(SECRET), nothing=1),  # type: ignore[call-arg]
    lambda: Guarded(path=["x"], password=[SECRET]),  # type: ignore[arg-type]
    lambda: Block.load("guarded/mien"),
):
    try:
        attempt()
    except (HoldallError, ValueError) as error:
        print(type(error).__name__, error, repr(error), error.__cause__)
sys.stdout.flush()
task(persist_result=True, result_storage=wrong)(lambda: [1])()
