"""Writes a thousand results as one of several processes that start together; prints the keys."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from work import inline, sealed

from holdall import flow

warnings.simplefilter("error")
storage, who, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
write = inline.with_options(result_storage=storage, return_state=True)


@flow
def all_of_them() -> list[str]:
    """Two hundred writes to a flow would end in a few transactions; each write here has its own."""
    return [write(who * count + n).reference.key for n in range(count)]  # type: ignore[attr-defined]


sealed(16, None)
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(all_of_them()))
