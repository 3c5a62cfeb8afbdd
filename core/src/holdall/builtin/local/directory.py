"""Storage in the files below one folder."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from errno import EISDIR, ELOOP, EMLINK, ENOENT, ENOTDIR, EPERM
from io import FileIO
from typing import TYPE_CHECKING, Any, ClassVar

from holdall._system.safe_open import refuse_linked
from holdall.abc.keys import LOCKS, TEMPORARY, refuse
from holdall.abc.storage import INLINE_LIMIT, Storage
from holdall.builtin.local import file_io
from holdall.builtin.local.key_rules import fault, path_fault
from holdall.builtin.local.os_errors import FolderErrors
from holdall.builtin.local.symlinks import Border
from holdall.errors import ConfigurationError, KeyMissing, StorageError
from holdall.ids import new_id
from holdall.types import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdall.types import Buffer, ByteRange, OnFailure, Parts, WriteMode

# NONBLOCK: a foreign pipe in the base path must not hang a reader. NOFOLLOW: a link is looked at before it is followed.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Directory(Storage):
    """Stores each object as a file below `base`; a foreign file there is just another key.

    A write goes to a hidden file beside its target and is renamed or linked into place, so a killed writer changes
    nothing. Keys that cannot be file names everywhere, or that lead out of `base`, are refused (`key_rules.py`); a
    folder is checked for symbolic links once. Keys that differ only in case are two objects where the filesystem can
    tell them apart and one where it cannot (macOS and Windows as they come): holdall's own keys are all lower case.

    Args:
        base: `~` is expanded; a relative path is taken from the working directory of each call, until `resolved`.
        fsync: survive a power loss too: the file is synced before it gets its name, the folders after.
        memory_map: large reads map the file copy-on-write. Shortening a mapped file in place kills its readers.
        inline_limit: payloads up to this many bytes lie inside their record.
        on_failure: as a block's.
        named: the name of this storage in errors.
    """

    slug: ClassVar[str] = "local-file-system"
    __slots__ = ("_border", "_errors", "_prefix", "base", "fsync", "inline_limit", "memory_map", "named", "on_failure")

    def __init__(
        self,
        base: str,
        /,
        *,
        fsync: bool = False,
        memory_map: bool = False,
        inline_limit: int = INLINE_LIMIT,
        named: str | None = None,
        on_failure: OnFailure = "raise",
    ) -> None:
        self.base = normalised(base)
        self.fsync = fsync
        self.memory_map = memory_map
        self.inline_limit = inline_limit
        self.on_failure = on_failure
        self.named = named or self.slug
        self._prefix = self.base if self.base.endswith("/") else f"{self.base}/"
        self._border = Border(self.base)
        self._errors = FolderErrors(self.named, self.base)

    def put(self, key: str, parts: Parts, /, *, mode: WriteMode = "overwrite") -> ObjectMeta:
        path = self._path(key, "put")
        if mode == "create" and os.path.lexists(path):  # spares the loser the writing; `file_io.create` decides
            raise self._errors.taken(key)
        parent = path.rpartition("/")[0]
        temporary = f"{parent}/{TEMPORARY}{new_id()}"
        try:
            descriptor = file_io.open_new(temporary, fsync=self.fsync)
        except OSError as error:
            raise self._errors.failed(error, key, "put") from error
        try:
            size = file_io.write(
                descriptor, parts, fsync=self.fsync, failed=lambda error: self._errors.failed(error, key, "put")
            )
            self._name(temporary, path, key, mode)
        except BaseException:
            file_io.discard(temporary)
            raise
        if self.fsync:
            try:
                file_io.sync_folder(parent)
            except OSError as error:
                raise self._errors.failed(error, key, "put") from error
        return ObjectMeta(key, size)

    def check_key(self, key: str, /) -> None:
        if (reason := self._fault(key) or path_fault(f"{self._prefix}{key}")) is not None:
            refuse(key, reason)

    def check_place(self) -> None:
        if (error := file_io.no_folder(self.base)) is not None:
            raise self._errors.no_folder(error) from error

    def get(self, key: str, /, *, byte_range: ByteRange | None = None) -> Buffer:
        descriptor, size = self._open(key, "get")
        try:
            start, stop = (0, size) if byte_range is None else self._span(byte_range, size, key)
            data = file_io.read(descriptor, start, stop - start, memory_map=self.memory_map)
        except StorageError:
            raise
        except OSError as error:
            raise self._errors.failed(error, key, "get") from error
        finally:
            os.close(descriptor)
        if len(data) != stop - start:
            raise self._errors.short(key, len(data), stop - start)
        return data

    def head(self, key: str, /) -> ObjectMeta:
        path = self._path(key, "head")
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(self._followed(path, key, "head"))
        except StorageError:
            raise
        except OSError as error:
            raise self._unread(error, key, "head") from error
        self._check_file(status, key, "head")
        return _meta(key, status)

    def stream(self, key: str, /, *, chunk: int = 4 << 20) -> Iterator[Buffer]:
        # One open file throughout: replacing the object gives its name to another file and leaves this one alone.
        descriptor, size = self._open(key, "get")
        left = size
        with FileIO(descriptor) as file:
            while left:
                try:
                    piece = file.read(min(chunk, left))
                except OSError as error:
                    raise self._errors.failed(error, key, "get") from error
                if not piece:
                    raise self._errors.short(key, size - left, size)
                left -= len(piece)
                yield piece

    def delete(self, key: str, /) -> None:
        path = self._path(key, "delete")
        try:
            os.unlink(path)
        except OSError as error:
            # A folder is no object; its removal is refused as EISDIR on Linux and as EPERM elsewhere.
            if error.errno == EISDIR or (error.errno == EPERM and os.path.isdir(path)):
                return
            if not self._says_absent(error):
                raise self._errors.failed(error, key, "delete") from error

    def delete_unchanged(self, meta: ObjectMeta, /) -> bool:
        path = self._path(meta.key, "delete")
        try:
            if not self.head(meta.key).is_same(meta):
                return False
        except KeyMissing:
            return True
        if os.path.islink(path):
            return super().delete_unchanged(meta)
        # Aside, where it cannot be replaced: what is looked at there is what is deleted.
        aside = f"{path.rpartition('/')[0]}/{TEMPORARY}{new_id()}"
        try:
            os.rename(path, aside)
        except OSError as error:
            if self._says_absent(error):
                return True
            raise self._errors.failed(error, meta.key, "delete") from error
        try:
            if _meta(meta.key, os.lstat(aside)).is_same(meta):
                os.unlink(aside)
                return True
            with suppress(FileExistsError):  # replaced once more, so this one is obsolete
                file_io.create(aside, path, lock=lambda: self._create_lock(meta.key))
            file_io.discard(aside)
        except OSError as error:
            raise self._errors.failed(error, meta.key, "delete") from error
        return False

    def scan(self, prefix: str = "", /) -> Iterator[ObjectMeta]:
        folder = prefix.rpartition("/")[0]
        if folder and (fault(folder) or self._border.leads_out(folder)):
            return  # no key can start so
        # Last key on the bottom; folders are named with their slash, since "a-b" < "a/b" < "a0" is how whole keys sort.
        waiting = self._entries(f"{folder}/" if folder else "", prefix)
        while waiting:
            key, entry = waiting.pop()
            try:
                if entry is None:
                    waiting += self._entries(key, prefix)
                elif entry.is_symlink():
                    yield self.head(key)
                elif entry.is_file(follow_symlinks=False):
                    yield _meta(key, entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                continue  # gone since it was listed

    def publish(self, source: str, target: str, /) -> None:
        origin, path = self._path(source, "get"), self._path(target, "put")
        self.head(source)
        temporary = f"{path.rpartition('/')[0]}/{TEMPORARY}{new_id()}"
        try:
            file_io.share(origin, temporary, path, fsync=self.fsync)
        except OSError:
            super().publish(source, target)  # a copy will do, or fail with the reason

    def sweep(self, before: float, /, *, dry_run: bool = False) -> list[ObjectMeta]:
        from holdall.builtin.local import leftovers

        removed = []
        try:
            for path, status in leftovers.files(self.base, before):
                if not dry_run:
                    os.unlink(path)
                removed.append(_meta(os.path.relpath(path, self.base).replace(os.sep, "/"), status))
        except OSError as error:
            if not self._says_absent(error):
                raise self._errors.failed(error, TEMPORARY, "delete") from error
        return removed

    def location(self) -> dict[str, Any]:
        return {"basepath": os.path.abspath(self.base)}

    def resolved(self, directory: str, /) -> Directory:
        if os.path.isabs(self.base):
            return self
        base = os.path.join(os.path.abspath(directory), self.base)
        return _directory(base, *self._configuration()[1:])

    def lock_path(self, key: str, /) -> str:
        """Returns the lock file of a key, in a folder that exists; any text is a key here."""
        from hashlib import sha256

        folder = f"{self._prefix}{LOCKS}"
        try:
            refuse_linked(folder)
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise self._errors.failed(error, key, "lock") from error
        return f"{folder}/{sha256(key.encode(errors='surrogatepass')).hexdigest()}.lock"

    def _create_lock(self, key: str) -> str:
        return self.lock_path(key).removesuffix(".lock") + ".create"

    def _path(self, key: str, operation: str) -> str:
        if reason := self._fault(key):
            raise self._errors.refused(key, operation, reason)
        return f"{self._prefix}{key}"

    def _fault(self, key: str) -> str | None:
        if reason := fault(key):
            return reason
        folder = key.rpartition("/")[0]
        if folder and self._border.leads_out(folder):
            return f"leads through a symbolic link out of {self.base}"
        return None

    def _followed(self, path: str, key: str, operation: str) -> str:
        if not self._border.holds(path):
            raise self._errors.refused(key, operation, f"is a symbolic link out of {self.base}")
        return os.path.realpath(path)

    def _open(self, key: str, operation: str) -> tuple[int, int]:
        """Opens an object; returns its descriptor and size."""
        path = self._path(key, operation)
        try:
            try:
                descriptor = os.open(path, _READ)
            except OSError as error:
                if error.errno not in {ELOOP, EMLINK} or not os.path.islink(path):
                    raise
                descriptor = os.open(self._followed(path, key, operation), _READ)
        except StorageError:
            raise
        except OSError as error:
            raise self._unread(error, key, operation) from error
        try:
            status = os.fstat(descriptor)
            self._check_file(status, key, operation)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, status.st_size

    def _check_file(self, status: os.stat_result, key: str, operation: str) -> None:
        if stat.S_ISDIR(status.st_mode):
            raise self._errors.missing(key, operation)
        if not stat.S_ISREG(status.st_mode):
            raise self._errors.refused(key, operation, "is a pipe, a socket or a device, not a file")

    def _name(self, temporary: str, path: str, key: str, mode: WriteMode) -> None:
        try:
            if mode == "create":
                file_io.create(temporary, path, lock=lambda: self._create_lock(key))
            else:
                os.replace(temporary, path)
        except StorageError:
            raise
        except FileExistsError as error:
            raise (self._errors.taken(key) if mode == "create" else self._errors.failed(error, key, "put")) from error
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not os.path.lexists(temporary):
                raise self._errors.swept(key) from error
            raise self._errors.failed(error, key, "put") from error

    def _span(self, byte_range: ByteRange, size: int, key: str) -> tuple[int, int]:
        start, stop = byte_range.start, size if byte_range.stop is None else byte_range.stop
        if not 0 <= start <= size or stop < start:
            raise self._errors.outside(key, start, byte_range.stop, size)
        return start, min(stop, size)

    def _entries(self, folder: str, prefix: str) -> list[tuple[str, os.DirEntry[str] | None]]:
        """Lists what of the prefix is in the folder (`""` or with its `/`), last key first; None stands for a folder."""
        keys: list[tuple[str, os.DirEntry[str] | None]] = []
        try:
            with os.scandir(f"{self._prefix}{folder}") as entries:
                for entry in entries:
                    key = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        if (f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/")) and not fault(key):
                            keys.append((f"{key}/", None))
                    elif key.startswith(prefix) and not fault(key) and self._readable(entry):
                        keys.append((key, entry))
        except OSError as error:
            if not self._says_absent(error):
                raise self._errors.failed(error, folder or prefix, "scan") from error
        keys.sort(key=_first, reverse=True)
        return keys

    def _readable(self, entry: os.DirEntry[str]) -> bool:
        """Whether `get` could read it: a link must stay inside and end at a file."""
        try:
            return not entry.is_symlink() or (entry.is_file() and self._border.holds(entry.path))
        except OSError:
            return False  # links in a circle, and what else leads to no file

    def _says_absent(self, error: OSError) -> bool:
        # ENOTDIR says it of a key below another key, but not where the base path itself is a file or below one.
        return error.errno == ENOENT or (error.errno == ENOTDIR and os.path.isdir(self.base))

    def _unread(self, error: OSError, key: str, operation: str) -> StorageError:
        if self._says_absent(error):
            return self._errors.missing(key, operation)
        return self._errors.failed(error, key, operation)

    def __reduce__(self) -> tuple[Any, ...]:
        return _directory, self._configuration()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directory) and self._configuration() == other._configuration()

    def __hash__(self) -> int:
        return hash(self._configuration())

    def __repr__(self) -> str:
        return f"Directory({self.base!r}, fsync={self.fsync}, memory_map={self.memory_map})"

    def _configuration(self) -> tuple[str, bool, bool, int, str, OnFailure]:
        return self.base, self.fsync, self.memory_map, self.inline_limit, self.named, self.on_failure


def normalised(base: str, /) -> str:
    """Returns the path with `~` and `..` resolved, separated by `/`.

    Raises:
        ConfigurationError: it is empty, contains a NUL, or starts with the `~` of an unknown user.
    """
    path = os.path.expanduser(base)
    if not path or "\0" in path or path.startswith("~"):
        raise ConfigurationError(f"basepath={base!r} is no folder; give a path (./~x for a name that starts so).")
    return os.path.normpath(path).replace(os.sep, "/")


def _directory(
    base: str, fsync: bool, memory_map: bool, inline_limit: int, named: str, on_failure: OnFailure = "raise"
) -> Directory:
    return Directory(
        base, fsync=fsync, memory_map=memory_map, inline_limit=inline_limit, named=named, on_failure=on_failure
    )


def _first(entry: tuple[str, os.DirEntry[str] | None]) -> str:
    return entry[0]


def _meta(key: str, status: os.stat_result) -> ObjectMeta:
    return ObjectMeta(key, status.st_size, f"{status.st_ino:x}-{status.st_mtime_ns:x}", status.st_mtime)
