"""One object of each public kind, by name: what golden data is made from, and what it is compared with once loaded.

Stored pickles name this module and the functions in it, so neither is renamed.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import PackageNotFoundError, distribution
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import holdall
from holdall import (
    abc,
    blocks,
    cache,
    errors,
    filesystems,
    flow,
    flows,
    plugins,
    security,
    serialization,
    serializers,
    task,
    tasks,
    types,
)
from holdall.abc import bound, component, signature, storage
from holdall.cache import CODE, DEFAULT, FILES, INPUTS, NONE, PACKAGES, RUN, SOURCE, CacheContext, HashBy, Ignore
from holdall.declaration import options, resolution
from holdall.declaration import retry_delay as retries
from holdall.engine import future as futures
from holdall.engine import inputs as unmapping
from holdall.engine import state as states
from holdall.filesystems import LocalFileSystem, MemoryFileSystem
from holdall.hooks import bus, events
from holdall.plugins import options as fields
from holdall.results import load as retrieval
from holdall.results import references as results
from holdall.results.references import ResultLiteral, ResultReference
from holdall.security import keyring, policy
from holdall.serialization import compare as sameness
from holdall.serialization import compression, typed
from holdall.serializers import (
    AutoSerializer,
    BundleSerializer,
    BytesSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    TextSerializer,
)
from holdall.settings import model as settings
from holdall.types import (
    UNSET,
    BlockDocument,
    ByteRange,
    Call,
    ObjectMeta,
    ReferenceRow,
    RunRow,
    SerializerReference,
    StorageReference,
    Trust,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

MODULES: Final[tuple[ModuleType, ...]] = (
    holdall,
    abc,
    blocks,
    bound,
    cache,
    component,
    compression,
    errors,
    events,
    fields,
    filesystems,
    flows,
    futures,
    bus,
    keyring,
    options,
    plugins,
    policy,
    resolution,
    results,
    retrieval,
    retries,
    sameness,
    security,
    serialization,
    serializers,
    settings,
    signature,
    states,
    storage,
    tasks,
    typed,
    types,
    unmapping,
)
"""Every module whose names the documentation shows."""

UNPICKLED: Final = {
    "Future": "holds a lock",
    "Lease": "abstract, and is a lock",
    "Signer": "holds a private key, and refuses",
    "Verifier": "refuses, as who signs does",
    "Compressing": "a stream that is read once",
    "CompressionSerializer": "a base whose subclasses have the compression",
    "Component": "a base of blocks and serializers",
    "Declared": "a dictionary",
    "Reader": "lives as long as one payload is read",
    "Runnable": "the base of Task and Flow",
    "Secrets": "holds secrets, and refuses",
    "TypeHandler": "holds functions of the table of types",
    "UnsupportedValue": "never leaves a serializer",
    "Writer": "lives as long as one payload is written",
}
"""Public classes whose instances have no golden data, and why."""

RENAMED: Final = {"Form": typed.TypeHandler, "Refused": typed.UnsupportedValue}
"""Public classes by the name that golden data has for them."""


def add(a: int, b: int = 1) -> int:
    """Adds, and is no task where it is defined."""
    return a + b


def key_of(context: Any, parameters: dict[str, Any]) -> str:
    """A cache key function."""
    return f"{context.task.name}:{sorted(parameters)}"


@task
def plain(a: int) -> int:
    """A task with no options."""
    return a


@task(
    name="every-option",
    persist_result=True,
    result_storage=LocalFileSystem(basepath="results"),
    result_serializer=JSONSerializer(),
    result_storage_key="{task_run.name}/{parameters[a]}",
    cache_result_in_memory=False,
    cache_policy=INPUTS + SOURCE,
    cache_version="2",
    cache_expiration=timedelta(hours=1),
    refresh_cache=True,
    on_storage_error="run",
    retries=3,
    retry_delay_seconds=holdall.exponential_backoff(2),
    task_runner="threads",
)
def adorned(a: int) -> int:
    """A task with every option that goes together."""
    return a


@task(cache_key_fn=key_of, retry_delay_seconds=[1, 2.5])
def keyed(a: int) -> int:
    """A task with a cache key function."""
    return a


@task
async def waiting(a: int) -> int:
    """An asynchronous task."""
    return a


@flow
def trip(a: int) -> int:
    """A flow with no options."""
    return plain(a)


@flow(persist_result=False, result_storage="memory", result_serializer="compressed/json", task_runner="processes")
def round_trip(a: int) -> int:
    """A flow with options."""
    return keyed(a)


class Camp:
    """Has a task for a method."""

    def __init__(self, name: str) -> None:
        self.name = name

    @task
    def pitch(self) -> str:
        """A method."""
        return self.name


def reference(**changes: Any) -> ResultReference:
    """A reference as most are, but for the changes."""
    plainly: dict[str, Any] = {
        "key": "results/0190b1c4",
        "storage": StorageReference(slug=None, type="local-file-system", location={"basepath": "results"}),
        "serializer": SerializerReference(type="pickle"),
    }
    return ResultReference(**plainly | changes)


def failure(cls: Callable[..., holdall.HoldallError]) -> holdall.HoldallError:
    """An error with each attribute that its class has."""
    if cls is holdall.SerializationError:
        error: holdall.HoldallError = holdall.SerializationError("It cannot be written.", path='result["a"]', value=[1])
    elif isinstance(cls, type) and issubclass(cls, holdall.StorageError):
        error = cls("It is away.", block="s3/prod", key="results/a", operation="put", transient=True)
    else:
        error = cls("It went wrong.")
        error.value = {"computed": (1, 2)}
    error.kept = "the spool"
    return error


def state(**changes: Any) -> holdall.State[Any]:
    """A completed run that kept nothing, but for the changes."""
    plainly: dict[str, Any] = {"type": "completed", "kind": "task", "run_id": "0190b1c4", "name": "plain"}
    return holdall.State(**plainly | changes)


def scope() -> Any:
    """What a flow hands down."""
    return resolved("flow", round_trip).scope(round_trip.options, None)


def resolved(kind: Any, unit: Any, around: Any = None) -> resolution.Resolution:
    """What the rules say of a task or flow, whatever the environment is."""
    return resolution.resolve(kind, unit.options, around, settings.Settings(home="/srv/holdall"))


def plugin_info() -> plugins.PluginInfo:
    """Of a plugin that nobody installed."""
    return plugins.PluginInfo(
        kind="storage",
        name="s3",
        distribution="holdall-s3",
        version="1.0",
        target="holdall_s3:S3",
        location="/srv/python",
    )


def option() -> fields.Option:
    """Of a block."""
    return fields.Option(name="fsync", type="bool", required=False, default=False, secret=False, about="Slower.")


MEMBERS: Final[dict[str, Callable[[], Any]]] = {
    "reference": reference,
    "reference-by-run": lambda: reference(run_id="0190b1c4"),
    "reference-named": lambda: reference(run_id="0190b1c4", name="days/monday", cache_in_memory=False),
    "reference-of-a-slug": lambda: reference(
        storage=StorageReference(
            slug="s3/prod", type="s3", location={"bucket_path": "bucket/prefix", "anonymous": True}
        ),
        serializer=SerializerReference(
            type="compressed", options={"compressionlib": "bz2", "serializer": {"type": "json"}}
        ),
    ),
    "storage-reference": lambda: StorageReference(slug="memory/a", type="memory", location={"namespace": "a"}),
    "serializer-reference": lambda: SerializerReference(type="json", options={"jsonlib": "orjson"}),
    "literal-true": lambda: ResultLiteral(value=True),
    "literal-false": lambda: ResultLiteral(value=False),
    "literal-none": lambda: ResultLiteral(value=None),
    "state-completed": lambda: state(_value=[1, 2]),
    "state-of-a-reference": lambda: state(reference=reference(run_id="0190b1c4"), cached=True, attempts=2),
    "state-of-a-literal": lambda: state(kind="flow", reference=ResultLiteral(value=None)),
    "state-failed": lambda: state(type="failed", message="ValueError: no", _error=ValueError("no")),
    "state-failed-of-ours": lambda: state(type="failed", message="no", _error=failure(holdall.StorageError)),
    "state-cancelled": lambda: state(type="cancelled"),
    "task": lambda: plain,
    "task-adorned": lambda: adorned,
    "task-keyed": lambda: keyed,
    "task-async": lambda: waiting,
    "task-with-options": lambda: plain.with_options(retries=2, cache_policy=DEFAULT, result_serializer="json"),
    "task-of-a-function": lambda: task(name="sum", cache_version=3)(add),
    "task-of-a-method": lambda: Camp("south").pitch,
    "flow": lambda: trip,
    "flow-with-options": lambda: round_trip.with_options(name="other", persist_result=True),
    "flow-of-a-function": lambda: flow(add),
    "options": lambda: keyed.options,
    "options-plain": lambda: plain.options,
    "resolution": lambda: resolved("task", plain),
    "resolution-adorned": lambda: resolved("task", keyed, scope()),
    "decision": lambda: resolution.Decision(value="json", source="flow", reason="it says so", beat=("the default",)),
    "scope": scope,
    "unmapped": lambda: holdall.unmapped([1, 2]),
    "futures": futures.Futures,
    "settings": lambda: settings.Settings(home="/srv/holdall"),
    "settings-said": lambda: settings.Settings(
        home="/srv/holdall",
        results_persist_by_default=True,
        results_default_storage="s3/prod",
        results_default_serializer="json",
        results_accept=frozenset({"shop"}),
        results_no_pickle=True,
        results_verify_roundtrip="always",
        results_lossy="note",
        results_lease_seconds=5.0,
        cache_ignore_types=frozenset({"shop:Session"}),
        revoked_signers=("old",),
        results_max_bytes=1 << 30,
        plugins_prefer={"storage.s3": "holdall-s3"},
        progress=False,
        trusts_catalog=False,
        sources={"home": "default"},
    ),
    "local-file-system": LocalFileSystem,
    "local-file-system-with-options": lambda: LocalFileSystem(
        basepath="results",
        fsync=True,
        memory_map=True,
        inline_limit=0,
        on_failure="spool",
        no_pickle=True,
        accept=("shop",),
    ),
    "memory": MemoryFileSystem,
    "memory-with-options": lambda: MemoryFileSystem(namespace="golden"),
    "auto": AutoSerializer,
    "auto-with-options": lambda: AutoSerializer(pickle=False),
    "bundle": BundleSerializer,
    "bundle-with-options": lambda: BundleSerializer(pickle=True),
    "bytes": BytesSerializer,
    "compressed": CompressedSerializer,
    "compressed-with-options": lambda: CompressedSerializer(compressionlib="lzma", serializer=JSONSerializer()),
    "json": JSONSerializer,
    "json-with-options": lambda: JSONSerializer(
        object_encoder="golden_members:add", dumps_kwargs={"indent": 2}, loads_kwargs={"strict": False}
    ),
    "json-with-functions": lambda: JSONSerializer(object_encoder=add, object_decoder=add),
    "pickle": PickleSerializer,
    "pickle-with-options": lambda: PickleSerializer(picklelib="pickle"),
    "text": TextSerializer,
    "policy-code-with-options": lambda: CODE(include=["shop"], exclude=["shop.web"], also=[add]),
    "policy-packages": lambda: PACKAGES("numpy", "pandas"),
    "policy-files": FILES,
    "policy-files-by-stat": lambda: FILES("path", by="stat"),
    "policy-sum": lambda: INPUTS + SOURCE + RUN + CODE - "debug",
    "policy-source-and-packages": lambda: SOURCE + PACKAGES("numpy"),
    **{f"policy-{name}": lambda name=name: getattr(cache, name) for name in cache.__all__ if name.isupper()},
    "policy-none": lambda: NONE,
    "cache-context": lambda: CacheContext(task=plain, run=None, flow_run=None, parameters={"a": 1}),
    "hash-by": lambda: HashBy(add),
    "ignore": lambda: Ignore,
    "byte-range": lambda: ByteRange(1, 9),
    "object-meta": lambda: ObjectMeta("results/a", 12, '"etag"', 1.5),
    "trust": Trust,
    "trust-said": lambda: Trust(
        accept=frozenset({"shop", "calls:shop:load"}), runs_code=True, reader="pickle", containers=2, max_bytes=1 << 20
    ),
    "unset": lambda: UNSET,
    "run-row": lambda: RunRow(
        "0190b1c4", "task", "plain", "shop.plain", "flow", "parent", "completed", None, 1.0, 2.5, 1, None, True
    ),
    "reference-row": lambda: ReferenceRow("memory/a", "results/a", reference().json(), "run", "name", 12, 1.0, None),
    "block-document": lambda: BlockDocument(slug="memory/a", type="memory", fields={"namespace": "a"}, created=1.0),
    "block-entry": lambda: blocks.BlockEntry(slug="memory/a", type="memory", source="catalog", shadowed_by=None),
    "call": lambda: Call(run=add, task=plain, args=(1,), kwargs={"b": 2}, resolution=resolved("task", plain)),
    "policy": policy.Policy,
    "policy-said": lambda: policy.Policy(
        no_pickle=True, accept=frozenset({"shop"}), verify="never", lossy="note", max_bytes=9
    ),
    "signers": lambda: signature.Signers(()),
    "signers-revoked": lambda: signature.Signers((), revoked=[(None, "old")], plugins={"ed25519": "holdall-crypto"}),
    # No secret: these are zeros.
    "key": lambda: keyring.Key("zeros", bytes(32)),
    "key-ring": lambda: keyring.KeyRing((keyring.Key("zeros", bytes(32)),)),
    "difference": lambda: sameness.Difference("result[0]", 1, 1.0),
    "run-started": lambda: bus.RunStarted(run_id="0190b1c4", kind="task", name="plain"),
    "run-finished": lambda: bus.RunFinished(
        run_id="0190b1c4", kind="flow", name="trip", state="completed", duration=0.5, cached=True
    ),
    "result-written": lambda: bus.ResultWritten(reference=reference().json(), size=12, seconds=0.1),
    "result-read": lambda: bus.ResultRead(reference=reference().json(), size=12, seconds=0.1),
    "cache-hit": lambda: bus.CacheHit(run_id="0190b1c4", name="plain", reference=reference().json()),
    "cache-miss": lambda: bus.CacheMiss(run_id="0190b1c4", name="plain", key="cache/a"),
    "retry-scheduled": lambda: bus.RetryScheduled(run_id="0190b1c4", name="plain", attempt=1, delay=2.0),
    "plugin-info": plugin_info,
    "plugin-detail": lambda: plugins.PluginDetail(
        info=plugin_info(), status="broken", problem="no", api_version=1, summary="A storage.", options=(option(),)
    ),
    "finding": lambda: plugins.Finding(
        level="note", kind="storage", name="s3", distribution="holdall-s3", message="no"
    ),
    "option": option,
    "warning": lambda: holdall.HoldallWarning("Worth knowing."),
    "error-outgrown": lambda: failure(bound.OutgrownError),
    **{
        f"error-{name}": lambda cls=cls: failure(cls)
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, holdall.HoldallError)
    },
}


def of_plugins() -> dict[str, dict[str, Callable[[], Any]]]:
    """What each distribution of this repository brings."""

    def storing(name: str, **fields: Any) -> Callable[[], Any]:
        return lambda: getattr(filesystems, name)(**fields)

    def writing(name: str, **fields: Any) -> Callable[[], Any]:
        return lambda: getattr(serializers, name)(**fields)

    def wrapping(name: str, **fields: Any) -> Callable[[], Any]:
        return lambda: getattr(serializers, name)(serializer=JSONSerializer(), **fields)

    return {
        "holdall-arrow": {
            "parquet": writing("ParquetSerializer"),
            "parquet-with-options": writing("ParquetSerializer", compression="zstd", row_group_size=1024),
            "arrow": writing("ArrowSerializer"),
            "arrow-with-options": writing("ArrowSerializer", format="feather", compression="lz4"),
        },
        "holdall-azure": {
            "azure": storing("Azure", bucket_path="container/prefix"),
            "azure-with-options": storing(
                "Azure", bucket_path="container/prefix", account_name="account", anonymous=True, max_attempts=2
            ),
        },
        "holdall-cli": {},
        "holdall-crypto": {
            "encrypted": writing("EncryptedSerializer"),
            "encrypted-with-options": wrapping("EncryptedSerializer"),
        },
        "holdall-fsspec": {
            "fsspec": storing("RemoteFileSystem", basepath="memory://golden"),
            "fsspec-with-options": storing(
                "RemoteFileSystem", basepath="sftp://host/folder", settings={"port": 22}, timeout=9, map_above=0
            ),
        },
        "holdall-gcs": {
            "gcs": storing("GCS", bucket_path="bucket/prefix"),
            "gcs-with-options": storing("GCS", bucket_path="bucket/prefix", project="project", chunk_size=8 << 20),
        },
        "holdall-images": {
            "picture": writing("PictureSerializer"),
            "picture-with-options": writing("PictureSerializer", dpi=90.0),
            "plotly": writing("PlotlySerializer"),
            "png": writing("PNGSerializer"),
            "png-with-options": writing("PNGSerializer", compress_level=1),
        },
        "holdall-lz4": {"lz4": writing("LZ4Serializer"), "lz4-with-options": wrapping("LZ4Serializer", level=9)},
        "holdall-msgpack": {"msgpack": writing("MsgpackSerializer")},
        "holdall-numpy": {
            "numpy": writing("NumpySerializer"),
            "numpy-with-options": writing("NumpySerializer", format="npz"),
        },
        "holdall-obstore": {
            "obstore": storing("ObjectStore", url="s3://bucket/prefix"),
            "obstore-with-options": storing(
                "ObjectStore", url="gs://bucket/prefix", anonymous=True, settings={"timeout": "9s"}
            ),
        },
        "holdall-orjson": {"orjson": writing("OrjsonSerializer")},
        "holdall-s3": {
            "s3": storing("S3", bucket_path="bucket/prefix"),
            "s3-with-options": storing(
                "S3", bucket_path="bucket/prefix", region_name="eu-north-1", anonymous=True, addressing_style="path"
            ),
        },
        "holdall-zstd": {"zstd": writing("ZstdSerializer"), "zstd-with-options": wrapping("ZstdSerializer", level=-1)},
    }


def is_installed(name: str) -> bool:
    """Whether the distribution is here: the core is tested without its plugins too."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def public_names(module: ModuleType) -> dict[str, Any]:
    """What a module defines or lists, without what it imports."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for name, found in vars(module).items() if getattr(found, "__module__", None) == module.__name__]
    return {name: getattr(module, name) for name in names if not name.startswith("_")}


def classes() -> dict[str, type]:
    """The public classes. No two have one name."""
    return {
        name: found for module in MODULES for name, found in public_names(module).items() if isinstance(found, type)
    }


def named() -> dict[str, Callable[[], Any]]:
    """The public classes, and the functions that a module lists: they pickle as their names."""
    listed = [getattr(module, name) for module in MODULES for name in getattr(module, "__all__", ())]
    functions = {found.__name__: found for found in listed if isinstance(found, FunctionType)}
    return {f"name-{name}": lambda found=found: found for name, found in (functions | classes() | RENAMED).items()}


def members() -> dict[str, tuple[str, Callable[[], Any]]]:
    """All that there is here: the name, the distribution that it is of, and what makes it."""
    found = {name: ("holdall", make) for name, make in (MEMBERS | named()).items()}
    for package, made in of_plugins().items():
        if is_installed(package):
            found |= {name: (package, make) for name, make in made.items()}
    return found
