"""Serializer of JSON that people and other languages can read, and that restores types."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic evaluates the annotations
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, field_serializer, field_validator

from holdall.abc import Serializer
from holdall.builtin.json.library import KNOWN, decode, encode, library
from holdall.errors import ConfigurationError, CorruptResultError, HoldallError, SerializationError
from holdall.serialization.typed.json import JSONReader, JSONWriter, may_hold_forms
from holdall.types import CALLS

if TYPE_CHECKING:
    from holdall.types import Buffer, Parts, Source, Trust


class JSONSerializer(Serializer):
    """Writes plain JSON for plain data, tagged objects for every other type; see `docs/reference/json-format.md`.

    The text means the same whichever `jsonlib` wrote it, and any of them reads it. `object_encoder(obj)` is called for a
    value without a form and returns one that has one; `object_decoder` is called with that, decoded, and returns the
    object. Both are functions or `"module:name"`. `dumps_kwargs` and `loads_kwargs` go to the library.
    """

    slug: ClassVar[str] = "json"
    media_type: ClassVar[str] = "application/json"
    suffix: ClassVar[str] = ".json"

    jsonlib: str = "json"
    object_encoder: str | Callable[[Any], Any] | None = None
    object_decoder: str | Callable[[Any], Any] | None = None
    dumps_kwargs: dict[str, Any] = Field(default_factory=dict)
    loads_kwargs: dict[str, Any] = Field(default_factory=dict)

    if not TYPE_CHECKING:  # type checkers keep the signature that pydantic derives from the fields

        def __init__(self, *values: Any, **options: Any) -> None:
            super().__init__(*values, **options)
            library(self.jsonlib)

    @property
    def exact(self) -> bool:  # type: ignore[override]  # depends on the options, and stays read-only
        """Whether no functions or library of the user write anything."""
        return self.object_encoder is None and not self.dumps_kwargs and self.jsonlib in KNOWN

    @classmethod
    def from_options(cls, options: Mapping[str, Any], /) -> Self:
        """Imports nothing: functions that stored options name are called only with the reader's trust, and if data needs them."""
        callables = {"jsonlib", "object_encoder", "object_decoder"} & options.keys()
        if not all(isinstance(options[name], str) for name in callables):
            raise ConfigurationError(f"The json serializer takes names as {', '.join(sorted(callables))}.")
        plain = cls(**{**options, "jsonlib": "json"})
        fields = {**plain.__dict__, "jsonlib": options.get("jsonlib", "json")}
        serializer = cls.model_construct(_fields_set=plain.model_fields_set & options.keys(), **fields)
        serializer._stored = True  # noqa: SLF001 - a private attribute of this class
        return serializer

    @property
    def calls(self) -> frozenset[str]:
        named = {self.object_decoder} if isinstance(self.object_decoder, str) else set()
        return frozenset() if self._stored else frozenset({self.jsonlib, *named}) - KNOWN

    def __eq__(self, other: object) -> bool:
        """Compares the configuration, not whether stored data described it."""
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = Serializer.__hash__

    @field_validator("object_encoder", "object_decoder")
    @classmethod
    def _named(cls, function: str | Callable[[Any], Any] | None) -> str | Callable[[Any], Any] | None:
        if isinstance(function, str):
            module, colon, name = function.partition(":")
            if not (module and colon and name):
                raise ValueError(f'{function!r} should be a function or "module:name"')
            return function
        return function if function is None else _dotted(function) or function

    @field_validator("dumps_kwargs", "loads_kwargs")
    @classmethod
    def _json_ready(cls, options: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(options)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"these are stored beside each result, and must be plain JSON themselves: {error}"
            ) from error
        return options

    @field_serializer("object_encoder", "object_decoder", when_used="json")
    def _storable(self, function: str | Callable[[Any], Any] | None) -> str | None:
        """Returns None for a function without a name, as a lambda: readers need a serializer of their own then."""
        return function if isinstance(function, str) else None

    def options(self) -> dict[str, Any]:
        return {name: value for name, value in super().options().items() if value is not None}

    def dump(self, obj: Any, /) -> Parts:
        # A serializer that stored data described writes the normal form, and calls nothing.
        stored = self._stored
        encoder = None if stored else self.object_encoder
        tree = JSONWriter(self.slug, encoder=_function(encoder) if isinstance(encoder, str) else encoder).write(obj)
        try:
            return [encode("json", tree, {}) if stored else encode(self.jsonlib, tree, self.dumps_kwargs)]
        except HoldallError:
            raise
        except Exception as error:
            # Any library may be named, with errors of its own; plain data is refused for its options alone.
            raise SerializationError(
                f"{self.jsonlib}.dumps refused plain data ({type(error).__name__}: {error}); dumps_kwargs are "
                f"{self.dumps_kwargs!r}.",
                value=obj,
            ) from error

    def load(self, source: Source, /) -> Any:
        data = source.buffer()
        try:
            tree = self._tree(data, source.trust)
        except HoldallError:
            raise
        except RecursionError:
            raise CorruptResultError("The stored JSON is nested too deeply to read.") from None
        except Exception as error:
            # As in dump: any library, any error.
            raise CorruptResultError(f"The stored bytes are not the JSON that was written: {error}") from error
        if not may_hold_forms(data):
            return tree
        return JSONReader(self.slug, source.trust, decoder=self._decoder(source.trust)).read(tree)

    def _tree(self, data: Buffer, trust: Trust) -> Any:
        if not self._stored:
            return decode(self.jsonlib, data, self.loads_kwargs)
        # There is one normal form: if the library was not chosen here, the standard one reads it too, without options.
        if self.jsonlib in KNOWN:
            return decode(self.jsonlib if self.jsonlib in sys.modules else "json", data, {})
        if CALLS + self.jsonlib in trust.accept:
            return decode(self.jsonlib, data, {})
        try:
            return decode("json", data, {})
        except (ValueError, RecursionError):
            trust.called(self.jsonlib, needed_for="A stored JSON serializer, whose data is not plain JSON,")
            raise

    def _decoder(self, trust: Trust) -> Callable[[], Callable[[Any], Any]] | None:
        """Returns a look-up of the decoder, made only when the data needs it."""
        decoder = self.object_decoder
        if not isinstance(decoder, str):
            return None if decoder is None else lambda: decoder
        if self._stored:
            return lambda: trust.called(decoder, needed_for="A stored JSON serializer, as its object_decoder,")
        return lambda: _function(decoder)


def _function(path: str) -> Callable[[Any], Any]:
    """Returns a function that was configured here by its name."""
    module, _, name = path.partition(":")
    try:
        value: Any = import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"{path!r} is a function of this serializer; {module!r} cannot be imported."
        ) from error
    for part in name.split("."):
        value = getattr(value, part, None)
    if not callable(value):
        raise ConfigurationError(f"{path!r} is a function of this serializer; the module has no such function.")
    function: Callable[[Any], Any] = value
    return function


def _dotted(function: Callable[[Any], Any]) -> str | None:
    """Returns `module:name` of a function that is found there; None for any other."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not isinstance(module, str) or module not in sys.modules:
        return None
    value: Any = sys.modules[module]
    for part in name.split("."):
        value = getattr(value, part, None)
    return f"{module}:{name}" if value is function else None
