"""The guard of storages: whatever a plugin's storage raises, whoever asks it gets an error of holdall's."""

from __future__ import annotations

import inspect
import pickle
import re
import warnings
from dataclasses import replace
from datetime import timedelta
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall import HoldallWarning, flow, load_result, register, task
from holdall.abc.storage import Storage
from holdall.builtin.local.directory import Directory
from holdall.builtin.pickle.codec import PickleCodec
from holdall.catalog.open import open_catalog
from holdall.errors import ConfigurationError, HoldallError, StorageError
from holdall.filesystems import MemoryFileSystem
from holdall.maintenance.copy_report import Selection
from holdall.maintenance.copy_storage import copy, move
from holdall.maintenance.gc import collect
from holdall.maintenance.known_storages import known, place_of
from holdall.maintenance.push_spool import push
from holdall.maintenance.rebuild_catalog import rebuild
from holdall.results.inventory import inventory
from holdall.results.store import ResultStore
from holdall.settings import model as settings
from holdall.storage.check import check
from holdall.storage.guard import GuardedStorage, guard
from holdall.testing.distributions import registrations_undone
from holdall.types import UNSET, ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.results.references import ResultReference

METHODS = sorted(
    name
    for name, member in vars(Storage).items()
    if inspect.isfunction(member) and not name.startswith("_") and not inspect.iscoroutinefunction(member)
    if not inspect.isasyncgenfunction(member)
)
"""Every method of a storage that somebody may ask."""
LAZY = ["scan", "stream"]
LARGE = "x" * 20_000
NAMED = "report.pkl"

broken: set[str] = set()
raised: list[str] = []


class ForeignError(ValueError):
    """What a client raises that knows nothing of holdall."""


class Foreign(MemoryFileSystem):
    """Objects in memory; a method whose name is in `broken` raises what no storage may."""

    slug: ClassVar[str] = "foreign"


def _fail(name: str) -> None:
    if name in broken:
        raised.append(name)
        raise ForeignError(f"{name} gave up")


def _breakable(name: str) -> Any:
    original = getattr(MemoryFileSystem, name)

    @wraps(original)
    def call(self: Foreign, *args: Any, **kwargs: Any) -> Any:
        _fail(name)
        return original(self, *args, **kwargs)

    @wraps(original)
    def lazy(self: Foreign, *args: Any, **kwargs: Any) -> Any:
        _fail(name)
        yield from original(self, *args, **kwargs)
        _fail(f"{name} at its end")

    return lazy if name in LAZY else call


for _name in METHODS:
    setattr(Foreign, _name, _breakable(_name))


@pytest.fixture(autouse=True)
def _whole_again() -> Iterator[None]:
    """Every test begins with a storage that works."""
    with registrations_undone():
        register(Foreign)
        yield
        broken.clear()
        raised.clear()
        for name in ("guard", "other"):
            Foreign(namespace=name).clear()


class Kept:
    """One small, one cached, one named large and one expired result in a storage, and another storage."""

    def __init__(self) -> None:
        self.block = Foreign(namespace="guard")
        self.other = Foreign(namespace="other")
        self.cached = task(result_storage=self.block, cache_key_fn=lambda *_: "k")(lambda: [3])
        self.cached()
        task(result_storage=self.block, result_storage_key=NAMED)(lambda: LARGE)()
        state = task(result_storage=self.block, return_state=True)(lambda: [LARGE])()
        self.reference = state.reference
        task(result_storage=self.block, cache_key_fn=lambda *_: "old", cache_expiration=timedelta(microseconds=1))(
            lambda: LARGE
        )()
        self.catalog = open_catalog(settings.current())

    def sent(self) -> list[Any]:
        return list(push(settings.current()))


def _fill_spool(kept: Kept) -> None:
    was = set(broken)
    broken.clear()
    broken.add("put")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HoldallWarning)
        block = Foreign(namespace="guard", on_failure="spool")
        task(result_storage=block, cache_key_fn=lambda *_: "spooled")(lambda: LARGE)()
    broken.clear()
    broken.update(was)
    raised.clear()
    assert kept.block


def _retried(kept: Kept) -> Any:
    left = [ValueError("once")]
    child = task(persist_result=True)(lambda: [LARGE])

    def body() -> Any:
        value = child()
        if left:
            raise left.pop()
        return value

    return flow(body, result_storage=kept.block, retries=1, name="retried")()


