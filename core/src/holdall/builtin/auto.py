"""Serializer that chooses another one by the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.abc.serializer import Serializer
from holdall.builtin.bundle.extract import LEAF, LeafWriter
from holdall.builtin.bundle.serializer import Bundled, BundleSerializer
from holdall.builtin.candidates import candidates
from holdall.builtin.json.library import encode
from holdall.builtin.json.serializer import JSONSerializer
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import ConfigurationError, SerializationError

if TYPE_CHECKING:
    from holdall.abc.codec import Codec
    from holdall.security.policy import Policy
    from holdall.types import Parts, Source

_JSON: Final = JSONSerializer()
_PICKLE: Final = PickleCodec()


class AutoSerializer(Serializer):
    """Writes each value in the best format that is installed. Records name the serializer that wrote, never this one.

    It tries serializers for the value's type or a base of it: those of plugins and of `@holdall.register(types=…)`, then
    `text` and `bytes`. Then `json`, if it preserves all of the value; a container with parts that have a better format of
    their own is a `bundle`. Anything else is pickled, unless `pickle` is false.
    """

    slug: ClassVar[str] = "auto"
    media_type: ClassVar[str] = "application/octet-stream"
    suffix: ClassVar[str] = ".bin"

    pickle: bool = True

    @property
    def trusted_only(self) -> bool:  # type: ignore[override]  # depends on what it may choose, and stays read-only
        return self.pickle

    def with_policy(self, policy: Policy, /) -> Codec:
        return AutoSerializer(pickle=False) if policy.no_pickle and self.pickle else self

    def dump(self, obj: Any, /) -> Parts:
        return self.dump_as(obj)[1]

    def dump_as(self, obj: Any, /) -> tuple[Codec, Parts]:
        for codec in candidates(type(obj)):
            try:
                return codec.dump_as(obj)
            except SerializationError:
                continue  # as an array of objects is refused: the next one may write it
        writer = LeafWriter(self.slug, pickle=self.pickle)
        try:
            tree = writer.write(obj)
        except SerializationError:
            if not self.pickle:
                raise
            return _PICKLE, _PICKLE.dump(obj)
        if not writer.leaves:
            return _JSON, [encode("json", tree, {})]
        if type(tree) is dict and tree.get("$type") == LEAF:
            return writer.leaves[0].codec, writer.leaves[0].parts
        if not writer.is_worthwhile:
            return _PICKLE, _PICKLE.dump(obj)
        pickled = any(leaf.codec.trusted_only for leaf in writer.leaves)
        return BundleSerializer(pickle=pickled), Bundled(tree, writer.leaves)

    def load(self, source: Source, /) -> Any:
        del source
        raise ConfigurationError(
            "The auto serializer reads nothing itself: a record names the serializer that wrote it, as json or numpy."
        )
