"""Storage contract: `scan` and `delete`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from holdall.testing.storage.capabilities import Capabilities

if TYPE_CHECKING:
    from holdall.abc.storage import Storage


class ListingContract(Capabilities):
    """The part of `StorageContract` about `scan` and `delete`."""

    def test_scan_is_in_key_order(self, storage: Storage) -> None:
        """Keys come by code point of the whole key, which is not the order of a walk through folders."""
        keys = ["a", "b-c", "b.c", "b/c", "b/c-d", "b0", "b\u00e9", "B", "b/\U0001f9f3", "b/\uffee", "z/y/x/w"]
        for key in keys:
            storage.put(key, [b"12345"])

        assert sorted(keys) == [meta.key for meta in storage.scan()]
        assert {5} == {meta.size for meta in storage.scan()}

    def test_scan_keeps_to_its_prefix(self, storage: Storage) -> None:
        """A prefix is text, not a folder, and one that no key has gives nothing."""
        for key in ("run/1", "run/12", "runs", "walk/1"):
            storage.put(key, [b"x"])
        expected = {
            "": ["run/1", "run/12", "runs", "walk/1"],
            "run": ["run/1", "run/12", "runs"],
            "run/": ["run/1", "run/12"],
            "run/12": ["run/12"],
            "run/123": [],
            "../": [],
            "nothing/here": [],
        }

        assert expected == {prefix: [meta.key for meta in storage.scan(prefix)] for prefix in expected}

    def test_scan_goes_on_to_the_last_page(self, storage: Storage) -> None:
        """More objects than one page of any backend holds are all listed, once each."""
        keys = [f"many/{number % 16:x}/{number:06}" for number in range(self.scan_count)]
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda key: storage.put(key, [b""]), keys):
                pass

        assert sorted(keys) == [meta.key for meta in storage.scan("many/")]

    def test_a_listing_knows_the_latest_write(self, storage: Storage) -> None:
        """What was put is listed at once, and what was deleted is not."""
        keys = [f"folder/object{number}" for number in range(5)]
        for number, key in enumerate(keys, 1):
            storage.put(key, [b"x"])

            assert keys[:number] == [meta.key for meta in storage.scan("folder/ob")]
        for number, key in enumerate(keys, 1):
            storage.delete(key)

            assert keys[number:] == [meta.key for meta in storage.scan("folder/ob")]
        assert not storage.exists("folder")

    def test_what_was_written_again_is_not_deleted_for_the_old_one(self, storage: Storage) -> None:
        """`delete_unchanged` removes what a head or a listing described, and leaves what was put under its key since."""
        for key, again in (("folder/larger", b"12345678"), ("folder/smaller", b"1")):
            storage.put(key, [b"1234"])
            before = storage.head(key)
            (listed,) = storage.scan(key)
            storage.put(key, [again])

            assert [False, False] == [storage.delete_unchanged(before), storage.delete_unchanged(listed)]
            assert again == bytes(storage.get(key))
        for look in (storage.head, lambda key: next(iter(storage.scan(key)))):
            for key in ("folder/larger", "folder/smaller"):
                storage.put(key, [b"12"])
                meta = look(key)

                assert [True, True] == [storage.delete_unchanged(meta), storage.delete_unchanged(meta)]
                assert not storage.exists(key)
        assert not list(storage.scan())

    def test_delete_is_idempotent(self, storage: Storage) -> None:
        """A second delete, or one of what never was, is no error; a folder of keys is left alone."""
        storage.put("folder/object", [b"x"])
        storage.put("folder/other", [b"x"])
        for key in ("folder/object", "folder/object", "never", "folder", "folder/other/below"):
            storage.delete(key)

        assert [meta.key for meta in storage.scan()] == ["folder/other"]
