"""The store of one machine: a folder, whose files appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from hyperscale.errors import HyperscaleError
from hyperscale.node.storing.stores import MissingBlobError, Scalar, Store, check_name

T = TypeVar("T")

#: Files on their way; in the store's own folder, so that a rename never crosses file systems.
_TEMPORARY = ".tmp"
#: What else lies in the folder of a local run, and is not the store's (docs/design.md).
_QUEUE_FILES = frozenset({"queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm"})
_NOT_OURS = frozenset({_TEMPORARY, "rendered", "steps", "scratch", "launch.json", "lock"}) | _QUEUE_FILES
#: What file systems without hard links answer (FAT, some network shares).
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_HINTS = {
    errno.ENOSPC: "free some space on that disk, then go on with --resume",
    errno.EDQUOT: "free some of your quota on that disk, then go on with --resume",
    errno.EROFS: "make the folder writable",
    errno.EACCES: "make the folder, and what is in it, readable and writable",
}


class FolderStore(Store):
    """A store in a folder of this machine; its first write makes it, and none makes it again once it is gone."""

    poll_seconds = 0.2

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        link: Callable[[Path, Path], None] = os.link,
    ) -> None:
        """Use `folder`, which need not exist.

        Args:
            folder: of one run.
            clock: Unix seconds; heartbeats get their time, and their age, from it.
            link: makes a hard link; raises FileExistsError when something is there.
        """
        self._folder = folder
        self._clock = clock
        self._link = link
        self._made = False

    def create(self, name: str, data: bytes) -> bool:
        final = self._path(name)
        with self._translated(name), self._temporary() as temporary:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            created = self._in_folder(self._place_if_absent, temporary, final)
            _sync_folder(final.parent)
        return created

    def read(self, name: str) -> bytes:
        path = self._path(name)
        with self._translated(name, reading=True):
            return path.read_bytes()

    def names(self, prefix: str) -> list[str]:
        folder = prefix.rpartition("/")[0]
        top = self._path(folder) if folder else self._folder
        with self._translated(prefix):
            found = [name for name in _walk(top, f"{folder}/" if folder else "") if name.startswith(prefix)]
        return sorted(found, key=os.fsencode)

    def upload(self, name: str, path: Path) -> None:
        final = self._path(name)
        with self._translated(name), self._temporary() as temporary:
            shutil.copyfile(path, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            self._in_folder(os.replace, temporary, final)
            _sync_folder(final.parent)

    def download(self, name: str, path: Path) -> None:
        source = self._path(name)
        temporary = path.with_name(f".{path.name}.{uuid4().hex}")
        with self._translated(name):
            if not source.is_file():
                raise _missing(name, self._folder)
            try:
                shutil.copyfile(source, temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def beat(self, name: str, fields: Mapping[str, Scalar]) -> None:
        final = self._path(name)
        with self._translated(name), self._temporary() as temporary:
            # No fsync: a heartbeat says that a process lives now, and after a power cut none does.
            temporary.write_text(json.dumps(fields), encoding="ascii")
            now = self._clock()
            os.utime(temporary, (now, now))
            self._in_folder(os.replace, temporary, final)

    def beats(self, prefix: str) -> Iterator[tuple[str, float, dict[str, Scalar]]]:
        for name in self.names(prefix):
            # A heartbeat that vanishes under way, or that a power cut has emptied, is none.
            with suppress(FileNotFoundError, ValueError):
                path = self._path(name)
                age_seconds = self._clock() - path.stat().st_mtime
                yield name, max(0.0, age_seconds), json.loads(path.read_bytes())

    def now(self) -> float:
        return self._clock()

    def remove(self) -> None:
        with self._translated(""), suppress(FileNotFoundError):
            # First the folder that each write begins in: who still writes learns that the store is gone.
            shutil.rmtree(self._folder / _TEMPORARY, ignore_errors=True)
            for path in list(self._folder.iterdir()):
                if path.name not in _NOT_OURS:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):
                self._folder.rmdir()  # stays as long as something lies in it that is not ours

    def close(self) -> None:
        """Nothing is held between two requests."""

    def _path(self, name: str) -> Path:
        check_name(name)
        parts = name.split("/")
        if parts[0] in _NOT_OURS:
            raise ValueError(f"{name!r} is not a name in a store")
        return self._folder.joinpath(*parts)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """Give a name for a file on its way; whatever is left of it goes when the block ends."""
        folder = self._folder / _TEMPORARY
        if not self._made:
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(self._folder.parent)
            self._made = True
        temporary = folder / uuid4().hex
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _in_folder(self, place: Callable[[Path, Path], T], temporary: Path, final: Path) -> T:
        """Put `temporary` in its place by `place`, and make the folder for it if there is none."""
        try:
            return place(temporary, final)
        except FileNotFoundError:
            if not temporary.exists():
                raise
            final.parent.mkdir(parents=True, exist_ok=True)
            for folder in final.parent.parents[: len(final.parent.relative_to(self._folder).parts)]:
                _sync_folder(folder)
            return place(temporary, final)

    def _place_if_absent(self, temporary: Path, final: Path) -> bool:
        try:
            self._link(temporary, final)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return _rename_if_absent(temporary, final)
        return True

    @contextmanager
    def _translated(self, name: str, *, reading: bool = False) -> Iterator[None]:
        """Raise our errors in place of the file system's: the one place that does."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise ValueError(f"{name!r} is too long a name for the store {self._folder}") from error
            if reading and isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
                raise _missing(name, self._folder) from error
            if self._made and not (self._folder / _TEMPORARY).is_dir():
                raise HyperscaleError(
                    f"the store {self._folder} is gone: it was removed while this process used it"
                ) from error
            raise HyperscaleError(
                f"the store {self._folder} cannot be used: {error}", hint=_HINTS.get(error.errno or 0)
            ) from error


def _missing(name: str, folder: Path) -> MissingBlobError:
    return MissingBlobError(f"there is no {name} in the store {folder}")


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    """Yield the names of all files under `folder`, whose own name is `prefix`; a vanished folder is empty."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if not prefix and entry.name in _NOT_OURS:
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name


def _rename_if_absent(temporary: Path, final: Path) -> bool:
    """Rename, where there are no hard links: whole like a link, and one winner under a lock of the store.

    A process that dies here leaves no trace: the system gives its lock back. All writers of a store meet in
    this function, because they meet the same file system.
    """
    if sys.platform == "win32":  # refuses by itself to rename onto something
        with suppress(FileExistsError):
            temporary.rename(final)
            return True
        return False
    import fcntl

    with (temporary.parent / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.exists():
            return False
        temporary.rename(final)
        return True


def _sync_folder(folder: Path) -> None:
    """Have the names in `folder` survive a power cut; without it a ledger part may vanish with its name."""
    if sys.platform == "win32":  # opens no folders; NTFS keeps a journal of names
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
