"""The contract of serializers: what keeps to it, and that each of its tests can fail."""

from __future__ import annotations

import json
import pickle
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall.abc import Serializer
from holdall.abc.bound import within
from holdall.errors import CorruptResultError, SerializationError
from holdall.testing.serializers import SerializerContract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdall.types import Parts, Source


class Honest(Serializer):
    """Plain JSON, and nothing that JSON would alter."""

    slug: ClassVar[str] = "honest"
    media_type: ClassVar[str] = "application/json"
    suffix: ClassVar[str] = ".json"
    exact: ClassVar[bool] = True

    indent: int | None = None

    def dump(self, obj: Any, /) -> Parts:
        path = _unplain(obj, "result")
        if path is not None:
            raise SerializationError(f"{path} is not plain", path=path, value=obj)
        return [json.dumps(obj, indent=self.indent).encode()]

    def load(self, source: Source, /) -> Any:
        try:
            return json.loads(bytes(source.buffer()))
        except (ValueError, RecursionError) as error:
            raise CorruptResultError("no JSON") from error


def _unplain(obj: Any, path: str) -> str | None:
    if isinstance(obj, list):
        return next((found for n, each in enumerate(obj) if (found := _unplain(each, f"{path}[{n}]"))), None)
    if isinstance(obj, dict):
        return next((found for key, each in obj.items() if (found := _unplain(each, f'{path}["{key}"]'))), None)
    return None if isinstance(obj, str | int | float | None) else path


class Nameless(Honest):
    """Has an extension without a dot."""

    suffix: ClassVar[str] = "json"


class Rounding(Honest):
    """Keeps whole numbers alone."""

    def load(self, source: Source, /) -> Any:
        found = super().load(source)
        return int(found) if isinstance(found, float) else found


class Understating(Honest):
    """Declares less than it makes."""

    def decoded_size(self, parts: Parts, /) -> int | None:
        del parts
        return 0

    def load(self, source: Source, /) -> Any:
        within(source.trust, source.size)
        return super().load(source)


class Deep(Honest):
    """Alters what lies inside, so that `==` does not see it."""

    def load(self, source: Source, /) -> Any:
        found = super().load(source)
        return (
            {key: [True if each == 1 else each for each in value] for key, value in found.items()}
            if (isinstance(found, dict) and found and "k" in found)
            else found
        )


class Textual(Honest):
    """Gives text for bytes."""

    def dump(self, obj: Any, /) -> Any:
        return [bytes(part).decode() for part in super().dump(obj)]

    def load(self, source: Source, /) -> Any:
        return super().load(source)


class Shared(Honest):
    """Has one buffer for all dumps."""

    _buffer: ClassVar[bytearray] = bytearray()

    def dump(self, obj: Any, /) -> Parts:
        Shared._buffer[:] = b"".join(super().dump(obj))

        def parts() -> Any:
            for at in range(0, len(Shared._buffer), 4):
                yield bytes(Shared._buffer[at : at + 4])

        return parts()


class Empty(Honest):
    """Writes nothing for None."""

    def dump(self, obj: Any, /) -> Parts:
        return [] if obj is None else super().dump(obj)

    def load(self, source: Source, /) -> Any:
        return super().load(source) if source.size else None


class Raw(Honest):
    """Lets the library's own errors out."""

    def load(self, source: Source, /) -> Any:
        return json.loads(bytes(source.buffer()))


class Noisy(Honest):
    """Does so for what is no text alone."""

    def load(self, source: Source, /) -> Any:
        if source.size > 60:
            return json.loads(bytes(source.buffer()))
        return super().load(source)


class Code(Honest):
    """Unpickles what looks like a pickle, and does not say so."""

    def load(self, source: Source, /) -> Any:
        data = bytes(source.buffer())
        return pickle.loads(data) if data[:1] == b"\x80" else super().load(source)


class Forgetful(Honest):
    """Does not tell all of its options."""

    def options(self) -> dict[str, Any]:
        return {"indent": 2}


class Bound(Honest):
    """Does not travel."""

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError("not me")


class Numbered(Honest):
    """Says what wrote in numbers."""

    def written_with(self, parts: Parts, /) -> Mapping[str, str]:
        return {"version": 3}  # type: ignore[dict-item]


class Alone(Honest):
    """Serves one thread."""

    _thread: ClassVar[int] = 0

    def load(self, source: Source, /) -> Any:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("another thread")
        return super().load(source)


class Vague(Honest):
    """Refuses without a place."""

    def dump(self, obj: Any, /) -> Parts:
        try:
            return super().dump(obj)
        except SerializationError as error:
            raise SerializationError("no", value=obj) from error


LIARS: list[tuple[str, type[Honest]]] = [
    ("test_describes_itself", Nameless),
    ("test_gives_back_what_it_was_given", Rounding),
    ("test_exact_is_exact", Deep),
    ("test_declares_what_reading_makes", Understating),
    ("test_parts_are_buffers", Textual),
    ("test_dumps_do_not_disturb_each_other", Shared),
    ("test_a_payload_is_never_empty", Empty),
    ("test_cut_payloads_fail_cleanly", Raw),
    ("test_flipped_payloads_fail_cleanly", Raw),
    ("test_noise_fails_cleanly", Noisy),
    ("test_says_so_where_loading_may_run_code", Code),
    ("test_options_make_it_again", Forgetful),
    ("test_pickles", Bound),
    ("test_written_with_is_ready_for_json", Numbered),
    ("test_threads_share_it", Alone),
    ("test_refusals_name_the_path", Vague),
]
PROMISES = sorted(name for name in dir(SerializerContract) if name.startswith("test_"))
VALUES: list[Any] = [None, True, 0, 2**40, 1.5, "é", [], {}, [1, [2, {"a": None}]], {"k": [1, 2]}, "x" * 5000]
LOCK = threading.Lock()


def asked(promise: str, serializer: Honest) -> None:
    """One test of the contract, with its fixtures."""
    test = getattr(SerializerContract(), promise)
    names = test.__code__.co_varnames[1 : test.__code__.co_argcount]
    fixtures = {"serializer": serializer, "values": VALUES, "refused": ([{"deep": LOCK}], 'result[0]["deep"]')}
    test(**{name: fixtures[name] for name in names})


@pytest.mark.parametrize(("promise", "liar"), LIARS)
def test_the_contract_catches_a_liar(promise: str, liar: type[Honest]) -> None:
    """A serializer that breaks one promise fails the test of that promise."""
    with pytest.raises((AssertionError, ValueError, TypeError, RuntimeError, pytest.fail.Exception)):
        asked(promise, liar())


@pytest.mark.parametrize("promise", PROMISES)
def test_the_contract_lets_the_honest_pass(promise: str) -> None:
    """The same serializer without a lie."""
    asked(promise, Honest())


def test_every_promise_has_its_liar() -> None:
    """A test that nothing can fail would say nothing."""
    assert PROMISES == sorted({promise for promise, _ in LIARS})
