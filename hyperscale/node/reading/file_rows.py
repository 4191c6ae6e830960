"""Makes one row of each file that a pattern matches: its path, its name, its size."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from hyperscale import uris
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.node.reading.rows import Batch, Report, Rows, column_problems


def split_glob(pattern: str) -> tuple[str, str]:
    """Return the fixed folder of `pattern`, and the pattern below it: `a/**/*.png` gives `a` and `**/*.png`."""
    if uris.is_uri(pattern):
        return uris.split_pattern(pattern)
    parts = PurePosixPath(pattern).parts
    wild = next((number for number, part in enumerate(parts) if uris.WILDCARD.search(part)), len(parts))
    fixed = min(wild, len(parts) - 1)
    return str(PurePosixPath(*parts[:fixed])), str(PurePosixPath(*parts[fixed:]))


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
        pattern = split_glob(self._pattern)[1]
        # Path.glob would match names that start with a dot, as no shell does.
        names = set(glob.glob(pattern, root_dir=self._folder, recursive=True))  # noqa: PTH207
        files = ((name, self._folder / name) for name in sorted(map(_posix, names)))
        return [(name, file.stat().st_size) for name, file in files if file.is_file()]

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


def _posix(name: str) -> str:
    return Path(name).as_posix()
