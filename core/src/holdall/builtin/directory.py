"""Bytes in files below one folder."""

from __future__ import annotations

import os
import stat
from errno import EDQUOT, EISDIR, ELOOP, EMLINK, ENOENT, ENOTDIR, EPERM
from io import FileIO
from typing import TYPE_CHECKING, Any, ClassVar

from holdall.abc.storage import Storage
from holdall.builtin import oserrors
from holdall.builtin.keys import LOCKS, TEMPORARY, fault
from holdall.errors import ConfigurationError, KeyExists, KeyMissing, StorageError
from holdall.ids import new_id
from holdall.types import ByteRange, ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, Parts, WriteMode

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
# NONBLOCK: a foreign pipe in the base path must not hang a reader. NOFOLLOW: a link is looked at before it is followed.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_LARGE = 64 << 10
_PIECE = 4 << 20
_FOLDERS_REMEMBERED = 16_384


class Directory(Storage):
    """The files below `base`, one an object; a foreign file there is just another key.

    A write goes to a hidden file beside its target and is renamed or linked into place, so a killed writer changes
    nothing. Keys that cannot be file names everywhere, or that lead out of `base`, are refused (`builtin/keys.py`); a
    folder is checked for symbolic links once. Keys that differ only in case are two objects where the filesystem can
    tell them apart and one where it cannot (macOS and Windows as they come): holdall's own keys are all lower case.

    Args:
        base: `~` is expanded; a relative path is taken from the working directory of each call, until `resolved`.
        fsync: survive a power loss too: the file before it gets its name, the folders after.
        memory_map: large reads map the file copy-on-write. Who shortens a mapped file in place kills its readers.
        inline_limit: payloads up to this many bytes lie inside their record.
        named: what errors call this storage.
    """

    slug: ClassVar[str] = "local-file-system"
    __slots__ = ("_checked", "_prefix", "base", "fsync", "inline_limit", "memory_map", "named")

    def __init__(
        self,
        base: str,
        /,
        *,
        fsync: bool = False,
        memory_map: bool = False,
        inline_limit: int = 8192,
        named: str | None = None,
    ) -> None:
        self.base = normalised(base)
        self.fsync = fsync
        self.memory_map = memory_map
        self.inline_limit = inline_limit
        self.named = named or self.slug
        self._prefix = self.base if self.base.endswith("/") else f"{self.base}/"
        self._checked: set[str] = set()

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        path = self._path(key, "put")
        if mode == "create" and os.path.lexists(path):  # spares the loser the writing; the link below decides
            raise self._taken(key)
        parent = path.rpartition("/")[0]
        temporary = f"{parent}/{TEMPORARY}{new_id()}"
        try:
            descriptor = self._open_new(temporary, parent)
        except OSError as error:
            raise self._failed(error, key, "put") from error
        try:
            size = self._fill(descriptor, parts, key)
            try:
                if mode == "create":
                    self._link_new(temporary, path, key)
                else:
                    os.replace(temporary, path)
                if self.fsync:
                    _sync_folder(parent)
            except OSError as error:
                raise self._failed(error, key, "put") from error
        except BaseException:
            _discard(temporary)
            raise
        return ObjectMeta(key, size)

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        descriptor, status = self._open(key, "get")
        try:
            start, stop = 0, status.st_size
            if byte_range is not None:
                start, stop = self._span(byte_range, stop, key)
            length = stop - start
            if length >= _LARGE:
                return self._read_large(descriptor, start, length, key)
            if start:
                os.lseek(descriptor, start, os.SEEK_SET)
            data = os.read(descriptor, length)
            if len(data) != length:
                raise self._short(key, len(data), length)
            return data
        except OSError as error:
            raise self._failed(error, key, "get") from error
        finally:
            os.close(descriptor)

    def head(self, key: str, /) -> ObjectMeta:
        path = self._path(key, "head")
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(self._followed(path, key, "head"))
        except OSError as error:
            raise self._unread(error, key, "head") from error
        if not stat.S_ISREG(status.st_mode):
            raise self._no_file(status, key, "head")
        return _meta(key, status)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        # One open file throughout: who replaces the object gives its name to another file and leaves this one alone.
        descriptor, status = self._open(key, "get")
        with FileIO(descriptor) as file:
            left = status.st_size
            while left:
                try:
                    piece = file.read(min(chunk, left))
                except OSError as error:
                    raise self._failed(error, key, "get") from error
                if not piece:
                    raise self._short(key, status.st_size - left, status.st_size)
                left -= len(piece)
                yield piece

    def delete(self, key: str, /) -> None:
        path = self._path(key, "delete")
        try:
            os.unlink(path)
        except OSError as error:
            # A folder is no object, and its removal is refused as EISDIR on Linux and as EPERM elsewhere.
            if error.errno in {ENOENT, ENOTDIR, EISDIR} or (error.errno == EPERM and os.path.isdir(path)):
                return
            raise self._failed(error, key, "delete") from error

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        folder = prefix.rpartition("/")[0]
        if folder and (fault(folder) or self._leads_out(folder)):
            return  # no key can start so
        # Entries in reverse order, folders named with their slash: "a-b" < "a/b" < "a0", as whole keys sort.
        waiting = self._entries(f"{folder}/" if folder else "", prefix)
        while waiting:
            key, entry = waiting.pop()
            if entry is None:
                waiting += self._entries(key, prefix)
                continue
            try:
                if entry.is_symlink():
                    yield self.head(key)
                elif entry.is_file(follow_symlinks=False):
                    yield _meta(key, entry.stat(follow_symlinks=False))
            except (FileNotFoundError, StorageError):
                continue  # gone since it was listed, or a link that `get` would refuse
            except OSError as error:
                raise self._failed(error, key, "scan") from error

    def publish(self, source: str, target: str, /) -> None:
        origin, path = self._path(source, "get"), self._path(target, "put")
        self.head(source)
        parent = path.rpartition("/")[0]
        temporary = f"{parent}/{TEMPORARY}{new_id()}"
        try:
            try:
                os.link(origin, temporary, follow_symlinks=False)
            except FileNotFoundError:
                self._make(parent)
                os.link(origin, temporary, follow_symlinks=False)
            if os.path.islink(temporary):
                raise OSError(ELOOP, "a link to a link is no copy")
            os.replace(temporary, path)
            if self.fsync:
                _sync_folder(parent)
        except OSError as error:
            _discard(temporary)
            if isinstance(error, FileNotFoundError):
                raise self._unread(error, source, "get") from error
            super().publish(source, target)  # no hard links here, or not for this file: a copy will do
        else:
            _discard(temporary)  # renaming one name of a file over another of it does nothing at all

    def location(self) -> dict[str, Any]:
        return {"basepath": os.path.abspath(self.base)}

    def resolved(self, directory: str, /) -> Directory:
        if os.path.isabs(self.base):
            return self
        base = normalised(os.path.join(os.path.abspath(directory), self.base))
        return Directory(
            base,
            fsync=self.fsync,
            memory_map=self.memory_map,
            inline_limit=self.inline_limit,
            named=None if self.named == self.slug else self.named,
        )

    def lock_path(self, key: str, /) -> str:
        """The file whose lock stands for the key, in a folder that is there; any text is a key here."""
        from hashlib import sha256  # noqa: PLC0415 - loads OpenSSL, which only locks need

        folder = f"{self._prefix}{LOCKS}"
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise self._failed(error, key, "lock") from error
        return f"{folder}/{sha256(key.encode(errors='surrogatepass')).hexdigest()}.lock"

    def _path(self, key: str, operation: str) -> str:
        if reason := fault(key):
            raise self._refused(key, operation, reason)
        folder = key.rpartition("/")[0]
        if folder and folder not in self._checked and self._leads_out(folder):
            raise self._refused(key, operation, f"leads through a symbolic link out of {self.base}")
        return f"{self._prefix}{key}"

    def _leads_out(self, folder: str) -> bool:
        """Whether a symbolic link on the way to `folder` ends outside; remembered where the folder is there and fine."""
        path = self._prefix[:-1]
        for segment in folder.split("/"):
            path = f"{path}/{segment}"
            try:
                linked = stat.S_ISLNK(os.lstat(path).st_mode)
            except OSError:
                return False  # what is not there leads nowhere, and any other trouble shows on opening
            if linked and not self._inside(path):
                return True
        if len(self._checked) >= _FOLDERS_REMEMBERED:
            self._checked.clear()
        self._checked.add(folder)
        return False

    def _inside(self, path: str) -> bool:
        root = os.path.realpath(self.base)
        return os.path.realpath(path).startswith(root if root.endswith(os.sep) else root + os.sep)

    def _followed(self, path: str, key: str, operation: str) -> str:
        if not self._inside(path):
            raise self._refused(key, operation, f"is a symbolic link out of {self.base}")
        return os.path.realpath(path)

    def _open(self, key: str, operation: str) -> tuple[int, os.stat_result]:
        path = self._path(key, operation)
        try:
            try:
                descriptor = os.open(path, _READ)
            except OSError as error:
                if error.errno not in {ELOOP, EMLINK} or not os.path.islink(path):
                    raise
                descriptor = os.open(self._followed(path, key, operation), _READ)
        except OSError as error:
            raise self._unread(error, key, operation) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise self._no_file(status, key, operation)
        return descriptor, status

    def _open_new(self, temporary: str, parent: str) -> int:
        try:
            return os.open(temporary, _WRITE, 0o666)
        except FileNotFoundError:
            self._make(parent)
            return os.open(temporary, _WRITE, 0o666)

    def _make(self, folder: str) -> None:
        missing = folder
        made: list[str] = []
        while self.fsync and not os.path.isdir(missing) and os.path.dirname(missing) != missing:
            missing = os.path.dirname(missing)
            made.append(missing)
        os.makedirs(folder, exist_ok=True)
        for above in made:
            _sync_folder(above or ".")

    def _fill(self, descriptor: int, parts: Parts, key: str) -> int:
        """Write the parts and close; errors of whoever makes the parts pass as they are."""
        try:
            size = self._write(descriptor, parts, key)
            if self.fsync:
                try:
                    os.fsync(descriptor)
                except OSError as error:
                    raise self._failed(error, key, "put") from error
        except BaseException:
            try:
                os.close(descriptor)
            except OSError:
                pass  # the first error is the one to tell
            raise
        try:
            os.close(descriptor)
        except OSError as error:  # where some network filesystems first say that they are full
            raise self._failed(error, key, "put") from error
        return size

    def _write(self, descriptor: int, parts: Parts, key: str) -> int:
        # Small parts are gathered by copy: whoever makes the parts may use one buffer for all of them.
        total, gathered = 0, bytearray()
        for part in parts:
            size = len(part) if type(part) is bytes else memoryview(part).nbytes
            total += size
            if size < _LARGE:
                gathered += part
                if len(gathered) < _LARGE:
                    continue
            if gathered:
                self._write_whole(descriptor, gathered, key)
                gathered = bytearray()
            if size >= _LARGE:
                self._write_whole(descriptor, part, key)
        if gathered:
            self._write_whole(descriptor, gathered, key)
        return total

    def _write_whole(self, descriptor: int, data: Buffer, key: str) -> None:
        try:
            written = os.write(descriptor, data)
            size = memoryview(data).nbytes
            while written < size:  # the system takes at most 2 GiB at once
                written += os.write(descriptor, memoryview(data).cast("B")[written:])
        except OSError as error:
            raise self._failed(error, key, "put") from error

    def _link_new(self, temporary: str, path: str, key: str) -> None:
        try:
            os.link(temporary, path)
        except FileExistsError:
            # A file server that answered twice reports our own link as somebody else's.
            if os.stat(temporary).st_nlink != 2:
                raise self._taken(key) from None
        except OSError as error:
            self._rename_new(temporary, path, key, error)
            return
        _discard(temporary)

    def _rename_new(self, temporary: str, path: str, key: str, reason: OSError) -> None:
        """Create where the filesystem has no hard links: one creator of a key at a time looks and renames."""
        try:
            from fcntl import LOCK_EX, flock  # noqa: PLC0415 - absent on Windows, where a rename replaces nothing
        except ImportError:
            try:
                os.rename(temporary, path)
            except FileExistsError:
                raise self._taken(key) from reason
            return
        with open(f"{self.lock_path(key)[: -len('.lock')]}.create", "wb") as file:  # noqa: PTH123 - no pathlib here
            flock(file, LOCK_EX)  # let go when the file is closed, by a SIGKILL too
            if os.path.lexists(path):
                raise self._taken(key) from reason
            os.replace(temporary, path)

    def _read_large(self, descriptor: int, start: int, length: int, key: str) -> memoryview:
        import mmap  # noqa: PLC0415 - only large objects need it

        if self.memory_map:
            skipped = start % mmap.ALLOCATIONGRANULARITY
            mapped = mmap.mmap(descriptor, skipped + length, access=mmap.ACCESS_COPY, offset=start - skipped)
            return memoryview(mapped)[skipped:]
        # Memory that is fresh from the system is filled by the read itself, where bytearray(n) would write zeros first.
        # Private, because the default is shared with forked children.
        if hasattr(mmap, "MAP_ANONYMOUS"):
            memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        else:
            memory = mmap.mmap(-1, length)
        if hasattr(mmap, "MADV_HUGEPAGE") and length >= _PIECE:
            try:
                memory.madvise(mmap.MADV_HUGEPAGE)  # a fault per 2 MiB instead of one per 4 KiB
            except OSError:
                pass  # advice only; some kernels are built without
        view = memoryview(memory)
        file = FileIO(descriptor, closefd=False)
        file.seek(start)
        done = 0
        while done < length:
            read = file.readinto(view[done : done + _PIECE])
            if not read:
                raise self._short(key, done, length)
            done += read
        return view

    def _span(self, byte_range: ByteRange, size: int, key: str) -> tuple[int, int]:
        start, stop = byte_range.start, size if byte_range.stop is None else byte_range.stop
        if not 0 <= start <= stop or start > size:
            raise StorageError(
                f"{self.named} at {self.base}: get of {key!r} failed: bytes {start} to {byte_range.stop} were asked for "
                f"of an object of {size} bytes.",
                block=self.named,
                key=key,
                operation="get",
            )
        return start, min(stop, size)

    def _entries(self, folder: str, prefix: str) -> list[tuple[str, os.DirEntry[str] | None]]:
        """What lies in the folder (`""` or ending with `/`) and may be of the prefix, last key first; None for a folder."""
        found: list[tuple[str, os.DirEntry[str] | None]] = []
        try:
            with os.scandir(f"{self._prefix}{folder}") as entries:
                for entry in entries:
                    key = f"{folder}{entry.name}"
                    if fault(key):
                        continue  # a temporary file, a lock, or a foreign name that no key can have
                    if entry.is_dir(follow_symlinks=False):
                        if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                            found.append((f"{key}/", None))
                    elif key.startswith(prefix):
                        found.append((key, entry))
        except (FileNotFoundError, NotADirectoryError) as error:
            if not folder and isinstance(error, NotADirectoryError):
                raise self._failed(error, prefix, "scan") from error
        except OSError as error:
            raise self._failed(error, folder or prefix, "scan") from error
        found.sort(key=_first, reverse=True)
        return found

    def _failed(self, error: OSError, key: str, operation: str) -> StorageError:
        return oserrors.explained(error, block=self.named, base=self.base, key=key, operation=operation)

    def _unread(self, error: OSError, key: str, operation: str) -> StorageError:
        # ENOTDIR says "absent" of a key below another key, but not where the base path itself is a file.
        if error.errno == ENOENT or (error.errno == ENOTDIR and os.path.isdir(self.base)):
            return self._missing(key, operation)
        return self._failed(error, key, operation)

    def _no_file(self, status: os.stat_result, key: str, operation: str) -> StorageError:
        if stat.S_ISDIR(status.st_mode):
            return self._missing(key, operation)
        return self._refused(key, operation, "is a pipe, a socket or a device, not a file")

    def _missing(self, key: str, operation: str) -> KeyMissing:
        message = f"{self.named} at {self.base}: {operation} of {key!r} found nothing under that key."
        return KeyMissing(message, block=self.named, key=key, operation=operation)

    def _taken(self, key: str) -> KeyExists:
        message = f"{self.named} at {self.base}: put of {key!r} may only create it, and the key is taken."
        return KeyExists(message, block=self.named, key=key, operation="put")

    def _refused(self, key: str, operation: str, reason: str) -> StorageError:
        message = f"{self.named} at {self.base}: {operation} of {key!r} refused: the key {reason}."
        return StorageError(message, block=self.named, key=key, operation=operation)

    def _short(self, key: str, found: int, expected: int) -> StorageError:
        message = (
            f"{self.named} at {self.base}: get of {key!r} found {found} bytes where there should be {expected}: "
            f"something shortened the file while it was read."
        )
        return StorageError(message, block=self.named, key=key, operation="get")

    def __reduce__(self) -> tuple[Any, ...]:
        return _directory, self._configuration()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directory) and self._configuration() == other._configuration()

    def __hash__(self) -> int:
        return hash(self._configuration())

    def __repr__(self) -> str:
        return f"Directory({self.base!r}, fsync={self.fsync}, memory_map={self.memory_map})"

    def _configuration(self) -> tuple[str, bool, bool, int, str]:
        return self.base, self.fsync, self.memory_map, self.inline_limit, self.named


