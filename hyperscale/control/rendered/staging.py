"""Stages the code folder that travels to every node: the core and node rings, and the user's folder as `activity/`."""

from __future__ import annotations

import hashlib
import os
import py_compile
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pathspec

import hyperscale
from hyperscale.control.resources import templates_folder
from hyperscale.errors import ExperimentError, PlanError
from hyperscale.node.reading.file_rows import files_below

#: Azure ML's documented limits of a code snapshot (v1/how-to-save-write-experiment-files.md).
MAX_STAGED_BYTES = 300 * 1024 * 1024
MAX_STAGED_FILES = 2_000
IGNORE_FILE = ".amlignore"
#: Left out of what is staged; lines of .amlignore come after these, so `!pattern` brings one back.
IGNORED = (
    ".git/",
    ".venv/",
    "__pycache__/",
    "*.py[co]",
    ".*_cache/",
    ".hypothesis/",
    ".ipynb_checkpoints/",
    "node_modules/",
    ".env*",
    "*.pem",
    ".hyperscale/",
    "/results/",
    "/components/code/",
    "/components/*/code/",
    ".DS_Store",
)
SECRET_NAMES = (
    ".env*",
    "*.pem",
    "*.key",
    "*.pfx",
    "*.p12",
    "*.jks",
    "*.kdbx",
    "*.ppk",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    ".pgpass",
    ".pypirc",
    ".git-credentials",
    ".ssh/",
    ".aws/",
    ".azure/",
    "azureProfile.json",
    "accessTokens.json",
    "credentials.json",
    "client_secret*.json",
    "service-account*.json",
)
#: The folder of the report, among the templates: where an installed package has them, the code of nodes has it, too.
REPORT = "report"
#: What stands in a staged folder.
_STAGED = frozenset({"hyperscale", "activity", IGNORE_FILE, "__pycache__", ".DS_Store"})
#: Steps of a run on this machine leave bytecode in the code folder; it must not change the snapshot.
_AMLIGNORE_OF_STAGED = "__pycache__/\n"


@dataclass(frozen=True)
class StagedFiles:
    """What of a user's code folder travels to nodes.

    Attributes:
        files: relative to the folder, sorted.
        total_bytes: their size.
        suspicious: those whose names look like secrets.
    """

    files: tuple[PurePosixPath, ...]
    total_bytes: int
    suspicious: tuple[PurePosixPath, ...]


def staged_files(folder: Path) -> StagedFiles:
    """Return what of the user's code `folder` is staged; reads names and sizes only.

    Raises:
        ExperimentError: when the folder does not exist, or its .amlignore cannot be read.
    """
    if not folder.is_dir():
        raise ExperimentError(f"activity.code: there is no folder {folder}", hint="correct the path")
    ignored = _patterns((*IGNORED, *_ignore_lines(folder / IGNORE_FILE)))

    def is_staged(path: str) -> bool:
        return not (folder / path / "pyvenv.cfg").exists() and not ignored.match_file(f"{path}/")

    files = ((path, entry.stat().st_size) for path, entry in files_below(folder, is_staged))
    found = sorted((PurePosixPath(path), size) for path, size in files if not ignored.match_file(path))
    secret = _patterns(SECRET_NAMES)
    return StagedFiles(
        files=tuple(path for path, _ in found),
        total_bytes=sum(size for _, size in found),
        suspicious=tuple(path for path, _ in found if secret.match_file(str(path))),
    )


def why_left_out(folder: Path, path: PurePosixPath, shown: str) -> str | None:
    """Return why `path` in the user's code `folder` is not staged, and what to do; None when it is.

    Args:
        folder: the code folder.
        path: of a file, relative to it.
        shown: what messages call the folder.

    Raises:
        ExperimentError: when its .amlignore cannot be read.
    """
    lines = [line for line in (*IGNORED, *_ignore_lines(folder / IGNORE_FILE)) if line]
    ignored = _patterns(tuple(lines))
    ignore_file = f"{shown}/{IGNORE_FILE}"
    for part in (*reversed(path.parents[:-1]), path):
        if (folder / part / "pyvenv.cfg").exists():
            return f"nodes do not get {shown}/{part}/: it is a virtual environment; move the code out of it"
        said = f"{part}/" if (folder / part).is_dir() else str(part)
        match = ignored.check_file(said)
        if match.include and match.index is not None:
            pattern = lines[match.index]
            if match.index >= len(IGNORED):
                return (
                    f"nodes do not get {shown}/{said}: {ignore_file} says {pattern}; change that line, or move the code"
                )
            return (
                f"nodes do not get {shown}/{said}: {pattern} is always left out of the copy; "
                f"rename it, or write !{said} into {ignore_file}"
            )
    return None


