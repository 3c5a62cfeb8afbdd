"""Bytes in files below one folder."""

from __future__ import annotations

import errno
import mmap
import os
import pickle
import random
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from holdall.builtin.local.directory import Directory
from holdall.builtin.local.key_rules import TEMPORARY, fault
from holdall.errors import ConfigurationError, KeyExists, KeyMissing, StorageError
from holdall.testing.storage.contract import StorageContract
from holdall.types import ByteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdall.types import Buffer


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "base"


@pytest.fixture
def directory(base: Path) -> Directory:
    return Directory(str(base))


class _DirectoryContract(StorageContract):
    """The contract, with a base path that is a file for what cannot be reached."""

    __test__: ClassVar[bool] = False
    where: Path

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.where = tmp_path

    def unreachable(self) -> Directory:
        (self.where / "file").write_bytes(b"")
        return Directory(str(self.where / "file" / "base"))


class TestContract(_DirectoryContract):
    """The contract of every storage."""

    __test__: ClassVar[bool] = True

    @pytest.fixture
    def storage(self, base: Path) -> Directory:
        return Directory(str(base))


class TestContractWithMaps(_DirectoryContract):
    """The contract, read through memory maps."""

    __test__: ClassVar[bool] = True

    @pytest.fixture
    def storage(self, base: Path) -> Directory:
        return Directory(str(base), memory_map=True)


class TestContractWithFsync(_DirectoryContract):
    """The contract, each object forced to disk."""

    __test__: ClassVar[bool] = True
    scan_count: ClassVar[int] = 50
    overwrites: ClassVar[int] = 10

    @pytest.fixture
    def storage(self, base: Path) -> Directory:
        return Directory(str(base), fsync=True)


REFUSED = {
    "": "is empty",
    "/etc/passwd": "is an absolute path",
    "C:/x": "starts with a drive letter",
    "c:x": "starts with a drive letter",
    "a\\b": "contains a backslash; segments are separated by /",
    "a\0b": "contains a control character",
    "a\nb": "contains a control character",
    "a\x85b": "contains a control character",
    "a\udc80b": "contains a lone surrogate, which is no text",
    "..": "has the segment '..', which could leave the base path or prefix",
    "a/../../x": "has the segment '..', which could leave the base path or prefix",
    "a/./x": "has the segment '.', which could leave the base path or prefix",
    "a//b": "has an empty segment",
    "a/": "has an empty segment",
    "CON": "has the segment 'CON', a device on Windows",
    "a/nul.txt": "has the segment 'nul.txt', a device on Windows",
    "Com1.tar.gz/x": "has the segment 'Com1.tar.gz', a device on Windows",
    "lpt\u00b9": "has the segment 'lpt\u00b9', a device on Windows",
    "aux .txt": "has the segment 'aux .txt', a device on Windows",
    f"a/{TEMPORARY}1": f"has a segment that starts with {TEMPORARY}, as unfinished files do",
    f"a/{TEMPORARY.upper()}1/b": f"has a segment that starts with {TEMPORARY}, as unfinished files do",
    ".locks/x": "lies in .locks, which is kept for locks",
    ".LOCKS": "lies in .locks, which is kept for locks",
    "x" * 256: "has a segment of more than 255 bytes; split it with /",
    "a/" + "\u00e9" * 128: "has a segment of more than 255 bytes; split it with /",
}


