"""Python values as plain data and back: the forms that every text or binary format of holdall shares.

For authors of serializers. A `Writer` turns an object into a tree of dicts with string keys, lists, strings, numbers,
booleans and None; a value that plain data cannot represent becomes a *tagged* node, and what no form covers is refused with
its path. A `Reader` turns the tree back. A format subclasses both and defines what a tagged node looks like in it:

* JSON writes `{"$type": "set", "value": [1, 2]}` (`holdall.serialization.typed.json`);
* MessagePack writes extension types (`holdall_msgpack`).

`FORMS` lists every tag; `docs/reference/json-format.md` describes each payload. Nothing here imports what data names
but through the reader's `Trust`, and nothing that data names is called unless it is a class of the kind the form says.
"""

from __future__ import annotations

from holdall.serialization.typed.class_names import class_name
from holdall.serialization.typed.errors import UnsupportedValue
from holdall.serialization.typed.form import MAX_LEVELS, Payload, TypeHandler
from holdall.serialization.typed.reader import Reader
from holdall.serialization.typed.registry import FORMS
from holdall.serialization.typed.writer import Writer

__all__ = ["FORMS", "MAX_LEVELS", "Payload", "Reader", "TypeHandler", "UnsupportedValue", "Writer", "class_name"]
