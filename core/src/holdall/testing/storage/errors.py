"""Storage contract: errors, and secrets that they must not contain."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

from holdall.errors import HoldallError, KeyExists, KeyMissing, StorageError
from holdall.testing.storage.asserts import operations, raised
from holdall.testing.storage.capabilities import Capabilities
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.abc.storage import Storage


class TroubleContract(Capabilities):
    """The part of `StorageContract` about errors."""

    def test_only_keymissing_means_absent(self, storage: Storage) -> None:
        """A key that is not there is KeyMissing from `get` and `head`, also a folder of keys and a key below a key."""
        storage.put("folder/object", [b"here"])

        for key in ("absent", "folder", "folder/object/below"):
            missing = [
                raised(KeyMissing, storage.get, key),
                raised(KeyMissing, storage.head, key),
                raised(KeyMissing, storage.get, key, byte_range=ByteRange(0, 1)),
                raised(KeyMissing, next, storage.stream(key)),
            ]
            assert [key] * 4 == [error.key for error in missing]
            assert not storage.exists(key)
        assert storage.exists("folder/object")

    def test_trouble_is_never_taken_for_absence(self, storage: Storage) -> None:
        """A storage that cannot be asked raises StorageError, whatever is asked, and never says no."""
        del storage
        _never_says_no(self.unreachable())

    def test_a_missing_container_is_no_absence(self, storage: Storage) -> None:
        """Where the bucket is not there, nothing is known of the object: the place is wrong."""
        _never_says_no(self.without_container(storage))

    def test_refused_credentials_are_no_absence(self, storage: Storage) -> None:
        """Who is not let in is told so, of a key that is there and of one that is not."""
        storage.put("object", [b"here"])
        refused = self.refused(storage)
        _never_says_no(refused)
        if refused is not None:
            for call in (refused.get, refused.head, refused.exists):
                assert not isinstance(raised(StorageError, call, "object"), KeyMissing)

        assert bytes(storage.get("object")) == b"here"

    def test_who_may_only_read_changes_nothing(self, storage: Storage) -> None:
        """Reading works, and a write that is refused is an error that leaves everything as it was."""
        storage.put("object", [b"as it was"])
        reader = self.read_only(storage)
        if reader is None:
            return

        assert bytes(reader.get("object")) == b"as it was"

        for key in ("object", "new"):
            assert not isinstance(raised(StorageError, reader.put, key, [b"changed"]), KeyExists | KeyMissing)
        raised(StorageError, reader.delete, "object")

        assert [("object", b"as it was")] == [(meta.key, bytes(storage.get(meta.key))) for meta in storage.scan()]

    def test_errors_name_block_key_and_operation(self, storage: Storage) -> None:
        """What failed where is in the error's fields and in its text."""
        storage.put("taken", [b""])
        errors: list[StorageError] = [
            raised(KeyMissing, storage.get, "not/there"),
            raised(KeyMissing, storage.head, "not/there"),
            raised(StorageError, storage.get, "taken", byte_range=ByteRange(1, 2)),
        ]
        expected = [("not/there", "get"), ("not/there", "head"), ("taken", "get")]
        if self.creates:
            errors.append(raised(KeyExists, storage.put, "taken", [b""], mode="create"))
            expected.append(("taken", "put"))

        assert expected == [(error.key, error.operation) for error in errors]
        assert all(error.block for error in errors)
        assert all(word in str(error) for error in errors for word in (error.block, error.key, error.operation))

    def test_errors_hold_no_secret(self, storage: Storage) -> None:
        """Neither their text nor what they carry, that of the errors of ours behind them included."""
        storage.put("taken", [b""])
        told = _told(raised(StorageError, storage.get, "taken", byte_range=ByteRange(1, 2)))
        secrets = self.secrets(storage)
        for each in (
            *(storage, self.unreachable()),
            *(self.without_container(storage), self.refused(storage), self.read_only(storage)),
        ):
            if each is not None:
                secrets += self.secrets(each)
                told += "".join(map(_told, _failures(each)))

        assert [] == [secret for secret in secrets if secret in told]

    def test_a_storage_shows_no_secret(self, storage: Storage) -> None:
        """Not printed, not by its location, and not in the pickle that travels to another process."""
        storage.put("object", [b""])
        shown = f"{storage!r} {storage} {json.dumps(storage.location())} {getattr(storage, 'plain_fields', dict)()}"
        if self.pickles:
            shown += pickle.dumps(storage).decode("utf-8", "replace")

        assert [] == [secret for secret in self.secrets(storage) if secret in shown]


def _never_says_no(storage: Storage | None) -> None:
    if storage is None:
        return
    for operation, call in operations(storage).items():
        error = raised(StorageError, call)

        assert not isinstance(error, KeyMissing), operation
        assert operation == error.operation
        assert error.block
        assert error.block in str(error)
    assert not isinstance(raised(StorageError, storage.exists, "not/there"), KeyMissing)


def _failures(storage: Storage) -> Iterator[StorageError]:
    for call in operations(storage).values():
        try:
            call()
        except StorageError as error:
            yield error


def _told(error: BaseException | None) -> str:
    told = ""
    while error is not None:
        if isinstance(error, HoldallError):  # a backend's own text is its own; the class in front of it is ours
            told += f"{error} {error!r} {vars(error)} {pickle.dumps(error).decode('utf-8', 'replace')}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told
