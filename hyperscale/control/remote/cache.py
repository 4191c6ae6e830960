"""Keeps what was fetched in the experiment's folder `.hyperscale/inputs`, once for each content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from hyperscale.control.remote.remote_files import Entry, RemoteError, RemoteFiles
from hyperscale.figures import size_text
from hyperscale.names import PLAIN_FILE
from hyperscale.talk import Say

INPUTS = Path(".hyperscale") / "inputs"
#: Who waits is told so after the first of these, and then each time after the second.
FIRST_TOLD_SECONDS = 3.0
TOLD_SECONDS = 15.0
FILES_AT_ONCE = 8
_COMING = ".coming"
_HASH_LENGTH = 24
_READ_BYTES = 1024 * 1024


class Cache:
    """The copies of remote data that lie beside one experiment."""

    def __init__(self, folder: Path, say: Say) -> None:
        """Keep copies below `folder`, that of the experiment; `say` tells people how far a long fetch is."""
        self._folder, self._say = folder / INPUTS, say

    def copies(self, uri: str) -> list[Path]:
        """Return every copy that there is of `uri`, of whatever content, the newest first."""
        versions = (version for version in self._of(uri).glob("[!.]*") if version.is_dir() and not version.suffix)
        found = [inner for version in versions for inner in version.iterdir()]
        return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)

    def file(self, uri: str, name: str, entry: Entry, files: RemoteFiles, path: str) -> Path:
        """Return a copy of the file `entry`, fetched if there is none of this version.

        Raises:
            RemoteError: when it cannot be fetched whole.
        """

        def fetch(folder: Path) -> None:
            target = folder / safe_name(name)
            files.fetch(path, target)
            _check_whole(name, target, entry)

        return self._kept(uri, name, entry.version and _key(entry), entry.bytes, fetch) / safe_name(name)

    def folder(self, uri: str, entries: Sequence[Entry], files: RemoteFiles, path: str) -> Path:
        """Return a folder with copies of `entries`, all below `path`; errors as of `file`."""
        name = uri.rstrip("/").rpartition("/")[2]
        inner = safe_name(name)

        def fetch_one(folder: Path, entry: Entry) -> None:
            target = folder / inner / _local(entry.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            files.fetch(f"{path.rstrip('/')}/{entry.path}", target)
            _check_whole(entry.path, target, entry)

        def fetch(folder: Path) -> None:
            (folder / inner).mkdir()
            with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="fetch") as threads:
                try:
                    list(threads.map(lambda entry: fetch_one(folder, entry), entries))
                except BaseException:
                    files.close()  # without this, Ctrl-C would wait for the files that are on their way
                    threads.shutdown(wait=False, cancel_futures=True)
                    raise

        key = "".join(_key(entry) for entry in entries) if all(entry.version for entry in entries) else ""
        return self._kept(uri, name, key, sum(entry.bytes or 0 for entry in entries), fetch) / inner

    def _of(self, uri: str) -> Path:
        return self._folder / _short_hash(uri)

    def _kept(self, uri: str, name: str, key: str, total: int | None, fetch: Callable[[Path], None]) -> Path:
        """Return the folder of one content, filled by `fetch` unless it is there.

        Without a `key` that says whether the content is another, it is fetched each time, and known by its bytes.
        """
        place = self._of(uri)
        kept = place / _short_hash(key)
        if key and kept.is_dir():
            return kept
        place.mkdir(parents=True, exist_ok=True)
        with _locked(place / ".lock"):
            if key and kept.is_dir():  # another process has fetched it while we waited
                return kept
            coming = place / f"{kept.name}{_COMING}"
            for left in place.glob(f"*{_COMING}"):  # of one that was interrupted: it starts over
                shutil.rmtree(left)
            coming.mkdir()
            try:
                with self._told(name, coming, total):
                    _fetch_into(coming, fetch)
                kept = kept if key else place / _digest(coming)
                if not kept.is_dir():
                    coming.rename(kept)
            finally:
                shutil.rmtree(coming, ignore_errors=True)
        return kept

    @contextlib.contextmanager
    def _told(self, name: str, coming: Path, total: int | None) -> Iterator[None]:
        """Tell people from time to time how much has come while the block runs."""
        over = threading.Event()

        def tell() -> None:
            wait = FIRST_TOLD_SECONDS
            while not over.wait(wait):
                wait = TOLD_SECONDS
                of = f" of {size_text(total)}" if total else ""
                self._say(f"fetching {name}: {size_text(_size(coming))}{of}")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()


def _fetch_into(folder: Path, fetch: Callable[[Path], None]) -> None:
    try:
        fetch(folder)
    except OSError as error:
        hint = "free space on this disk, or delete older copies: they are fetched again when they are needed"
        raise RemoteError(f"{error.filename or folder} cannot be written: {error.strerror}", hint=hint) from error


def safe_name(name: str) -> str:
    """Return `name` if it can stand in every file system and command line, else one with its last extensions."""
    ending = "".join(PurePosixPath(name).suffixes[-2:])
    return next((each for each in (name, f"data{ending}") if PLAIN_FILE.problem(each) is None), "data")


def _local(path: str) -> PurePosixPath:
    """Return the path of a copy below its folder.

    Raises:
        RemoteError: when it would lie elsewhere: names of blobs are texts, and may hold anything.
    """
    parts = path.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\0" in path:
        raise RemoteError(f"the name {path!r} cannot be that of a file", hint="rename the blob")
    return PurePosixPath(*parts)


def _check_whole(name: str, target: Path, entry: Entry) -> None:
    found = target.stat().st_size
    if entry.bytes is not None and found != entry.bytes:
        raise RemoteError(
            f"{name} came with {found:,} bytes, and {entry.bytes:,} were announced: it was cut, or it changes just now",
            hint="try again; nothing of what has come is used",
        )


def _digest(folder: Path) -> str:
    """Return a name for what is in a folder: of its one file."""
    digest = hashlib.sha256()
    for file in folder.iterdir():
        with file.open("rb") as opened:
            while piece := opened.read(_READ_BYTES):
                digest.update(piece)
    return digest.hexdigest()[:_HASH_LENGTH]


def _size(folder: Path) -> int:
    total = 0
    for current, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it was renamed meanwhile
                total += (Path(current) / name).stat().st_size
    return total


def _key(entry: Entry) -> str:
    return f"{entry.path}\t{entry.bytes}\t{entry.version}\n"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_LENGTH]


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Let one process at a time do the block."""
    with file.open("a") as held:
        if sys.platform != "win32":
            import fcntl  # Windows has no such module

            fcntl.flock(held, fcntl.LOCK_EX)
        yield
