"""Checks the input that an experiment names: every row, every mount, in one stream and flat memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

from hyperscale import names
from hyperscale.control.reading.group_check import refuse_large_groups
from hyperscale.control.reading.loading import LoadedExperiment
from hyperscale.control.reading.positions import ValuePath
from hyperscale.control.reading.row_check import MAX_SHOWN_ROWS, RowCheck, check_rows
from hyperscale.control.reading.schema_check import BrokenSchemaError, RowSchema
from hyperscale.control.remote.remote_data import Beginning
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.input_facts import InputFacts
from hyperscale.node.reading.cells import numeric_type
from hyperscale.node.reading.file_rows import data_files
from hyperscale.node.reading.readers import Rows, input_hash, open_rows, split_glob
from hyperscale.node.reading.rows import listed
from hyperscale.node.reading.sweep_rows import SweepRows
from hyperscale.suggestions import did_you_mean
from hyperscale.uris import is_uri

#: What a file of rows is called, by the key that names it.
_FILES = MappingProxyType({"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"})


def check_input(loaded: LoadedExperiment) -> tuple[InputFacts, tuple[Problem, ...]]:
    """Return what the input holds, and warnings.

    Raises:
        ExperimentError: when a file is missing or rows are wrong; carries the first 20 bad rows.
    """
    problems = list(_mount_problems(loaded))
    remote = loaded.remote.get("input")
    if remote is not None and remote.beginning is not None and not problems:
        return _estimated(loaded, remote.beginning), (_not_read(loaded),)
    rows = _open_rows(loaded, problems)
    row_schema = _open_row_schema(loaded, problems)
    if rows is None or problems:
        message = f"the input of {loaded.positions.file} cannot be used"
        raise ExperimentError(message, problems=loaded.positions.sorted(problems))
    try:
        checked = _checked(rows, loaded.experiment.input, row_schema)
    except BrokenSchemaError as error:
        problem = loaded.positions.problem(("input", "row_schema"), str(error))
        raise ExperimentError(f"the rows of {_name(loaded)} cannot be checked", problems=[problem]) from error
    _refuse_bad_rows(checked, _name(loaded))
    refuse_large_groups(loaded, checked.groups)
    return _facts(loaded, rows.records, checked), tuple(_warnings(loaded, rows.records, checked))


def _checked(rows: Rows, source: Input, row_schema: RowSchema | None) -> RowCheck:
    if isinstance(rows, SweepRows) and row_schema is None:
        # All is known of the rows without making one of them.
        return RowCheck(rows.count, 0, (), rows.row_bytes, {})
    return check_rows(rows.records, source, row_schema)


def input_path(loaded: LoadedExperiment) -> Path:
    """Return the file of an experiment's rows, or the fixed folder of its pattern of files; of remote data the copy."""
    source, remote = loaded.experiment.input, loaded.remote.get("input")
    if remote is not None and remote.copy is not None:
        return remote.copy
    return loaded.folder / (split_glob(source.place)[0] if source.form == "files" else source.place)


def open_input(loaded: LoadedExperiment) -> Rows:
    """Return the rows of an experiment's input; files that are remote are known by their listing alone.

    Raises:
        ExperimentError: when there is nothing to read, or its columns are not those that the experiment names.
    """
    return open_rows(loaded.experiment.input, input_path(loaded), _listing(loaded))


def _listing(loaded: LoadedExperiment) -> Sequence[tuple[str, int]] | None:
    remote = loaded.remote.get("input")
    return remote.listing if remote is not None else None


def _name(loaded: LoadedExperiment) -> str:
    return loaded.experiment.input.place


def _mount_problems(loaded: LoadedExperiment) -> Iterator[Problem]:
    for name, mount in loaded.experiment.mounts.items():
        if is_uri(mount.path):
            continue
        message = names.DATA.problem(Path(mount.path).name)
        if not (loaded.folder / mount.path).exists():
            message = f"there is no folder or file {mount.path}{_guess(loaded.folder / mount.path)}"
        if message:
            at = ("mounts", name, "path") if ("mounts", name, "path") in loaded.positions.values else ("mounts", name)
            yield loaded.positions.problem(at, message)


def _open_rows(loaded: LoadedExperiment, problems: list[Problem]) -> Rows | None:
    source, path = loaded.experiment.input, input_path(loaded)
    if source.form == "sweep" or loaded.remote.get("input") is not None:
        return _opened(loaded, problems)
    what = names.DATA.problem(path.name)
    if source.form != "files" and not path.is_file():
        what = f"there is no file {source.place}{_guess(path)}"
        if path.is_dir():
            what = f"is a folder, expected a {_FILES[source.form]} file"
    if what:
        problems.append(loaded.positions.problem(("input", source.form), what))
        return None
    return _opened(loaded, problems)


def _opened(loaded: LoadedExperiment, problems: list[Problem]) -> Rows | None:
    try:
        return open_input(loaded)
    except ExperimentError as error:
        problems.extend(placed(loaded, problem) for problem in error.problems)
        return None


