"""Results as JSON that people and other languages can read, and that comes back with the types it had."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable  # noqa: TC003 - pydantic evaluates the annotations
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, ValidationError, field_serializer, field_validator

from holdall.abc import Serializer
from holdall.builtin import jsonlib as libraries
from holdall.builtin.jsontree import JSONReader, JSONWriter, may_hold_forms
from holdall.errors import ConfigurationError, CorruptResultError, HoldallError, SerializationError

if TYPE_CHECKING:
    from holdall.types import Parts, Source, Trust


class JSONSerializer(Serializer):
    """Plain JSON where the data is plain, tagged objects for every other type; see `docs/reference/json-format.md`.

    The text means the same whatever `jsonlib` wrote it, and any of them reads it. `object_encoder(obj)` is asked for
    what no form covers and returns something that has one; `object_decoder` is called with that, decoded, and returns
    the object. Both are functions or `"module:name"`. `dumps_kwargs` and `loads_kwargs` go to the library.
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

        def __init__(self, **options: Any) -> None:
            try:
                super().__init__(**options)
            except ValidationError as error:
                raise ConfigurationError(_told(error)) from error
            libraries.check(self.jsonlib)

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
        """A lambda has no name to store: a reader needs a serializer of its own then, and the error says so."""
        return function if isinstance(function, str) else None

    def options(self) -> dict[str, Any]:
        return {name: value for name, value in super().options().items() if value is not None}

    def dump(self, obj: Any, /) -> Parts:
        encoder = self.object_encoder
        tree = JSONWriter(self.slug, encoder=_imported(encoder) if isinstance(encoder, str) else encoder).write(obj)
        try:
            return [libraries.encode(self.jsonlib, tree, self.dumps_kwargs)]
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
        # One normal form: a library that only the stored options name is not imported, the standard one reads as well.
        named = self.jsonlib in sys.modules or self.jsonlib in libraries.KNOWN
        library, options = (self.jsonlib, self.loads_kwargs) if named else ("json", {})
        try:
            data = source.buffer()
            tree = libraries.decode(library, data, options)
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

    def _decoder(self, trust: Trust) -> Callable[[], Callable[[Any], Any]] | None:
        """Found only when the data needs it, and imported only where the reader trusts it."""
        decoder = self.object_decoder
        if isinstance(decoder, str):
            module, _, name = decoder.partition(":")
            return lambda: _attribute(trust.module(module, needed_for=f"The object_decoder {decoder!r}"), name)
        return None if decoder is None else lambda: decoder


def _told(error: ValidationError) -> str:
    """What is wrong with which option; never the input."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "JSONSerializer: " + "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)


def _dotted(function: Callable[[Any], Any]) -> str | None:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not isinstance(module, str) or module not in sys.modules:
        return None
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is function else None


def _imported(path: str) -> Callable[[Any], Any]:
    """A function that the writing side configured itself."""
    module, _, name = path.partition(":")
    try:
        return _attribute(import_module(module), name)
    except ImportError as error:
        raise ConfigurationError(f"object_encoder={path!r}: the module {module!r} cannot be imported.") from error


def _attribute(module: Any, name: str) -> Callable[[Any], Any]:
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigurationError(f"The module {module.__name__!r} has no function {name!r}.")
    function: Callable[[Any], Any] = found
    return function
