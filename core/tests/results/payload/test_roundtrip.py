"""Results that would come back as others: found before they count as kept."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from holdall import HoldallWarning, task
from holdall.abc import Serializer
from holdall.builtin.json.serializer import JSONSerializer
from holdall.builtin.pickle.codec import PickleCodec
from holdall.errors import ConfigurationError, SerializationError
from holdall.results.payload import roundtrip

if TYPE_CHECKING:
    from pathlib import Path

    from holdall.types import Parts, Source


class Lossy(Serializer):
    """JSON as the standard library writes it."""

    slug: ClassVar[str] = "lossy"
    media_type: ClassVar[str] = "application/json"
    suffix: ClassVar[str] = ".json"
    loads: ClassVar[list[int]] = []

    def dump(self, obj: Any, /) -> Parts:
        yield json.dumps(obj, default=float).encode()

    def load(self, source: Source, /) -> Any:
        self.loads.append(source.size)
        return json.loads(bytes(source.buffer()))


class Unreadable(Lossy):
    """Writes what it cannot read."""

    slug: ClassVar[str] = "unreadable"

    def load(self, source: Source, /) -> Any:
        raise RuntimeError("lost")


@pytest.fixture(autouse=True)
def _afresh() -> None:
    Lossy.loads.clear()
    roundtrip._seen.clear()
    roundtrip._said.clear()


def kept(value: Any, serializer: Any = None) -> Any:
    unit = task(
        persist_result=True, result_serializer=serializer or Lossy(), return_state=True, cache_result_in_memory=False
    )
    return unit(lambda: value)()


@pytest.mark.parametrize("pad", ["", "x" * 20_000], ids=["inline", "file"])
def test_a_loss_is_refused_with_its_path(place: Path, pad: str) -> None:
    """And nothing of it is kept; the value is on the error."""
    value = {"price": [Decimal("1.10"), 2], "pad": pad}
    with pytest.raises(SerializationError) as caught:
        task(persist_result=True, result_serializer=Lossy())(lambda: value)()

    assert 'result["price"][0]' == caught.value.path
    assert value is caught.value.value
    assert (
        'The lossy serializer would not give this result back as it is: result["price"][0] is a decimal.Decimal and comes '
        'back as a float. Use result_serializer="pickle" for it, teach the serializer, or allow the loss with '
        "HOLDALL_RESULTS_LOSSY=note."
    ) == str(caught.value)
    assert [] == [path for path in place.rglob(".holdall-results/**/*") if path.is_file()]


def test_what_cannot_be_read_back_is_refused(place: Path) -> None:
    """Before anybody counts on it."""
    with pytest.raises(SerializationError, match=r"it cannot be read back: RuntimeError: lost\."):
        task(persist_result=True, result_serializer=Unreadable())(lambda: [1])()


def test_losses_may_be_allowed_and_are_noted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning for each type, and a word in the record."""
    monkeypatch.setenv("HOLDALL_RESULTS_LOSSY", "note")
    with pytest.warns(HoldallWarning, match=r"comes back as a list\. It is kept so") as said:
        states = [kept((1, number)) for number in range(2)]

    assert 1 == len(said)
    record = json.loads((place / ".holdall-results" / states[0].reference.key).read_text())
    assert {"lossy": "result"} == record["serializer"]["written_with"]
    assert [1, 0] == states[0].result()


def test_a_sample_is_of_each_type(place: Path) -> None:
    """The first, the second, the fourth, the eighth; and none that is large."""
    for number in range(8):
        kept([number])
    sampled = len(Lossy.loads)
    kept({"a": 1})
    after = len(Lossy.loads)
    kept("x" * (2 << 20))

    assert (4, 5, 5) == (sampled, after, len(Lossy.loads))


def test_always_is_each_of_any_size(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of serializers that are exact as well."""
    monkeypatch.setenv("HOLDALL_RESULTS_VERIFY_ROUNDTRIP", "always")
    for number in range(5):
        kept([number])
    kept("x" * (2 << 20))

    assert 6 == len(Lossy.loads)
    assert np.array_equal(np.arange(2000), kept(np.arange(2000), PickleCodec()).result())


def test_never_is_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written counts."""
    monkeypatch.setenv("HOLDALL_RESULTS_VERIFY_ROUNDTRIP", "never")
    state = kept((1, 2))

    assert [] == Lossy.loads
    assert [1, 2] == state.result()


def test_another_word_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that there are."""
    with monkeypatch.context() as patch:
        patch.setenv("HOLDALL_RESULTS_VERIFY_ROUNDTRIP", "often")
        with pytest.raises(ConfigurationError, match="'often' is not one of sample, always, never"):
            kept([1])


def half(obj: Any) -> Any:
    """An encoder that loses what it encodes."""
    return "something"


def back(obj: Any) -> Any:
    """And its decoder."""
    return obj


def test_json_is_as_exact_as_what_has_a_say(place: Path) -> None:
    """Functions of the user's are sampled; forms of its own are not."""
    hooked = JSONSerializer(object_encoder=half, object_decoder=back)

    assert JSONSerializer().exact
    assert not hooked.exact
    assert not JSONSerializer(dumps_kwargs={"indent": 1}).exact
    with pytest.raises(SerializationError, match=r'result\["o"\] is an object and comes back as a str'):
        task(persist_result=True, result_serializer=hooked)(lambda: {"o": object()})()


def test_pickle_is_exact_with_its_own_libraries() -> None:
    """Another one is sampled."""
    assert PickleCodec().exact
    assert PickleCodec("pickle").exact
    assert not PickleCodec("marshal").exact
