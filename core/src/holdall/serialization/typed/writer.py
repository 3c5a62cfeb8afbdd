"""Writer of plain data: walks an object and makes the tree."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Final

from holdall.errors import SerializationError
from holdall.serialization.typed.containers import pairs
from holdall.serialization.typed.errors import UnsupportedValue, described, key_step, too_deep
from holdall.serialization.typed.form import MAX_LEVELS
from holdall.serialization.typed.registry import BY_TYPE, plan
from holdall.serialization.typed.static_lookup import collide, has_own_hash, hashes_itself

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**64 - 1
_NoneType = type(None)


class Writer:
    """Makes one tree. What is plain already is returned as it is, not copied; nothing that is passed in is changed.

    Dispatch is on the exact type: a subclass of `str` or `dict` would come back as its base.
    Lists of one plain type are checked without a Python-level loop.
    """

    native_bytes: ClassVar[bool] = False
    native_nonfinite: ClassVar[bool] = False
    reserved_key: ClassVar[str | None] = None
    """A dict that has this key is written as a tagged list of pairs, because the format gives the key a meaning."""

    __slots__ = ("_plans", "encoder", "hashes_itself", "serializer")

    def __init__(self, serializer: str, /, *, encoder: Callable[[Any], Any] | None = None) -> None:
        self.serializer = serializer
        self.encoder = encoder
        self.hashes_itself = False
        """Whether an instance was written whose class has its own hash."""
        self._plans: dict[type, Callable[[Writer, Any, int], Any]] = {}

    # What a format decides.

    def tagged(
        self, tag: str, payload: Any, /, *, name: str | None = None, more: Mapping[str, Any] | None = None
    ) -> Any:
        """Returns the node for a payload: `name` is that of a class, `more` what the form has besides the payload."""
        raise NotImplementedError

    def blob(self, data: bytes | bytearray, /) -> Any:
        """Returns the payload of a `blob` form."""
        raise NotImplementedError

    # The walk.

    def write(self, obj: Any, /) -> Any:
        """Returns the tree of an object.

        Raises:
            SerializationError: a value has no form; with its path.
        """
        try:
            return self.value(obj, 1)
        except UnsupportedValue as unsupported:
            raise unsupported.error(self.serializer, obj) from unsupported.__cause__
        except RuntimeError as error:  # RecursionError, or a container that another thread changes meanwhile
            raise SerializationError(
                f"The {self.serializer} serializer could not walk the result: {error}.", value=obj
            ) from error

    def value(self, obj: Any, level: int, /) -> Any:  # noqa: PLR0911 - one line a type, in order of frequency
        """Writes a value; `level` is its nesting, from 1."""
        kind = type(obj)
        if kind is str:
            return self.text(obj)
        if kind is dict:
            return self.fields(obj, level)
        if kind is list:
            return self.items(obj, level)
        if kind is int:
            return obj if MIN_INT <= obj <= MAX_INT else self.tagged("int", hex(obj))
        if kind is float:
            return obj if self.native_nonfinite or isfinite(obj) else self.tagged("float", repr(obj))
        if kind is bool or obj is None:
            return obj
        if kind is bytes and self.native_bytes:
            return obj
        return self._formed(kind, obj, level)

    def text(self, obj: str, /) -> str:
        """Checks a string, and returns it; UnsupportedValue for one that is not Unicode text."""
        if not obj.isascii():
            try:
                obj.encode()
            except UnicodeEncodeError:
                raise UnsupportedValue("is a string with a lone surrogate, which is no Unicode text") from None
        return obj

    def fields(  # noqa: C901, PLR0912 - the hottest loop: a call per item would double its cost
        self, obj: dict[Any, Any], level: int, /, *, owner: Any = None, attributes: bool = False
    ) -> Any:
        """Writes a dict, or the fields of `owner`; with `attributes` the path to them is dotted."""
        if level > MAX_LEVELS:
            raise too_deep(MAX_LEVELS)
        reserved = self.reserved_key
        out = obj
        key: Any = None
        try:
            for key, item in obj.items():
                if type(key) is not str or key == reserved:
                    break
                if not key.isascii():
                    self.text(key)
                kind = type(item)
                if kind is str:
                    if item.isascii():
                        continue
                elif kind is int:
                    if MIN_INT <= item <= MAX_INT:
                        continue
                elif kind is bool or item is None:
                    continue
                written = self.value(item, level + 1)
                if written is not item:
                    if out is obj:
                        out = obj.copy()
                    out[key] = written
            else:
                return out
        except UnsupportedValue as unsupported:
            raise unsupported.at(
                f".{key}" if attributes else key_step(key), obj if owner is None else owner
            ) from unsupported.__cause__
        if level + 1 > MAX_LEVELS:
            raise too_deep(MAX_LEVELS)
        return self.tagged("dict", pairs(self, obj, level + 1, owner))

    def items(
        self, obj: list[Any], level: int, /, *, owner: Any = None, step: Callable[[int], str] = "[{}]".format
    ) -> list[Any]:
        """Writes a list; `step` formats the path to an item, `owner` is what they belong to if not the list."""
        if level > MAX_LEVELS:
            raise too_deep(MAX_LEVELS)
        if self._plain(obj):
            return obj
        out = obj
        index = 0
        try:
            for index, item in enumerate(obj):
                kind = type(item)
                if kind is str:
                    if item.isascii():
                        continue
                elif kind is bool or item is None:
                    continue
                written = self.value(item, level + 1)
                if written is not item:
                    if out is obj:
                        out = obj.copy()
                    out[index] = written
        except UnsupportedValue as unsupported:
            raise unsupported.at(step(index), obj if owner is None else owner) from unsupported.__cause__
        return out

    def check_hashes(self, members: Collection[Any], /) -> None:
        """Raises `UnsupportedValue` for members of a set, or keys, that no reader would put there."""
        if self.hashes_itself and hashes_itself(members):
            raise UnsupportedValue(
                "has members or keys of a class with a hash of its own, which reading would have to call"
            )
        if collide(members):
            raise UnsupportedValue(
                "has hundreds of members or keys with the same hash, which would take a reader for ever"
            )

    def _plain(self, obj: list[Any], /) -> bool:
        """Whether all items are of one plain type and within its bounds."""
        kinds = set(map(type, obj))
        if len(kinds) > 1:
            return False
        kind = kinds.pop() if kinds else bool
        if kind is float:
            return self.native_nonfinite or all(map(isfinite, obj))
        if kind is int:
            return bool(min(obj) >= MIN_INT and max(obj) <= MAX_INT)
        if kind is str:
            return all(map(str.isascii, obj))
        return kind is bool or kind is _NoneType or (kind is bytes and self.native_bytes)

    def _formed(self, kind: type, obj: Any, level: int, /) -> Any:
        """Writes a value that is not plain, by the form of its exact type or of the kind of its class, else by the encoder."""
        if level > MAX_LEVELS:
            raise too_deep(MAX_LEVELS)
        try:
            form = BY_TYPE.get(kind)
            if form is not None:
                return self.tagged(form.tag, form.write(self, obj, level + 1))
            write = self._plans.get(kind)
            if write is None:
                write = self._plans[kind] = plan(kind)
                self.hashes_itself = self.hashes_itself or has_own_hash(kind)
            return write(self, obj, level + 1)
        except UnsupportedValue as unsupported:
            if self.encoder is None or unsupported.inside or unsupported.too_deep:
                raise
        return self._encoded(self.encoder, obj, level)

    def _encoded(self, encoder: Callable[[Any], Any], obj: Any, level: int, /) -> Any:
        kind = described(type(obj))
        try:
            encoded = encoder(obj)
        except Exception as error:
            # The user's function: whatever it raises means "no", with its cause.
            raise UnsupportedValue(
                f"is {kind}, and the object_encoder raised {type(error).__name__}: {error}"
            ) from error
        if encoded is obj:
            raise UnsupportedValue(f"is {kind}, which the object_encoder gave back as it was")
        try:
            return self.tagged("custom", self.value(encoded, level + 1))
        except UnsupportedValue as unsupported:
            raise unsupported.at("{encoded}", obj) from unsupported.__cause__
