"""Serializer of containers whose large parts are files of their own, in one zip archive."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from holdall.abc.bound import within
from holdall.abc.serializer import Serializer
from holdall.builtin.bundle.extract import LEAF, LeafWriter
from holdall.builtin.bundle.zip_archive import members, zip_parts
from holdall.builtin.json.library import decode, encode
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import CorruptResultError, HoldallError
from holdall.plugins.lookup import serializer_class
from holdall.serialization.sources import SourceSection
from holdall.serialization.typed.json import JSONReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.codec import Codec
    from holdall.builtin.bundle.extract import Leaf
    from holdall.builtin.bundle.zip_archive import Member
    from holdall.types import Buffer, Parts, Source, Trust

VERSION: Final = 1
RESULT: Final = "result.json"
_DESCRIBED: Final = {"path", "type", "options", "written_with"}
_TREE: Final = '{"bundle":%d,"leaves":%s,"result":'


class BundleSerializer(Serializer):
    """Writes the structure as JSON, and each part that has a better format as a file: `leaves/0.npy`, `leaves/1.parquet`.

    `result_serializer="auto"` chooses it for containers with such parts. The archive is not compressed. With `pickle`,
    values that no serializer takes are pickled leaves, and reading may run code.
    """

    slug: ClassVar[str] = "bundle"
    media_type: ClassVar[str] = "application/zip"
    suffix: ClassVar[str] = ".zip"
    exact: ClassVar[bool] = True
    expands: ClassVar[bool] = True  # as its leaves do

    pickle: bool = False

    @property
    def trusted_only(self) -> bool:  # type: ignore[override]  # depends on its leaves, and stays read-only
        return self.pickle

    def dump(self, obj: Any, /) -> Parts:
        writer = LeafWriter(self.slug, pickle=self.pickle)
        tree = writer.write(obj)
        return Bundled(tree, writer.leaves)

    def load(self, source: Source, /) -> Any:
        trust = source.trust.inside()
        files = members(source)
        tree, described = _manifest(source, files.pop(RESULT, None))
        if len(described) != len(files):
            raise CorruptResultError("The stored bundle does not hold the leaves that it lists.")
        stored = [self._checked_leaf(source, trust, number, leaf, files) for number, leaf in enumerate(described)]
        leaves = [_load_leaf(leaf, share) for leaf, share in zip(stored, _shares(stored, trust), strict=True)]
        return _Reader(self.slug, source.trust, leaves).read(tree)

    def decoded_size(self, parts: Parts, /) -> int | None:
        return parts.decoded if isinstance(parts, Bundled) else None

    def _checked_leaf(
        self, source: Source, trust: Trust, number: int, described: Any, files: dict[str, Member]
    ) -> _Stored:
        if not isinstance(described, dict) or described.keys() - {"decoded"} != _DESCRIBED:
            raise CorruptResultError(f"Leaf {number} of the stored bundle is not described as one.")
        texts, tables = (described["path"], described["type"]), (described["options"], described["written_with"])
        if not (all(isinstance(text, str) for text in texts) and all(isinstance(table, dict) for table in tables)):
            raise CorruptResultError(f"Leaf {number} of the stored bundle does not say how it was written.")
        decoded = described.get("decoded")
        if decoded is not None and (type(decoded) is not int or decoded < 0):
            raise CorruptResultError(f"Leaf {number} of the stored bundle does not say how large it is.")
        if (member := files.get(described["path"])) is None:
            raise CorruptResultError(f"Leaf {number} of the stored bundle is not in it.")
        with _named(member):
            codec = _codec(described["type"], described["options"])
            if not (self.pickle and type(codec) is PickleCodec):
                trust.serializer(codec)
            codec.check_written_with(described["written_with"])
        return _Stored(codec, source, member, decoded)


class _Stored(NamedTuple):
    """A leaf to be read; `decoded` is the size that it declares."""

    codec: Codec
    source: Source
    member: Member
    decoded: int | None


def _shares(stored: list[_Stored], trust: Trust) -> list[Trust]:
    """Returns the bound of each leaf: together no more than that of all; leaves that declare no size share the rest."""
    rest, bounds = trust, [trust] * len(stored)
    if trust.max_bytes is None:
        return bounds
    for number, leaf in enumerate(stored):
        if leaf.decoded is not None:
            with _named(leaf.member):
                rest = within(rest, leaf.decoded)
            bounds[number] = replace(trust, max_bytes=leaf.decoded)
    undeclared = [number for number, leaf in enumerate(stored) if leaf.decoded is None and leaf.codec.expands]
    for number in undeclared:
        bounds[number] = replace(trust, max_bytes=(rest.max_bytes or 0) // len(undeclared))
    return bounds


def _load_leaf(stored: _Stored, trust: Trust) -> Any:
    with _named(stored.member):
        return stored.codec.load(SourceSection(stored.source, stored.member.start, stored.member.stop, trust))


@contextmanager
def _named(member: Member) -> Iterator[None]:
    try:
        yield
    except HoldallError as error:
        error.args = (f"The leaf {member.name} of the stored bundle cannot be read. {error}", *error.args[1:])
        raise


class Bundled:
    """Archive of a tree that `LeafWriter` made, and of its leaves: parts that are read once.

    `decoded` is the number of bytes that reading the leaves makes, as far as they declare it, once they are written.
    """

    def __init__(self, tree: Any, leaves: list[Leaf], /) -> None:
        self.decoded: int | None = None
        self._stream = zip_parts(self._files(tree, leaves))

    def __iter__(self) -> Iterator[Buffer]:
        return self._stream

    def _files(self, tree: Any, leaves: list[Leaf]) -> Iterator[tuple[str, Parts]]:
        descriptions: list[dict[str, Any]] = []
        for number, leaf in enumerate(leaves):
            path = f"leaves/{number}{leaf.codec.suffix}"
            yield path, leaf.parts
            description: dict[str, Any] = {
                "path": path,
                "type": leaf.codec.slug,
                "options": leaf.codec.options(),
                "written_with": dict(leaf.codec.written_with(leaf.parts)),
            }
            if (decoded := leaf.codec.decoded_size(leaf.parts)) is not None:
                description["decoded"] = decoded
                self.decoded = (self.decoded or 0) + decoded
            descriptions.append(description)
        # The last member, because `written_with` and `decoded_size` of a leaf are known when it has been written.
        head = _TREE % (VERSION, json.dumps(descriptions, separators=(",", ":")))
        yield RESULT, [head.encode(), encode("json", tree, {}), b"}"]


def _manifest(source: Source, member: Member | None) -> tuple[Any, list[Any]]:
    if member is None:
        raise CorruptResultError(f"The stored archive holds no {RESULT}: it is no bundle.")
    try:
        document = decode("json", source.read_range(member.start, member.stop), {})
    except (ValueError, RecursionError) as error:
        raise CorruptResultError(f"The {RESULT} of the stored bundle cannot be read: {error}.") from error
    if not isinstance(document, dict) or document.keys() != {"bundle", "leaves", "result"}:
        raise CorruptResultError(f"The {RESULT} of the stored archive is not that of a bundle.")
    if document["bundle"] != VERSION:
        raise CorruptResultError(
            f"The stored bundle is of version {document['bundle']!r:.20}, and this holdall reads {VERSION}. Upgrade it."
        )
    if not isinstance(document["leaves"], list):
        raise CorruptResultError(f"The {RESULT} of the stored bundle lists no leaves.")
    return document["result"], document["leaves"]


def _codec(slug: str, options: dict[str, Any]) -> Codec:
    if slug == PickleCodec.slug:
        return PickleCodec.from_options(options)
    # As for a record: making a codec from what is stored imports nothing that its options name.
    return serializer_class(slug).from_options(options)


class _Reader(JSONReader):
    __slots__ = ("_leaves",)

    def __init__(self, serializer: str, trust: Trust, leaves: list[Any]) -> None:
        super().__init__(serializer, trust)
        self._leaves = leaves

    def node(self, tree: Any, level: int, /) -> Any:
        if type(tree) is dict and tree.get("$type") == LEAF:
            number = tree.get("value")
            if len(tree) != 2 or type(number) is not int or not 0 <= number < len(self._leaves):
                raise CorruptResultError("The stored bundle names a leaf that it does not hold.")
            return self._leaves[number]
        return super().node(tree, level)