@pytest.mark.parametrize(("key", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_keys_that_no_file_may_have_are_refused(key: str, reason: str, directory: Directory, base: Path) -> None:
    """Whatever is asked, such a key is a StorageError that says why, never an absence, and touches nothing."""
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: directory.put(key, [b"x"]),
        "get": lambda: directory.get(key),
        "head": lambda: directory.head(key),
        "delete": lambda: directory.delete(key),
    }
    for operation, call in calls.items():
        with pytest.raises(StorageError) as caught:
            call()

        expected = f"local-file-system at {base}: {operation} of {key!r} refused: the key {reason}."
        assert expected == str(caught.value)
        assert not isinstance(caught.value, KeyMissing)
        assert ("local-file-system", key, operation) == (
            caught.value.block,
            caught.value.key,
            caught.value.operation,
        )
    assert not base.exists()


@pytest.mark.parametrize(
    "key", ["console", "com", "com10", "nullable.json", "a.b.", "x" * 255, "\u00e9" * 127, "...", "a b "]
)
def test_keys_that_only_look_odd_are_kept(key: str, directory: Directory) -> None:
    """What merely resembles a device or a dot segment is a key."""
    directory.put(key, [b"x"])

    assert [key] == [meta.key for meta in directory.scan()]


@pytest.mark.parametrize("key", ["a.", "a /b", "ab:c", "a?", 'a"', "a|b", "a*"])
def test_windows_refuses_more(key: str) -> None:
    """What Windows would rename in silence, or read as a stream of another file, is refused there."""
    assert fault(key, windows=True) == 'contains one of <>:"|?*, or a segment that ends with a dot or a space'
    assert fault(key, windows=False) is None


@pytest.mark.parametrize("link", ["folder", "file"])
def test_symbolic_links_out_of_the_base_are_refused(
    link: str, directory: Directory, base: Path, tmp_path: Path
) -> None:
    """A link below the base that leads outside is neither read nor written through, nor listed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    base.mkdir()
    (base / "folder").symlink_to(outside)
    (base / "file").symlink_to(outside / "secret")
    key = "folder/secret" if link == "folder" else "file"
    for call in (directory.get, directory.head, directory.exists, lambda key: list(directory.stream(key))):
        with pytest.raises(StorageError, match="symbolic link out of") as caught:
            call(key)

        assert not isinstance(caught.value, KeyMissing)
    with pytest.raises(StorageError, match="symbolic link out of"):
        directory.publish(key, "copy")
    if link == "folder":
        for change in (directory.delete, lambda key: directory.put(key, [b"changed"])):
            with pytest.raises(StorageError, match="leads through a symbolic link out of"):
                change(key)
    else:
        directory.put(key, [b"changed"])

    assert (outside / "secret").read_bytes() == b"secret"
    assert os.listdir(outside) == ["secret"]
    assert ([] if link == "folder" else ["file"]) == [meta.key for meta in directory.scan()]
    assert list(directory.scan("folder/")) == []


def test_symbolic_links_within_the_base_are_followed(directory: Directory, base: Path) -> None:
    """A link that stays inside names an object; a folder behind a link is not listed twice."""
    directory.put("real/object", [b"x"])
    (base / "link").symlink_to(base / "real" / "object")
    (base / "folder").symlink_to(base / "real")

    assert directory.get("link") == directory.get("folder/object") == b"x"
    assert directory.head("link").size == 1
    assert [meta.key for meta in directory.scan()] == ["link", "real/object"]
    directory.publish("link", "copy")

    assert not (base / "copy").is_symlink()


def test_a_base_that_is_a_link_is_the_users_choice(tmp_path: Path) -> None:
    """Only what lies below the base is suspected."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "base").symlink_to(tmp_path / "elsewhere")
    directory = Directory(str(tmp_path / "base"))
    directory.put("folder/object", [b"x"])

    assert directory.get("folder/object") == b"x"


def test_a_link_that_leads_nowhere(directory: Directory, base: Path, tmp_path: Path) -> None:
    """A dangling link is refused where it points outside, and absent where it points inside."""
    base.mkdir()
    (base / "out").symlink_to(tmp_path / "nothing")
    (base / "in").symlink_to(base / "nothing")
    with pytest.raises(StorageError, match="is a symbolic link out of"):
        directory.get("out")
    with pytest.raises(KeyMissing):
        directory.get("in")

    assert list(directory.scan()) == []


def test_a_foreign_file_is_just_another_key(directory: Directory, base: Path) -> None:
    """A file that somebody else put there is read, listed and deleted; one whose name is no key is passed over."""
    base.mkdir()
    (base / "foreign.txt").write_bytes(b"hello")
    (base / "back\\slash").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(base) + b"/\xff")).write_bytes(b"x")

    assert directory.get("foreign.txt") == b"hello"
    assert [meta.key for meta in directory.scan()] == ["foreign.txt"]
    directory.delete("foreign.txt")

    assert not directory.exists("foreign.txt")


