"""The walk through a container that takes out what has a better form of its own than JSON."""

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
"""The tag of the form that stands for a leaf: its value is the leaf's number."""
LARGE: Final = 64 << 10
"""Bytes from which on a leaf is worth a file of its own where the rest would do in one pickle."""
_MOST_PICKLES: Final = 64
_PICKLE: Final = PickleCodec()


class Leaf(NamedTuple):
    """A part of the value, serialised. `size` is in bytes, None where it is known only when the parts have been read."""

    codec: Codec
    parts: Parts
    size: int | None


class LeafWriter(JSONWriter):
    """Writes the tree as `JSONWriter` does, and gathers leaves: each object once, wherever it stands.

    With `pickle`, what nothing has a form for is a leaf as well.
    """

    __slots__ = ("_numbers", "_pickle", "_pickled", "leaves")

    def __init__(self, serializer: str, /, *, pickle: bool) -> None:
        super().__init__(serializer)
        self.leaves: list[Leaf] = []
        self._numbers: dict[int, tuple[int, Any]] = {}
        self._pickle = pickle
        self._pickled = 0

    @property
    def worth_it(self) -> bool:
        """Whether the leaves are better apart: none of them is pickled, or one of the others is large."""
        others = [leaf for leaf in self.leaves if not leaf.codec.trusted_only]
        return len(others) == len(self.leaves) or any(leaf.size is None or leaf.size >= LARGE for leaf in others)

    def _formed(self, kind: type, obj: Any, level: int, /) -> Any:
        known = self._numbers.get(id(obj))
        number = self._taken(kind, obj) if known is None else known[0]
        if number is None:
            try:
                return super()._formed(kind, obj, level)
            except UnsupportedValue as unsupported:
                if unsupported.inside or unsupported.too_deep:
                    raise
                number = self._last_resort(obj, unsupported)
        return self.tagged(LEAF, number)

    def _taken(self, kind: type, obj: Any) -> int | None:
        if kind in {bytes, bytearray} and len(obj) < LARGE:
            return None
        for codec in candidates(kind):
            try:
                return self._leaf(obj, *codec.dump_as(obj))
            except SerializationError:
                continue  # as an array of objects is refused: the next one may do
        return None

    def _last_resort(self, obj: Any, unsupported: UnsupportedValue) -> int:
        if not self._pickle:
            unsupported.remedy = "@holdall.register(types=[…]) on a serializer"
            raise unsupported
        if self._pickled >= _MOST_PICKLES:
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
        self._numbers[id(obj)] = (number, obj)  # kept, so that its id stays its own
        return number