def _again(kept: Kept) -> ResultReference:
    """The reference without the object that it has in memory."""
    return replace(kept.reference, _object=UNSET)


CONSUMERS: dict[str, Callable[[Kept], Any]] = {
    "run": lambda kept: task(result_storage=kept.block)(lambda: [LARGE])(),
    "run by name": lambda kept: task(result_storage=kept.block, result_storage_key="again.pkl")(lambda: LARGE)(),
    "run again by name": lambda kept: task(result_storage=kept.block, result_storage_key=NAMED)(lambda: [LARGE])(),
    "run literal": lambda kept: task(result_storage=kept.block, result_storage_key=NAMED)(lambda: None)(),
    "flow": lambda kept: flow(lambda: [1], result_storage=kept.block, name="flow", persist_result=True)(),
    "retry": _retried,
    "get": lambda kept: _again(kept).get(),
    "reopen": lambda kept: pickle.loads(pickle.dumps(kept.reference)).get(),
    "load": lambda _: load_result(key=NAMED),
    "load from": lambda kept: load_result(key=NAMED, storage=kept.block),
    "cache hit": lambda kept: kept.cached(),
    "refresh": lambda kept: kept.cached.with_options(refresh_cache=True)(),
    "copy": lambda kept: copy(place_of(kept.block), place_of(kept.other), settings=settings.current()).items,
    "copy one": lambda kept: (
        copy(
            place_of(kept.block), place_of(kept.other), chosen=Selection(keys=(NAMED,)), settings=settings.current()
        ).items
    ),
    "move": lambda kept: move(place_of(kept.block), place_of(kept.other), kept.catalog, settings=settings.current()),
    "gc": lambda kept: collect(place_of(kept.block), grace=-5.0, expired=True, catalog=kept.catalog),
    "rebuild": lambda kept: rebuild([place_of(kept.block)], kept.catalog, settings=settings.current()),
    "push": lambda kept: kept.sent(),
    "check": lambda kept: list(check(kept.block)),
    "delete": lambda kept: ResultStore(kept.block, PickleCodec()).delete(kept.reference.key),
    "exists": lambda kept: ResultStore(kept.block, PickleCodec()).exists(kept.reference.key),
    "inventory": lambda kept: list(inventory(place_of(kept.block).storage, "here")),
    "known storages": lambda kept: known(settings.current(), kept.catalog, str(settings.current().home)),
}


def _said(call: Callable[[], Any]) -> str | None:
    """What an error of holdall's says that a call raises; any other is not caught."""
    try:
        call()
    except HoldallError as error:
        return str(error)
    return None


@pytest.mark.parametrize("method", [*METHODS, *(f"{name} at its end" for name in LAZY)])
@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.filterwarnings("ignore::holdall.HoldallWarning")
@pytest.mark.usefixtures("place")
def test_no_consumer_lets_a_foreign_error_through(consumer: str, method: str) -> None:
    """Every method of a storage, whoever asks: an error of holdall's, which says whose fault it is; or a report of it."""
    kept = Kept()
    if consumer == "push":
        _fill_spool(kept)
    broken.add(method)
    said = _said(lambda: CONSUMERS[consumer](kept))

    if said is not None:
        assert method in raised
        assert re.search(
            rf"foreign\b.* ({'|'.join(METHODS)}) (of|raised).*ForeignError: {method} gave up.*the author of {__name__}",
            said,
        )


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("consumer", "asked"),
    [
        ("run", {"put", "location", "check_place"}),
        ("run by name", {"put", "publish", "check_key"}),
        ("cache hit", {"get"}),
        ("copy", {"scan", "stream", "put", "get", "location"}),
        ("move", {"scan", "stream", "put", "get", "exists", "delete", "delete_unchanged"}),
        ("gc", {"scan", "sweep", "delete_unchanged", "get"}),
        ("check", {"put", "get", "head", "scan", "delete"}),
        ("delete", {"head", "get", "delete_unchanged"}),
        ("rebuild", {"scan", "get"}),
    ],
)
@pytest.mark.filterwarnings("ignore::holdall.HoldallWarning")
def test_the_consumers_do_ask_what_was_broken(consumer: str, asked: set[str]) -> None:
    """The test above would find nothing in a consumer that never comes to the broken call."""
    for method in asked:
        kept = Kept()
        broken.add(method)
        raised.clear()
        _said(partial(CONSUMERS[consumer], kept))
        assert method in raised, method
        broken.clear()
        for block in (kept.block, kept.other):
            block.clear()


