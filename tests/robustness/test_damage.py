"""What lies in storage is damaged, foreign, newer or gone: an error, or a miss with one warning, and nothing lost."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from messages import steady

from holdall import HoldallError, HoldallWarning, load_result, task
from holdall.errors import MissingResultError
from holdall.results import from_json
from holdall.results import record as records
from holdall.results.layout import record_key
from holdall.testing.distributions import absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Damage = Callable[[Path, Path | None], object]

SMALL = b"small enough to lie in its record"
LARGE = bytes(range(256)) * 100
STORE = "local-file-system:HERE/results"
RECORD = f"cache/KEY.json in {STORE}"
FORGED = (
    "Its checksum is right, so what wrote it was at fault, or somebody has forged it. Delete it so that the result is "
    "computed again."
)
AGAIN = "Restore it from a copy, or delete it so that the result is computed again."
RESULT_AGAIN = "Restore it from a copy, or delete the result so that it is computed again."


def cut(_: Path, payload: Path | None) -> None:
    assert payload is not None
    os.truncate(payload, 100)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def flip_payload(_: Path, payload: Path | None) -> None:
    assert payload is not None
    flip(payload)


def resealed(old: bytes, new: bytes) -> Damage:
    """Changes a record and gives it the checksum of what it says now."""

    def damage(record: Path, _: Path | None) -> None:
        data = record.read_bytes()
        assert old in data
        record.write_bytes(records.seal(data.replace(old, new)[: data.rindex(b',"checksum"') - len(old) + len(new)]))

    return damage


CASES: dict[str, tuple[bytes, Damage, str, str]] = {
    "truncated payload": (
        LARGE,
        cut,
        "CorruptResultError",
        (
            f"The result {RECORD} cannot be read. payloads/PAYLOAD.pkl has 100 bytes, and 25618 were written: it was "
            f"cut short or replaced. {RESULT_AGAIN}"
        ),
    ),
    "flipped byte in the payload": (
        LARGE,
        flip_payload,
        "CorruptResultError",
        (
            f"The result {RECORD} cannot be read. payloads/PAYLOAD.pkl is damaged: the bytes from 0 on are not those "
            f"that were written (checksum of chunk 0). {RESULT_AGAIN}"
        ),
    ),
    "deleted payload": (
        LARGE,
        lambda _, payload: payload.unlink() if payload else None,
        "MissingResultError",
        (
            f"The result {RECORD} cannot be read. The payload payloads/PAYLOAD.pkl is gone, though its record is still "
            f"there: somebody deleted it. {RESULT_AGAIN}"
        ),
    ),
    "truncated record": (
        SMALL,
        lambda record, _: os.truncate(record, 300),
        "CorruptResultError",
        f"{RECORD} is damaged: its checksum does not match its content (300 bytes). {AGAIN}",
    ),
    "empty record": (
        SMALL,
        lambda record, _: os.truncate(record, 0),
        "CorruptResultError",
        f"{RECORD} is empty, as a file is that a power loss cut short. {AGAIN}",
    ),
    "flipped byte in the record": (
        SMALL,
        lambda record, _: flip(record),
        "CorruptResultError",
        f"{RECORD} is damaged: its checksum does not match its content (N bytes). {AGAIN}",
    ),
    "a foreign file": (
        SMALL,
        lambda record, _: record.write_text("somebody's notes"),
        "CorruptResultError",
        (
            f'{RECORD} is not a holdall record: it starts with b"somebody\'s notes". Another program may have written '
            "it; move it away, or keep results in a folder of their own."
        ),
    ),
    "a newer record": (
        SMALL,
        resealed(b'{"holdall":1', b'{"holdall":2'),
        "CorruptResultError",
        (
            f"{RECORD} was written by a newer holdall (record version 2); this one reads up to version 1. Upgrade "
            "holdall to read it."
        ),
    ),
    "an unknown serializer": (
        SMALL,
        resealed(b'"type":"pickle"', b'"type":"pikcle"'),
        "UnknownSerializerError",
        f"The result {RECORD} cannot be read. No serializer is called 'pikcle'. Did you mean 'pickle'? Installed: ….",
    ),
    "a serializer that is not installed": (
        SMALL,
        resealed(b'"type":"pickle"', b'"type":"arrow"'),
        "PluginMissingError",
        (
            f"The result {RECORD} cannot be read. The serializer 'arrow' comes with holdall-arrow, which is not "
            "installed. Install it: pip install holdall-arrow. Installed: …."
        ),
    ),
    "a record that is none inside": (
        LARGE,
        resealed(b'"size":', b'"sise":'),
        "CorruptResultError",
        (f"{RECORD} is no valid record: the member payload.size is missing. {FORGED}"),
    ),
    "a date that is none": (
        SMALL,
        resealed(b'"expires":null', b'"expires":"noon"'),
        "CorruptResultError",
        (
            f"{RECORD} is no valid record: the member expires is odd: 'noon' is no time as RFC 3339 writes it, with a zone, "
            f"between the years 1900 and 9999. {FORGED}"
        ),
    ),
}


class Kept:
    """One cached result, damaged after it was written."""

    def __init__(self, value: bytes, damage: Damage) -> None:
        self.storage = Path("results").absolute()
        self.value = value
        self.ran = 0
        self.key = record_key("the key")
        self.call = task(cache_key_fn=lambda *_: "the key", result_storage=self.storage)(self.body)
        self.reference = self.call.with_options(return_state=True)().reference.json()  # type: ignore[attr-defined]
        damage(self.storage / self.key, next(iter(self.storage.glob("payloads/*/*.pkl")), None))
        self.ran = 0

    def body(self) -> bytes:
        self.ran += 1
        return self.value

    def errors(self) -> list[tuple[str, str]]:
        """Types and messages: by reference, by key, by storage and key."""
        told = []
        ways: list[Callable[[], Any]] = [
            lambda: from_json(self.reference).get(),
            lambda: load_result(key=self.key),
            lambda: load_result(key=self.key, storage=self.storage),
        ]
        for way in ways:
            with pytest.raises(HoldallError) as caught:
                way()
            told.append((type(caught.value).__name__, self.steady(caught.value)))
        return told

    def steady(self, message: object) -> str:
        text = steady(message, self.storage.parent)
        size = (self.storage / self.key).stat().st_size
        return text.replace(f"({size} bytes)", "(N bytes)" if size > 300 else f"({size} bytes)").partition(
            "Installed: "
        )[0]


def without_list(message: str) -> str:
    """The message without the names of what happens to be installed."""
    return message.partition("Installed: ")[0]


@pytest.fixture(autouse=True)
def _a_plugin_is_not_installed() -> Iterator[None]:
    with absent("holdall-arrow"):
        yield


@pytest.mark.parametrize("case", CASES)
def test_reading_a_damaged_result_is_an_error(case: str) -> None:
    """By reference, by key, by storage and key: one error of the right type that says what, where and what to do."""
    value, damage, kind, message = CASES[case]
    kept = Kept(value, damage)

    assert [(kind, without_list(message))] * 3 == kept.errors()


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_entry_is_a_miss_with_one_warning(case: str) -> None:
    """A cached call runs its body once, says so once, and has the next call find what it kept."""
    value, damage, _, message = CASES[case]
    kept = Kept(value, damage)
    size = (kept.storage / kept.key).stat().st_size
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        first, second = kept.call(), kept.call()
    told = [without_list(steady(each.message, kept.storage.parent)) for each in said]
    expected = without_list(message).replace("(N bytes)", f"({size} bytes)")

    assert (value, value, 1) == (first, second, kept.ran)
    assert [f"A cached result could not be used, so the body runs again and replaces it: {expected}"] == told
    assert [HoldallWarning] == [each.category for each in said]
    assert value == load_result(key=kept.key)
    with pytest.raises(MissingResultError, match="was written again, by the run"):
        from_json(kept.reference).get()  # of a run whose result is gone, though another's is equal


def test_a_deleted_record_is_a_plain_miss() -> None:
    """Whoever reads it is told that it is gone; whoever would compute it does so and says nothing."""
    kept = Kept(LARGE, lambda record, _: record.unlink())
    told = []
    for way in (lambda: from_json(kept.reference).get(), lambda: load_result(key=kept.key)):
        with pytest.raises(HoldallError) as caught:
            way()
        told.append((type(caught.value).__name__, steady(caught.value, kept.storage.parent)))
    value = kept.call()

    message = (
        f"There is no result under cache/KEY.json in {STORE}. It was deleted or never written there; `holdall result "
        "ls` lists what the catalog knows."
    )
    assert [("MissingResultError", message)] * 2 == told
    assert (LARGE, 1) == (value, kept.ran)


def test_foreign_files_in_the_base_path_disturb_nothing() -> None:
    """Other people's files lie beside ours and stay as they are."""
    storage = Path("results").absolute()
    for each in ("notes.txt", "cache/notes.txt", "results/00/notes", "payloads/x/y.pkl"):
        (storage / each).parent.mkdir(parents=True, exist_ok=True)
        (storage / each).write_text("mine")
    call = task(cache_key_fn=lambda *_: "the key", result_storage=storage)(lambda: LARGE)
    values = call(), call()

    assert (LARGE, LARGE) == values
    assert ["mine"] * 4 == [
        (storage / each).read_text()
        for each in ("notes.txt", "cache/notes.txt", "results/00/notes", "payloads/x/y.pkl")
    ]
