"""Reads all that is there, again and again, until standard input ends; prints what it saw as JSON."""

from __future__ import annotations

import json
import select
import sys
from collections import Counter

from work import CACHED_KEYS, OVERWRITTEN, is_whole

from holdall import MissingResultError, load_result, settings
from holdall.catalog.open import open_catalog
from holdall.results import from_json

storage = sys.argv[1]
seen: Counter[str] = Counter()
wrong: list[str] = []


def look(kind: str, read: object) -> None:
    """Count a value that is whole, or one that is not there."""
    try:
        value = read()  # type: ignore[operator]
    except MissingResultError:
        seen[f"{kind} missing"] += 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test is about
        wrong.append(f"{kind}: {type(error).__name__}: {error}")
    else:
        seen[kind] += 1
        if not is_whole(value):
            wrong.append(f"{kind}: {value['note']} is torn")


catalog = open_catalog(settings.current())
while not select.select([sys.stdin], [], [], 0)[0]:
    for key in (*OVERWRITTEN, *CACHED_KEYS):
        look("key", lambda key=key: load_result(storage=storage, key=key))
    for row in catalog.references(limit=10):
        look("reference", from_json(row.reference).get)
    for run in catalog.runs(limit=10):
        if run.result is not None and run.kind == "task" and "reference" in run.result:
            look("run", lambda run=run: load_result(run=run.id))
print(json.dumps({"seen": seen, "wrong": wrong[:20]}))
