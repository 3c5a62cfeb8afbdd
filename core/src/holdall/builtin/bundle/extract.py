"""Extraction of leaves: parts of a container that have a better format of their own than JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.builtin.candidates import candidates
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import SerializationError
from holdall.serialization.typed.errors import UnsupportedValue, described
from holdall.serialization.typed.json import JSONWriter

if TYPE_CHECKING:
    from holdall.abc.codec import Codec
    from holdall.types import Parts

LEAF: Final = "leaf"
"""Tag of the form that refers to a leaf by its number."""
LARGE: Final = 64 << 10
"""Bytes from which on a leaf gets a file of its own, though one pickle could hold everything."""
_MAX_PICKLES: Final = 64
_PICKLE: Final = PickleCodec()


class Leaf(NamedTuple):
    """A part of the value, serialized. `size` is in bytes, None if it is known only when the parts have been read."""

    codec: Codec
    parts: Parts
    size: int | None


class LeafWriter(JSONWriter):
    """Writes the tree as `JSONWriter` does, and collects leaves: each object once, even if it occurs repeatedly.

    With `pickle`, a value that has no form is a pickled leaf.
    """

    __slots__ = ("_numbers", "_pickle", "_pickled", "leaves")

    def __init__(self, serializer: str, /, *, pickle: bool) -> None:
        super().__init__(serializer)
        self.leaves: list[Leaf] = []
        self._numbers: dict[int, tuple[int, Any]] = {}
        self._pickle = pickle
        self._pickled = 0

    @property
    def is_worthwhile(self) -> bool:
        """Whether to store the leaves apart: none of them is pickled, or one of the others is large."""
        others = [leaf for leaf in self.leaves if not leaf.codec.trusted_only]
        return len(others) == len(self.leaves) or any(leaf.size is None or leaf.size >= LARGE for leaf in others)

    def _formed(self, kind: type, obj: Any, level: int, /) -> Any:
        stored = self._numbers.get(id(obj))
        number = self._extracted(kind, obj) if stored is None else stored[0]
        if number is None:
            try:
                return super()._formed(kind, obj, level)
            except UnsupportedValue as unsupported:
                if unsupported.inside or unsupported.too_deep:
                    raise
                number = self._pickled_leaf(obj, unsupported)
        return self.tagged(LEAF, number)

    def _extracted(self, kind: type, obj: Any) -> int | None:
        if kind in {bytes, bytearray} and len(obj) < LARGE:
            return None
        for codec in candidates(kind):
            try:
                return self._leaf(obj, *codec.dump_as(obj))
            except SerializationError:
                continue  # as an array of objects is refused: the next one may write it
        return None

    def _pickled_leaf(self, obj: Any, unsupported: UnsupportedValue) -> int:
        if not self._pickle:
            unsupported.remedy = "@holdall.register(types=[…]) on a serializer"
            raise unsupported
        if self._pickled >= _MAX_PICKLES:
            raise unsupported
        self._pickled += 1
        try:
            return self._leaf(obj, _PICKLE, _PICKLE.dump(obj))
        except SerializationError as error:
            raise UnsupportedValue(f"is {described(type(obj))}: {error}") from error

    def _leaf(self, obj: Any, codec: Codec, parts: Parts) -> int:
        size = sum(memoryview(part).nbytes for part in parts) if isinstance(parts, list) else None
        number = len(self.leaves)
        self.leaves.append(Leaf(codec, parts, size))
        self._numbers[id(obj)] = (number, obj)  # the object too, so that its id is not reused
        return number
