"""Makes one row of each file that a pattern matches: its path, its name, its size."""

from __future__ import annotations

import contextlib
import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from hyperscale import uris
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems

#: Our own records of runs beside the experiment: they change while it runs, and are nobody's data.
_OURS = ".hyperscale"


def split_glob(pattern: str) -> tuple[str, str]:
    """Return the fixed folder of `pattern`, and the pattern below it: `a/**/*.png` gives `a` and `**/*.png`."""
    if uris.is_uri(pattern):
        return uris.split_pattern(pattern)
    parts = PurePosixPath(pattern).parts
    wild = next((number for number, part in enumerate(parts) if uris.WILDCARD.search(part)), len(parts))
    fixed = min(wild, len(parts) - 1)
    return str(PurePosixPath(*parts[:fixed])), str(PurePosixPath(*parts[fixed:]))


def matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether `pattern` names the file at the path `names`, both in their parts; `**` stands for any folders.

    As in a shell, a name that starts with a dot is only meant where the pattern starts so.
    """
    if not pattern:
        return not names
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        if not rest:
            return bool(names) and not any(name.startswith(".") for name in names)
        deeper = len(names) > 1 and not names[0].startswith(".")
        return matches(names, rest) or (deeper and matches(names[1:], pattern))
    return bool(names) and _is_named(names[0], first) and matches(names[1:], rest)


def matches_below(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether `pattern` can name a file in the folder at the path `names`."""
    if not names or not pattern:
        return bool(pattern)
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return (not names[0].startswith(".") and matches_below(names[1:], pattern)) or matches_below(names, rest)
    return _is_named(names[0], first) and bool(rest) and matches_below(names[1:], rest)


def _is_named(name: str, pattern: str) -> bool:
    if not uris.WILDCARD.search(pattern):
        return name == pattern
    return (not name.startswith(".") or pattern.startswith(".")) and fnmatch.fnmatchcase(name, pattern)


def files_below(folder: Path, enters: Callable[[str], bool]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield each file below `folder`, with its path from there; what cannot be read is left out.

    Links to files and folders are followed, but not back into a folder that holds them: each file would have any number
    of names there.

    Args:
        folder: where to begin.
        enters: whether to look into the folder with that path.
    """
    # Each with the real folders that it was reached through.
    waiting: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(folder),))]
    while waiting:
        below, trail = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(folder / below) as entries:
            for entry in entries:
                path = f"{below}{entry.name}"
                with contextlib.suppress(OSError):  # it was removed meanwhile
                    if not entry.is_dir():
                        if entry.is_file():
                            yield path, entry
                        continue
                    real = os.path.realpath(entry.path) if entry.is_symlink() else f"{trail[-1]}{os.sep}{entry.name}"
                    leads_back = entry.is_symlink() and any(_holds(real, passed) for passed in trail)
                    if not leads_back and enters(path):
                        waiting.append((f"{path}/", (*trail, real)))


def _holds(folder: str, inner: str) -> bool:
    return inner == folder or inner.startswith(f"{folder.rstrip(os.sep)}{os.sep}")


def data_files(folder: Path, *, skips_hidden: bool) -> Iterator[tuple[str, int]]:
    """Yield path and size in bytes of each file below `folder` that nodes get.

    Args:
        folder: of an input of files, or of a mount.
        skips_hidden: whether what starts with a dot stays here: no pattern of `files` ever names it.
    """

    def is_data(path: str) -> bool:
        name = path.rpartition("/")[2]
        return name != _OURS and not (skips_hidden and name.startswith("."))

    for path, entry in files_below(folder, is_data):
        if not (skips_hidden and entry.name.startswith(".")):
            yield path, entry.stat().st_size


class FileRows(Rows):
    """One row a file, sorted by path.

    Columns: `path` (relative to the fixed folder of the pattern, with `/`), `name` (the file's name without its
    last extension), `size` (bytes). As in a shell, `*` and `**` match no name that starts with a dot.
    """

    def __init__(self, source: Input, folder: Path, listed: Sequence[tuple[str, int]] | None = None) -> None:
        """Look for files under `folder`, the fixed folder of `source.files`.

        Where somebody has looked already, `listed` holds what `found` does, and `folder` need not be there.

        Raises:
            ExperimentError: when there is no such folder, or nothing in it matches.
        """
        self._source = source
        self._folder = folder
        self._pattern = str(source.files)
        self.columns = ("path", "name", "size")
        self.types = {"path": "string", "name": "string", "size": "integer"}
        problems = column_problems(source, self.columns, self._pattern)
        self._listed = listed
        if listed is None and not folder.is_dir():
            problems.append(Problem(self._pattern, 0, 0, "", f"there is no folder {split_glob(self._pattern)[0]}"))
        elif not self.found:
            message = "no file matches; ** stands for any folders, as in images/**/*.png"
            problems.append(Problem(self._pattern, 0, 0, "", message))
        if problems:
            raise ExperimentError(f"the input {self._pattern} cannot be read", problems=problems)

    @cached_property
    def found(self) -> list[tuple[str, int]]:
        """Relative path and size in bytes of every file that matches, sorted by path."""
        if self._listed is not None:
            return list(self._listed)
        pattern = split_glob(self._pattern)[1].split("/")
        found = files_below(self._folder, lambda path: matches_below(path.split("/"), pattern))
        return sorted((path, entry.stat().st_size) for path, entry in found if matches(path.split("/"), pattern))

    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield batches of at most `size` files; one whose name is not UTF-8 is reported and left out."""
        found = self.found[: self._source.limit]
        for start in range(0, len(found), size):
            good = [file for file in found[start : start + size] if self._is_text(file[0], report)]
            yield Batch([[path, PurePosixPath(path).stem, length] for path, length in good], [0] * len(good))

    def _is_text(self, path: str, report: Report) -> bool:
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "surrogateescape")
            report(Problem(self._pattern, 0, 0, "", f"the name {shown!r} is not UTF-8 text; rename the file"))
            return False
        return True