def check_staged(folder: Path, staged: StagedFiles) -> None:
    """See that what is `staged` of `folder` may travel.

    Raises:
        ExperimentError: when a name looks like a secret.
        PlanError: when it is too large for a code snapshot of Azure ML.
    """
    if staged.suspicious:
        raise ExperimentError(
            f"activity.code: {folder} holds files that look like secrets: {', '.join(map(str, staged.suspicious[:10]))}"
            + (f" and {len(staged.suspicious) - 10} more" if len(staged.suspicious) > 10 else ""),
            hint=f"move them out, or name them in {folder / IGNORE_FILE}: all else is copied to every node",
        )
    if staged.total_bytes > MAX_STAGED_BYTES or len(staged.files) > MAX_STAGED_FILES:
        raise PlanError(
            f"activity.code: {folder} holds {len(staged.files):,} files of {staged.total_bytes / 1024**2:,.0f} MB, "
            f"at most {MAX_STAGED_FILES:,} files of {MAX_STAGED_BYTES // 1024**2} MB travel to nodes",
            hint=f"name what nodes do not need in {folder / IGNORE_FILE}, or give data as a mount",
        )


def check_target(target: Path) -> None:
    """See that `target` (`components/code`) holds nothing but what `stage_code` put there, and may be replaced.

    Raises:
        ExperimentError: when it holds something else.
    """
    foreign = [path for path in sorted(target.glob("*")) if path.name not in _STAGED]
    if foreign:
        raise ExperimentError(
            f"{foreign[0]} was not staged by hyperscale, and would be deleted",
            hint=f"move it away: what nodes need stands in the folder of activity.code, and {target} is made from it",
        )


def stage_code(code_folder: Path, target: Path) -> None:
    """Make `target` (`components/code`) hold the core and node rings, and `code_folder` as `activity/`.

    What was in `target` is replaced at once, so that a reader never sees half of it.

    Raises:
        ExperimentError: when the folder does not exist, or holds a file whose name looks like a secret; or when
            `target` holds what is not ours.
        PlanError: when it is too large.
    """
    check_target(target)
    staged = staged_files(code_folder)
    check_staged(code_folder, staged)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".code-", dir=target.parent) as beside:
        made, replaced = Path(beside) / "new", Path(beside) / "old"
        package = Path(hyperscale.__file__).parent
        _copy(package, ring_files(package), made / "hyperscale")
        _copy_bytecode(package, ring_files(package), made / "hyperscale")
        _copy(templates_folder() / REPORT, _report_files(), made / "hyperscale" / "templates" / REPORT)
        _copy(code_folder, staged.files, made / "activity")
        if not staged.files:  # of a command, say: workers run in this folder, and a snapshot keeps no empty one
            (made / "activity" / IGNORE_FILE).write_text(_AMLIGNORE_OF_STAGED, encoding="utf-8")
        (made / IGNORE_FILE).write_text(_AMLIGNORE_OF_STAGED, encoding="utf-8")
        if target.exists():
            target.rename(replaced)
        made.rename(target)


def _report_files() -> tuple[PurePosixPath, ...]:
    """Return what teardown makes the report from, relative to its folder among the templates."""
    return tuple(sorted(PurePosixPath(file.name) for file in (templates_folder() / REPORT).iterdir()))


def ring_files(package: Path) -> tuple[PurePosixPath, ...]:
    """Return the modules of the core and node rings, relative to the folder of the `package`."""
    core = [file for file in package.glob("*.py") if file.name != "__main__.py"]
    return tuple(sorted(PurePosixPath(file.relative_to(package)) for file in [*core, *package.glob("node/**/*.py")]))


def code_hash(code_folder: Path, staged: StagedFiles) -> str:
    """Return the SHA-256 of the names and contents of what is `staged` of `code_folder`, hexadecimal."""
    digest = hashlib.sha256()
    for path in staged.files:
        content = hashlib.sha256((code_folder / path).read_bytes()).hexdigest()
        digest.update(f"{content} {path}\n".encode())
    return digest.hexdigest()


def _copy(source: Path, files: tuple[PurePosixPath, ...], target: Path) -> None:
    target.mkdir(parents=True)
    for folder in {path.parent for path in files}:
        (target / folder).mkdir(parents=True, exist_ok=True)
    for path in files:
        # Contents alone: a snapshot keeps no modes, and a read-only checkout must not make a read-only copy.
        shutil.copyfile(source / path, target / path)


def _copy_bytecode(source: Path, files: tuple[PurePosixPath, ...], target: Path) -> None:
    """Take along what Python has compiled of `files`: else the steps of each run on this machine compile it anew.

    Snapshots leave it out. Where it cannot be had (a read-only folder, PYTHONDONTWRITEBYTECODE), steps do as always.
    """
    if sys.dont_write_bytecode or sys.pycache_prefix:
        return
    for folder in {path.parent for path in files}:
        (target / folder / "__pycache__").mkdir()
    for path in files:
        compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        try:
            changed_at = (source / path).stat().st_mtime
            if not (source / compiled).exists() or (source / compiled).stat().st_mtime < changed_at:
                py_compile.compile(str(source / path), doraise=True)
            shutil.copyfile(source / compiled, target / compiled)
            # It is good for a source of just this time and size.
            os.utime(target / path, (changed_at, changed_at))
        except (OSError, py_compile.PyCompileError):
            continue


def _patterns(lines: tuple[str, ...]) -> pathspec.GitIgnoreSpec:
    return pathspec.GitIgnoreSpec.from_lines(lines)


def _ignore_lines(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return ()
    try:
        return tuple(file.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{file} cannot be read: {error}", hint="save it as UTF-8") from error
