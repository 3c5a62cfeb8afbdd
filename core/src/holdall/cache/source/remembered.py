"""On-disk cache of digests of source texts, in HOLDALL_HOME by content: safe to delete and to write concurrently."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from threading import get_ident
from typing import TYPE_CHECKING

from holdall.cache.source import bytecode
from holdall.cache.source.syntax import FORM, Syntax
from holdall.settings import model as settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(name: str, /) -> dict[str, dict[int, Syntax]]:
    """Returns digest of code -> line -> syntax of a definition; empty if the file is absent or damaged."""
    try:
        with open(_path(name), "rb") as file:
            seal, _, body = file.read().partition(b"\n")
    except OSError:
        return {}
    if sha256(body).hexdigest().encode() != seal:
        return {}
    return {
        digest: {
            line: Syntax(plain, full, tuple(decorators), tuple(stored))
            for line, plain, full, decorators, stored in each
        }
        for digest, each in json.loads(body).items()
    }


def write(name: str, found: Mapping[str, Mapping[int, Syntax]], /) -> None:
    """Writes the entries; of concurrent writers the last one wins. A full disk is not an error."""
    path = _path(name)
    rows = {digest: [(line, *syntax) for line, syntax in lines.items()] for digest, lines in found.items() if lines}
    body = json.dumps(rows).encode()
    unfinished = f"{path}.{os.getpid()}.{get_ident()}.unfinished"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            with open(unfinished, "wb") as file:
                file.write(sha256(body).hexdigest().encode() + b"\n" + body)
            os.replace(unfinished, path)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError:
        return


def _path(name: str) -> str:
    return os.path.join(settings.current().home, "code", f"{name}.{bytecode.VERSION}-{FORM}.json")