def test_temporary_files_and_locks_are_never_listed(directory: Directory, base: Path) -> None:
    """What a killed writer left behind, and lock files, are no objects."""
    directory.put("folder/object", [b"x"])
    (base / "folder" / f"{TEMPORARY}left-behind").write_bytes(b"half")
    Path(directory.lock_path("folder/object")).write_bytes(b"")

    assert [meta.key for meta in directory.scan()] == ["folder/object"]


def test_pipes_and_sockets_are_refused_at_once(
    directory: Directory, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no file is an error that says so; nobody waits for the other end of a pipe."""
    base.mkdir()
    os.mkfifo(base / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(base)  # addresses of sockets are short
        listener.bind("socket")
        for key in ("pipe", "socket"):
            with pytest.raises(StorageError, match=r"refused|failed") as caught:
                directory.get(key)

            assert not isinstance(caught.value, KeyMissing)

    assert list(directory.scan()) == []


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("size", [70_000, 9_000_000])
def test_large_objects_come_in_private_writable_memory(base: Path, *, memory_map: bool, size: int) -> None:
    """A large object can be written to in place; the file, and a forked child, keep their own."""
    directory = Directory(str(base), memory_map=memory_map)
    directory.put("object", [b"a" * size])
    for byte_range in (None, ByteRange(1), ByteRange(0, 65_536)):
        view = memoryview(directory.get("object", byte_range=byte_range))

        assert isinstance(view.obj, mmap.mmap)
        assert not view.readonly
        child = os.fork()
        if child == 0:
            view[0] = 0
            os._exit(0)
        os.waitpid(child, 0)

        assert view[0] == ord("a")
        view[0] = ord("b")

        assert (base / "object").read_bytes() == b"a" * size


def test_a_mapped_object_survives_its_replacement(base: Path) -> None:
    """A map belongs to the file that was there, not to its name."""
    directory = Directory(str(base), memory_map=True)
    directory.put("object", [b"a" * 100_000])
    view = directory.get("object")
    directory.put("object", [b"b" * 100_000])
    directory.delete("object")

    assert bytes(view) == b"a" * 100_000


def test_views_of_any_shape_are_written_as_their_bytes(directory: Directory) -> None:
    """Sizes count bytes, not items, also where the buffer is large or has two dimensions."""
    items = memoryview(bytes(range(240)) * 4_000)
    parts: list[Any] = [
        items.cast("d"),
        items[:240].cast("d"),
        items.cast("B", [1_000, 960]),
        memoryview(b"").cast("d"),
    ]
    meta = directory.put("object", parts)
    expected = bytes(items) + bytes(items[:240]) + bytes(items)

    assert len(expected) == meta.size
    assert expected == bytes(directory.get("object"))


def test_a_file_that_shrinks_while_it_is_streamed_is_an_error(directory: Directory, base: Path) -> None:
    """Fewer bytes than the file had when it was opened are told, never handed over as the object."""
    directory.put("object", [b"x" * 100_000])
    pieces = directory.stream("object", chunk=40_000)
    next(pieces)
    os.truncate(base / "object", 50_000)
    with pytest.raises(StorageError, match="found 50000 bytes where there should be 100000"):
        list(pieces)


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_file_that_shrinks_while_it_is_read_is_an_error(
    size: int, directory: Directory, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a read at once; the file is cut between the look at its size and the read."""
    directory.put("object", [b"x" * size])
    real = os.fstat

    def cut_afterwards(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        os.truncate(base / "object", size // 2)
        return status

    monkeypatch.setattr(os, "fstat", cut_afterwards)
    with pytest.raises(StorageError, match=f"found {size // 2} bytes where there should be {size}"):
        directory.get("object")


def test_a_key_below_a_key_is_told_plainly(directory: Directory) -> None:
    """Files and folders share one name space, which object stores do not."""
    directory.put("a/b", [b"x"])
    with pytest.raises(
        StorageError, match="a folder stands where a file is needed: the key is the beginning of others"
    ):
        directory.put("a", [b"x"])
    with pytest.raises(StorageError, match="a file stands where a folder is needed: one key or path is the beginning"):
        directory.put("a/b/c", [b"x"])
    with pytest.raises((StorageError, KeyExists)):
        directory.put("a", [b"x"], mode="create")

    assert [meta.key for meta in directory.scan()] == ["a/b"]
    assert os.listdir(Path(directory.base) / "a") == ["b"]


def test_an_error_of_the_source_is_not_taken_for_ours(directory: Directory, base: Path) -> None:
    """Parts that raise OSError keep their own error, whatever its number."""

    def parts() -> Iterator[Buffer]:
        yield b"x" * 200_000
        raise OSError(errno.ENOSPC, "from the source")

    with pytest.raises(OSError, match="from the source") as caught:
        directory.put("folder/object", parts())

    assert not isinstance(caught.value, StorageError)
    assert os.listdir(base / "folder") == []


def test_create_without_hard_links_has_one_winner(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT and some shared folders have no hard links: creators take turns under a lock instead."""

    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    StorageContract().test_create_has_one_winner(directory)
    StorageContract().test_create_leaves_what_is_there(directory)
    directory.publish("contested/0", "copy")

    assert directory.get("copy") == directory.get("contested/0")
    assert [name for name in _names(directory) if name.startswith(TEMPORARY)] == []


def test_publish_links_and_leaves_no_debris(directory: Directory, base: Path) -> None:
    """The published name costs no second copy."""
    directory.put("payload", [b"x" * 1_000])
    directory.publish("payload", "out/report.csv")
    directory.publish("payload", "out/report.csv")

    assert (base / "payload").stat().st_ino == (base / "out" / "report.csv").stat().st_ino
    assert _names(directory) == ["payload", "report.csv"]


def test_a_relative_base_is_resolved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`resolved` takes the base from the folder it is told, works out `..` and `~`, and keeps the options."""
    monkeypatch.setenv("HOME", str(tmp_path))
    relative = Directory("results/../kept", fsync=True, memory_map=True, inline_limit=1, named="mine")
    resolved = relative.resolved("/somewhere")

    assert resolved == Directory("/somewhere/kept", fsync=True, memory_map=True, inline_limit=1, named="mine")
    assert resolved.resolved("/elsewhere") is resolved
    assert f"{tmp_path}/x" == Directory("~/x").base
    assert resolved.location() == {"basepath": "/somewhere/kept"}
    assert {"basepath": f"{os.getcwd()}/kept"} == relative.location()


@pytest.mark.parametrize("base", ["", "a\0b", "~nobody-of-that-name/x"])
def test_a_base_that_cannot_be_is_a_configuration_error(base: str) -> None:
    """A base path is checked when it is given."""
    with pytest.raises(ConfigurationError, match="is no folder; give a path"):
        Directory(base)


def test_the_root_can_be_a_base(tmp_path: Path) -> None:
    """A base path that ends with its slash makes no double ones."""
    directory = Directory("/")
    directory.put(f"{tmp_path}/object"[1:], [b"x"])

    assert (tmp_path / "object").read_bytes() == b"x"


def test_a_directory_is_its_configuration(base: Path) -> None:
    """Equality, hash, repr and pickle follow the options; there is no other state to carry."""
    directory = Directory(str(base), memory_map=True)
    directory.put("folder/object", [b"x"])
    copy = pickle.loads(pickle.dumps(directory))

    assert (directory, hash(directory)) == (copy, hash(copy))
    assert copy != Directory(str(base))
    assert repr(copy) == f"Directory({str(base)!r}, fsync=False, memory_map=True)"
    assert not hasattr(copy, "__dict__")


def test_lock_paths_are_apart_and_ready(directory: Directory, base: Path) -> None:
    """Any text has a lock file of its own, in a folder that is there."""
    paths = {directory.lock_path(key) for key in ("a", "A", "../x", "", "x" * 5_000, "\udc80")}

    assert len(paths) == 6
    assert {str(base / ".locks")} == {os.path.dirname(path) for path in paths}
    assert (base / ".locks").is_dir()


def test_new_files_follow_the_umask(directory: Directory, base: Path) -> None:
    """Colleagues read what the umask lets them read."""
    before = os.umask(0o027)
    try:
        directory.put("object", [b"x"])
    finally:
        os.umask(before)

    assert stat.S_IMODE((base / "object").stat().st_mode) == 0o640


def test_fsync_forces_file_and_folders(base: Path, tmp_path: Path) -> None:
    """The file is forced before it gets its name, then each folder that changed, new ones included."""
    script = (
        "import os, sys\n"
        "from holdall.builtin.local.directory import Directory\n"
        "real_sync, real_replace = os.fsync, os.replace\n"
        "def sync(fd):\n"
        "    print('fsync', os.path.basename(os.readlink(f'/proc/self/fd/{fd}'))[:12]); real_sync(fd)\n"
        "def replace(old, new): print('rename'); real_replace(old, new)\n"
        "os.fsync, os.replace = sync, replace\n"
        "Directory(sys.argv[1], fsync=True).put('deep/object', [b'x'])\n"
    )
    printed = _python(script, str(base)).splitlines()
    outer = tmp_path.name[:12]

    assert ["fsync base", f"fsync {outer}", "fsync .holdall-tmp", "rename", "fsync deep"] == printed


def test_the_default_storage_imports_nothing_heavy() -> None:
    """A fresh process pays for the folder alone."""
    heavy = ("pydantic", "asyncio", "logging", "hashlib", "filelock", "importlib.metadata", "mmap")
    script = f"import sys, holdall.builtin.local.directory; print([name for name in {heavy} if name in sys.modules])"

    assert _python(script).strip() == "[]"


WRITER = """
import sys
from holdall.builtin.local.directory import Directory
storage = Directory(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    for key in ("small", "large", "folder/large"):
        size = 100 if key == "small" else 3_000_000
        storage.put(key, [bytes([number % 256]) * size])
    if number % 3 == 0:
        storage.put(f"created/{number}", [bytes([number % 256]) * 300_000], mode="create")
"""


def test_a_killed_writer_leaves_whole_objects_only(directory: Directory) -> None:
    """SIGKILL at forty random moments: each object is one version whole, and the next writer just goes on."""
    moments = random.Random(20)
    for _ in range(40):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, directory.base], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        with writer, writer.stdout:
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(timeout=moments.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
        for meta in directory.scan():
            data = bytes(directory.get(meta.key))

            assert (
                meta.size == len(data) == {"small": 100}.get(meta.key, 300_000 if "created" in meta.key else 3_000_000)
            )
            assert data == data[:1] * len(data)
        for meta in directory.scan("created/"):
            directory.delete(meta.key)


MEMORY = """
import mmap, resource, sys
from holdall.builtin.local.directory import Directory
size = 128 << 20
storage = Directory(sys.argv[1])
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
data = memoryview(mmap.mmap(-1, size))
data[::4096] = bytes([7]) * (size // 4096)
before = peak()
storage.put("object", [b"head", data])
put = peak() - before
data.release()
del data
import gc; gc.collect()
if sys.argv[2] == "get":
    import os
    before = int(open("/proc/self/statm").read().split()[1]) * 4096
    open("/proc/self/clear_refs", "w").write("5")
    view = storage.get("object")
    got = [int(l.split()[1]) << 10 for l in open("/proc/self/status") if l.startswith("VmHWM")][0] - before
    assert view[4] == 7 and view[4 + 4096] == 7 and view[5] == 0
    print(got / size)
else:
    print(put / size)
"""


def test_a_large_object_is_written_without_a_copy(base: Path) -> None:
    """The peak of a put is the caller's own memory: nothing of 128 MB is held twice."""
    assert float(_python(MEMORY, str(base), "put")) < 0.05


def test_a_large_object_is_read_into_its_own_memory_alone(base: Path) -> None:
    """The peak of a get is the object once."""
    assert 0.95 < float(_python(MEMORY, str(base), "get")) < 1.05


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 8 MB."""
    where = tmp_path / "small"
    where.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", where],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.fail(f"a tmpfs of 8 MB needs root and cannot be mounted: {mounted.stderr}")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


@pytest.mark.root
@pytest.mark.parametrize("streamed", [False, True])
def test_a_full_disk_is_told_and_nothing_is_lost(small_disk: Path, *, streamed: bool) -> None:
    """The old object stays, no debris takes the last space, and what fits is still written."""
    directory = Directory(str(small_disk / "base"))
    directory.put("object", [b"old" * 1_000_000])
    parts = (b"new" * 100_000 for _ in range(30)) if streamed else [b"new" * 3_000_000]
    with pytest.raises(StorageError) as caught:
        directory.put("object", parts)

    assert str(caught.value) == (
        f"local-file-system at {small_disk}/base: put of 'object' failed: the disk is full: free some space or choose "
        "another basepath; what was stored before is unchanged (ENOSPC: No space left on device)."
    )
    assert not caught.value.transient
    assert isinstance(caught.value.__cause__, OSError)
    assert bytes(directory.get("object")) == b"old" * 1_000_000
    assert _names(directory) == ["object"]

    directory.put("other", [b"x" * 4_000_000])

    assert directory.head("other").size == 4_000_000


@pytest.mark.root
def test_a_disk_without_inodes_is_full_too(small_disk: Path) -> None:
    """The system's word for no more files is the same as for no more bytes."""
    subprocess.run(["mount", "-o", "remount,nr_inodes=8", small_disk], check=True)
    directory = Directory(str(small_disk))
    directory.put("object1", [b""])
    directory.put("object2", [b""])
    while os.statvfs(small_disk).f_ffree:
        (small_disk / f"foreign{os.statvfs(small_disk).f_ffree}").touch()
    with pytest.raises(StorageError, match="the disk is full"):
        directory.put("object3", [b""])


@pytest.mark.root
def test_a_read_only_filesystem_is_told(small_disk: Path) -> None:
    """What is there can be read; what would change is refused with the reason."""
    directory = Directory(str(small_disk))
    directory.put("object", [b"x"])
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for change in (
        lambda: directory.put("object", [b"y"]),
        lambda: directory.put("new/object", [b"y"]),
        lambda: directory.put("new", [b"y"], mode="create"),
        lambda: directory.delete("object"),
        lambda: directory.publish("object", "copy"),
        lambda: directory.lock_path("object"),
    ):
        with pytest.raises(StorageError, match=r"the filesystem is read-only, so not writable: .* \(EROFS"):
            change()

    assert directory.get("object") == b"x"


UNPRIVILEGED = """
import os, sys
from holdall.builtin.local.directory import Directory
from holdall.errors import StorageError
if os.getuid() == 0: os.setgid(65534); os.setuid(65534)
os.chdir(sys.argv[1])
for base, operation in (("closed", "put"), ("hidden", "get"), ("hidden", "scan"), ("closed", "delete")):
    storage = Directory(base)
    try:
        {"put": lambda: storage.put("object", [b"x"]), "get": lambda: storage.get("object"),
         "scan": lambda: list(storage.scan()), "delete": lambda: storage.delete("there")}[operation]()
    except StorageError as error:
        print(type(error).__name__, error)
"""


def test_an_unwritable_base_path_is_told() -> None:
    """Without the right to write or to look, each call says so; none takes it for an empty storage."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        where.chmod(0o755)
        for name, mode in (("closed", 0o555), ("hidden", 0o000)):
            (where / name).mkdir()
            (where / name / "there").write_bytes(b"x")
            (where / name).chmod(mode)
        printed = _python(UNPRIVILEGED, folder).splitlines()
        for name in ("closed", "hidden"):
            (where / name).chmod(0o755)

    advice = (
        "failed: this process may not do that here, or the place is not writable: check owner and mode of the basepath"
    )
    assert [
        f"StorageError local-file-system at {base}: {operation} of {key!r} {advice} (EACCES: Permission denied)."
        for base, operation, key in (
            ("closed", "put", "object"),
            ("hidden", "get", "object"),
            ("hidden", "scan", ""),
            ("closed", "delete", "there"),
        )
    ] == printed


def test_too_many_open_files_are_told(directory: Directory) -> None:
    """The limit of the process is named, not taken for absence."""
    directory.put("object", [b"x"])
    script = (
        "import os, resource, sys\n"
        "from holdall.builtin.local.directory import Directory\n"
        "storage = Directory(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "for call in (storage.get, lambda key: storage.put(key, [b'y'])):\n"
        "    try: call('object')\n"
        "    except OSError as error: print(type(error).__name__, error)\n"
    )

    printed = _python(script, directory.base).splitlines()

    assert [line.partition(" of ")[0].rpartition(" ")[2] for line in printed] == ["get", "put"]
    assert all(line.startswith("StorageError") and "too many files open" in line for line in printed)


@pytest.mark.parametrize(
    ("number", "transient"),
    [(errno.EINTR, True), (errno.EAGAIN, True), (errno.ESTALE, True), (errno.EIO, False), (errno.ENOSPC, False)],
)
def test_only_passing_troubles_are_transient(
    number: int, directory: Directory, monkeypatch: pytest.MonkeyPatch, *, transient: bool
) -> None:
    """A caller may try again after these alone. No disk here fails on demand, so the call that fails is replaced."""
    directory.put("object", [b"old"])

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(StorageError) as caught:
            directory.put("object", [b"new"])

    assert transient == caught.value.transient
    assert errno.errorcode[number] in str(caught.value)
    assert directory.get("object") == b"old"
    assert _names(directory) == ["object"]


def _names(directory: Directory) -> list[str]:
    """Every file below the base, locks left out."""
    found = [file.name for file in Path(directory.base).rglob("*") if file.is_file() and file.parent.name != ".locks"]
    return sorted(found)


def _python(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def when_renamed(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do that right before the next rename of a file."""
    rename, waiting = os.rename, [act]

    def renamed(source: str, target: str) -> None:
        if waiting:
            waiting.pop()()
        rename(source, target)

    monkeypatch.setattr(os, "rename", renamed)


def files(base: Path) -> list[str]:
    return sorted(path.name for path in base.rglob("*") if path.is_file() and ".locks" not in path.parts)


@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_what_comes_between_the_look_and_the_deletion_stays(
    directory: Directory, base: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """The file that has the name by then is looked at again where nobody can replace it, and has its name back."""
    directory.put("a/k", [b"old"])
    meta = directory.head("a/k")
    if not links:
        monkeypatch.setattr(os, "link", _no_link)
    when_renamed(lambda: directory.put("a/k", [b"new"]), monkeypatch)

    assert directory.delete_unchanged(meta) is False
    assert (b"new", ["k"]) == (directory.get("a/k"), files(base))


def _no_link(*_: object) -> None:
    raise OSError(errno.EOPNOTSUPP, "no hard links here")


def test_of_two_that_come_between_the_last_one_stays(
    directory: Directory, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was set aside does not replace what was written meanwhile."""
    directory.put("k", [b"old"])
    meta = directory.head("k")
    when_renamed(lambda: directory.put("k", [b"newer"]), monkeypatch)
    link = os.link

    def linked(source: str, target: str) -> None:
        directory.put("k", [b"newest"])
        link(source, target)

    monkeypatch.setattr(os, "link", linked)

    assert directory.delete_unchanged(meta) is False
    assert (b"newest", ["k"]) == (directory.get("k"), files(base))


def test_what_somebody_else_deletes_meanwhile_is_gone(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what was asked for."""
    directory.put("k", [b"old"])
    meta = directory.head("k")
    when_renamed(lambda: directory.delete("k"), monkeypatch)

    assert directory.delete_unchanged(meta) is True
    assert not directory.exists("k")


def test_a_link_is_deleted_and_not_what_it_leads_to(directory: Directory, base: Path) -> None:
    """An object may be a symbolic link that stays inside."""
    directory.put("k", [b"x"])
    (base / "link").symlink_to("k")

    assert directory.delete_unchanged(directory.head("link")) is True
    assert ["k"] == [meta.key for meta in directory.scan()]