CALLS: dict[str, Callable[[Storage], Any]] = {
    "put": lambda storage: storage.put("k", [b"1"]),
    "get": lambda storage: storage.get("k"),
    "head": lambda storage: storage.head("k"),
    "exists": lambda storage: storage.exists("k"),
    "delete": lambda storage: storage.delete("k"),
    "delete_unchanged": lambda storage: storage.delete_unchanged(ObjectMeta("k", 1)),
    "scan": lambda storage: list(storage.scan("k")),
    "stream": lambda storage: list(storage.stream("k")),
    "publish": lambda storage: storage.publish("k", "copy"),
    "sweep": lambda storage: storage.sweep(0.0),
    "check_key": lambda storage: storage.check_key("k"),
    "check_place": lambda storage: storage.check_place(),
    "location": lambda storage: storage.location(),
    "resolved": lambda storage: storage.resolved("/tmp"),
    "close": lambda storage: storage.close(),
}


def test_every_method_of_a_storage_is_guarded() -> None:
    """One that is added to the interface is added to the guard, and to the tests here."""
    assert set(METHODS) == set(CALLS)
    assert set(METHODS) <= set(vars(GuardedStorage))


@pytest.mark.parametrize("method", CALLS)
def test_a_foreign_error_is_named(method: str) -> None:
    """With the storage, the operation, the author; as what a plugin says before a run where nothing was asked yet."""
    block = Foreign(namespace="guard").with_slug("foreign/here")
    block.put("k", [b"1"])
    broken.add(method)
    with pytest.raises(
        HoldallError, match=f"^foreign/here.*{method}.*ForeignError: {method} gave up.*{__name__}"
    ) as caught:
        CALLS[method](guard(block))

    assert isinstance(caught.value.__cause__, ForeignError)
    if method.startswith("check_"):
        assert isinstance(caught.value, ConfigurationError)
    else:
        assert isinstance(caught.value, StorageError)
        assert ("foreign/here", method) == (caught.value.block, caught.value.operation)
        assert not caught.value.transient


@pytest.mark.parametrize("method", CALLS)
def test_the_blocks_of_users_stay_as_they_are(method: str) -> None:
    """Only what holdall resolves is guarded: whoever calls a block gets what that raises."""
    block = Foreign(namespace="guard")
    task(result_storage=block)
    block.put("k", [b"1"])
    broken.add(method)
    with pytest.raises(ForeignError):
        CALLS[method](block)


@pytest.mark.usefixtures("place")
def test_a_guard_is_put_on_once_and_shows_what_it_guards() -> None:
    """Attributes are those of the storage; those that a storage has not got are defaults."""
    block = Foreign(namespace="guard", inline_limit=7, on_failure="spool", no_pickle=True, accept=("pickle",))
    guarded = guard(block)

    assert guard(guarded) is guarded
    assert ResultStore(guarded, PickleCodec()).storage is guarded
    assert place_of(guarded).storage is guarded
    assert guarded.resolved("/elsewhere") is guarded
    names = ("slug", "block_slug", "inline_limit", "on_failure", "no_pickle", "accept", "signing_key", "encryption_key")
    assert [getattr(block, name) for name in names] == [getattr(guarded, name) for name in names]
    assert guarded.lock_path is None
    assert not guarded.atomic_create
    assert Directory("locks").lock_path("k") == guard(Directory("locks")).lock_path("k")  # type: ignore[misc]
    bare = guard(Directory("bare"))
    assert (8192, "raise", False, (), None, None) == tuple(getattr(bare, name) for name in names[2:])


def test_a_field_of_a_block_keeps_its_own_default() -> None:
    """What instances of every storage have is no default of a block's field, and hides none."""

    class Own(MemoryFileSystem):
        slug: ClassVar[str] = "own"
        inline_limit: int = 3

    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Other(Own):
            slug: ClassVar[str] = "other-own"
            no_pickle: bool = True

    assert (3, True) == (Other().inline_limit, Other().no_pickle)
    assert [*Own.model_fields] == [*MemoryFileSystem.model_fields] == [*Other.model_fields]