def normalised(base: str, /) -> str:
    """The path with `~` and `..` worked out, separated by `/`.

    Raises:
        ConfigurationError: it is empty, holds a NUL, or starts with the `~` of nobody on this machine.
    """
    path = os.path.expanduser(base)
    if not path or "\0" in path or path.startswith("~"):
        raise ConfigurationError(f"basepath={base!r} is no folder: give a relative or an absolute path (./~x for a real ~).")
    return os.path.normpath(path).replace(os.sep, "/")


def _directory(base: str, fsync: bool, memory_map: bool, inline_limit: int, named: str) -> Directory:  # noqa: FBT001 - for pickle
    return Directory(base, fsync=fsync, memory_map=memory_map, inline_limit=inline_limit, named=named)


def _first(entry: tuple[str, os.DirEntry[str] | None]) -> str:
    return entry[0]


def _meta(key: str, status: os.stat_result) -> ObjectMeta:
    return ObjectMeta(key, status.st_size, f"{status.st_ino:x}-{status.st_mtime_ns:x}", status.st_mtime)


def _discard(temporary: str) -> None:
    try:
        os.unlink(temporary)
    except OSError:
        pass  # it has its new name, or the disk failed: then the first error is the one to tell


def _sync_folder(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # Windows opens no folders, and has no need to
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