def placed(loaded: LoadedExperiment, problem: Problem) -> Problem:
    """Return a reader's problem where it can be mended: in the experiment's file if that names it."""
    if problem.path:
        path: ValuePath = tuple(problem.path.split(".", 2))
        if path[1] == "group_by":
            return loaded.positions.problem((*path[:2], int(path[2])), problem.message)
        if path[1] == "sweep":
            column, _, number = problem.path.removeprefix("input.sweep.").rpartition(".")
            return loaded.positions.problem((*path[:2], column, int(number)), problem.message)
        return loaded.positions.problem(path, problem.message, at_key=len(path) > 2)
    if problem.line == 0 and loaded.experiment.input.form == "files":
        return loaded.positions.problem(("input", "files"), problem.message)
    return problem


def _open_row_schema(loaded: LoadedExperiment, problems: list[Problem]) -> RowSchema | None:
    name = loaded.experiment.input.row_schema
    if name is None:
        return None
    file = loaded.folder / name
    try:
        return RowSchema(file)
    except BrokenSchemaError as error:
        message = str(error) if file.exists() else f"there is no file {name}{_guess(file)}"
        problems.append(loaded.positions.problem(("input", "row_schema"), message))
        return None


def _guess(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent.name}"
    return did_you_mean(path.name, (other.name for other in path.parent.iterdir()))


def _refuse_bad_rows(checked: RowCheck, file: str) -> None:
    if not checked.bad_rows:
        return
    rows = "1 row" if checked.rows == 1 else f"{checked.rows:,} rows"
    shown = f"; the first {MAX_SHOWN_ROWS} are shown" if checked.bad_rows > MAX_SHOWN_ROWS else ""
    raise ExperimentError(
        f"{checked.bad_rows:,} of {rows} of {file} {'is' if checked.bad_rows == 1 else 'are'} wrong{shown}"
        if checked.rows
        else f"{file} cannot be used",
        problems=checked.problems,
    )


def _facts(loaded: LoadedExperiment, rows: Rows, checked: RowCheck) -> InputFacts:
    sizes = _upload_sizes(loaded)
    return InputFacts(
        rows=checked.groups.count if checked.groups else checked.rows,
        estimated=False,
        row_bytes=checked.groups.mean if checked.groups else checked.row_bytes,
        columns=rows.columns,
        input_hash=input_hash(loaded.experiment.input, input_path(loaded), _listing(loaded)),
        upload_bytes=sum(sizes),
        upload_files=len(sizes),
        grouped_records=checked.groups.records if checked.groups else None,
    )


def _estimated(loaded: LoadedExperiment, beginning: Beginning) -> InputFacts:
    """Return what is known of an input that `input.rows` spares fetching."""
    source, sizes = loaded.experiment.input, _upload_sizes(loaded)
    return InputFacts(
        rows=min(count for count in (source.rows, source.limit) if count is not None),
        estimated=True,
        row_bytes=beginning.row_bytes,
        columns=beginning.columns,
        input_hash=None,
        upload_bytes=sum(sizes),
        upload_files=len(sizes),
    )


def _not_read(loaded: LoadedExperiment) -> Problem:
    message = "spares fetching the input: its rows are counted and checked by the run's first step only"
    return loaded.positions.problem(("input", "rows"), message)


def _upload_sizes(loaded: LoadedExperiment) -> list[int]:
    """Return the size of each file of this machine that a submitted run uploads."""
    source = loaded.experiment.input
    found = []
    if source.form != "sweep" and not is_uri(source.place):
        found += _file_sizes(input_path(loaded), skips_hidden=source.form == "files")
    for mount in loaded.experiment.mounts.values():
        if not is_uri(mount.path):
            found += _file_sizes(loaded.folder / mount.path, skips_hidden=False)
    return found


def _file_sizes(path: Path, *, skips_hidden: bool) -> list[int]:
    """Return the size of each file that is uploaded for `path`: itself, or all in it."""
    if path.is_file():
        return [path.stat().st_size]
    return [size for _, size in data_files(path, skips_hidden=skips_hidden)]


def _warnings(loaded: LoadedExperiment, rows: Rows, checked: RowCheck) -> Iterator[Problem]:
    if checked.numeric:
        types = ", ".join(f"{name}: {kind}" for name, kind in checked.numeric.items())
        at = ("input", "columns") if ("input", "columns") in loaded.positions.values else ("input", "csv")
        names = listed(list(checked.numeric))
        message = f"text columns that hold nothing but numbers: {names}; to get numbers, add {types} to input.columns"
        yield loaded.positions.problem(at, message)
    if loaded.experiment.input.form == "csv":
        for message in _header_warnings(rows.columns):
            yield Problem(_name(loaded), 1, 0, "", message)


def _header_warnings(columns: tuple[str, ...]) -> Iterator[str]:
    for name in columns:
        if name != name.strip():
            yield f"the name of the column {name!r} begins or ends with a space"
    separator = next((mark for mark in (";", "\t", "|") if len(columns) == 1 and mark in columns[0]), None)
    if separator is not None:
        yield f"there is one column, {columns[0]!r}; columns are separated by commas, not by {separator!r}"
    if numeric_type(columns):
        yield "the first line holds numbers alone, expected the names of columns"
