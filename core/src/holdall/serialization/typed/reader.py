"""Reader of plain data: walks the tree and makes the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from holdall.errors import CorruptResultError, SerializationError
from holdall.serialization.typed.class_names import find_class
from holdall.serialization.typed.errors import UnsupportedValue
from holdall.serialization.typed.form import MAX_LEVELS
from holdall.serialization.typed.registry import BY_TAG
from holdall.serialization.typed.static_lookup import collide, hashes_itself

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdall.serialization.typed.instance_layout import Layout
    from holdall.types import Trust

T = TypeVar("T")

_BAD = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)


class Reader:
    """Turns one tree back, in place: the tree belongs to the reader, as a parser has just made it.

    A format subclasses it: `node` reads its tagged nodes, `blob` its bytes, and `compound` lists the types that may hold a node.
    """

    compound: ClassVar[frozenset[type]] = frozenset({dict, list})

    __slots__ = ("_known", "decoder", "hashes_itself", "serializer", "trust")

    def __init__(
        self, serializer: str, trust: Trust, /, *, decoder: Callable[[], Callable[[Any], Any]] | None = None
    ) -> None:
        self.serializer = serializer
        self.trust = trust
        self.decoder = decoder
        self.hashes_itself = False
        """Whether an instance was made whose class has its own hash."""
        self._known: dict[tuple[str, str], Any] = {}

    # For forms.

    def known_class(self, tag: str, name: str, describe: Callable[[type], T | None], /) -> T:
        """Returns what `describe` returns for the class of that name; looked up and described once for each tree.

        Raises:
            CorruptResultError: that is None: the class is not of the kind that the tag says.
            SerializationError: no instance of it can be made without code of the class.
            UntrustedResultError, SerializationError: as `find_class`.
        """
        description: T | None = self._known.get((tag, name))
        if description is None:
            cls = find_class(name, trust=self.trust, kind=tag)
            try:
                description = describe(cls)
            except UnsupportedValue as unsupported:
                raise SerializationError(
                    f"The stored data holds a {tag} of class {name!r}, and nothing of a class is called for reading: the "
                    f"class {unsupported.reason}."
                ) from None
            if description is None:
                raise CorruptResultError(f"The stored data says that {name!r} is the class of a {tag}; it is not.")
            self._known[tag, name] = description
        return description

    def note(self, layout: Layout, /) -> None:
        """Notes that an instance of this layout is made."""
        self.hashes_itself = self.hashes_itself or layout.own_hash

    def check_hashes(self, members: list[Any], /) -> None:
        """Checks that these may become members of a set, or keys.

        Raises:
            SerializationError: that would call a hash that a class defines itself.
            ValueError: too many of them have the same hash.
        """
        if self.hashes_itself and hashes_itself(members):
            raise SerializationError(
                f"The stored {self.serializer} data has an instance in a set or as a key whose class has a hash of its own, "
                "and nothing of a class is called for reading."
            )
        if collide(members):
            raise ValueError("members of one hash")

    # What a format decides.

    def node(self, tree: Any, level: int, /) -> Any:
        """Returns the object of a dict, a list or another compound value at that level."""
        raise NotImplementedError

    def blob(self, payload: Any, /) -> bytes:
        """Returns the bytes of the payload of a `blob` form; ValueError or TypeError if it is not such a payload."""
        raise NotImplementedError

    # The walk.

    def read(self, tree: Any, /) -> Any:
        """Returns the object of a whole tree.

        Raises:
            CorruptResultError, UntrustedResultError, SerializationError: as `Codec.load` does.
        """
        try:
            return self.value(tree, 1)
        except RecursionError:
            # What is too deep for the format is found by level: here the caller's own stack has no room left.
            raise SerializationError(
                f"The stored {self.serializer} data is nested too deeply to be read from within this many calls."
            ) from None

    def value(self, tree: Any, level: int, /) -> Any:
        """Reads a value; `level` is its nesting, from 1."""
        return self.node(tree, level) if type(tree) in self.compound else tree

    def fields(self, tree: dict[str, Any], level: int, /) -> dict[str, Any]:
        """Reads the values of a dict, in place."""
        self._check(level)
        compound = self.compound
        for key, item in tree.items():
            if type(item) in compound:
                tree[key] = self.node(item, level + 1)
        return tree

    def items(self, tree: list[Any], level: int, /) -> list[Any]:
        """Reads the items of a list, in place."""
        self._check(level)
        compound = self.compound
        if not compound.isdisjoint(map(type, tree)):
            for index, item in enumerate(tree):
                if type(item) in compound:
                    tree[index] = self.node(item, level + 1)
        return tree

    def form(
        self, tag: Any, payload: Any, level: int, /, *, name: Any = None, more: dict[str, Any] | None = None
    ) -> Any:
        """Returns the object of a tagged node at that level. Whatever is wrong with the payload is a corrupt result."""
        form = BY_TAG.get(tag) if isinstance(tag, str) else None
        if form is None:
            raise CorruptResultError(f"The stored {self.serializer} data has a form with an unknown tag: {tag!r:.60}.")
        self._check(level)
        more = {} if more is None else {key: self.value(item, level + 1) for key, item in more.items()}
        try:
            if tag == "custom":
                value = self._decoded(self.value(payload, level + 1))
            elif form.payload == "text":
                value = form.read(self, _string(payload))
            elif form.payload == "blob":
                value = form.read(self, self.blob(payload))
            elif form.payload == "tree":
                value = form.read(self, self.value(payload, level + 1))
            else:
                value = form.read(self, _string(name), self.value(payload, level + 1), more)
        except (CorruptResultError, SerializationError):
            raise
        except _BAD as error:
            raise CorruptResultError(
                f"The stored {self.serializer} data has a malformed {tag} ({type(error).__name__})."
            ) from error
        if more or (name is not None and form.payload != "class"):
            raise CorruptResultError(
                f"The stored {self.serializer} data has a {tag} with more to it than the form has."
            )
        return value

    def _decoded(self, value: Any) -> Any:
        if self.decoder is None:
            raise SerializationError(
                f"This result was written by the {self.serializer} serializer with an object_encoder: read it with a "
                f"serializer that has the matching object_decoder."
            )
        decode = self.decoder()
        try:
            return decode(value)
        except Exception as error:
            # The user's function: whatever it raises means that the object cannot be made.
            raise SerializationError(f"The object_decoder raised {type(error).__name__}: {error}") from error

    def _check(self, level: int) -> None:
        if level > MAX_LEVELS + 4:
            raise CorruptResultError(f"The stored {self.serializer} data is nested deeper than {MAX_LEVELS} levels.")


def _string(payload: Any) -> str:
    if type(payload) is not str:
        raise TypeError(type(payload).__name__)
    return payload
