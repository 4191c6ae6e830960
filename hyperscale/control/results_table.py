"""The collected results of a run: a look at the first rows, and a copy of the whole table."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperscale import blobs
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError, HyperscaleError, RunStateError
from hyperscale.node.collecting.result_columns import fits_float
from hyperscale.node.collecting.spreadsheet_text import raw_text
from hyperscale.node.reading.csv_rows import csv_reader
from hyperscale.node.storing.places import is_remote
from hyperscale.node.storing.stores import MissingBlobError, Store

if TYPE_CHECKING:
    import pandas
    from pyarrow import ChunkedArray
    from pyarrow import Table as Table

#: The table in each format, by the suffix that asks for it.
TABLES = {".parquet": blobs.RESULTS_PARQUET, ".csv": blobs.RESULTS_CSV}
#: Of a larger run in a storage account, nobody waits unasked for its table or its ledger to come over the network.
MANY_REMOTE_ROWS = 500_000
#: Columns that a preview begins and ends with; the results and then the input are between them.
FIRST = ("row_index", "key", "outcome")
LAST = ("attempts", "seconds", "consumer")


@dataclass(frozen=True)
class Preview:
    """The first rows of a table, under its columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def arranged(self, input_columns: Collection[str]) -> Preview:
        """Return the same rows with what an activity returned next to the row's name: a screen is narrow."""

        def rank(column: str) -> int:
            if column in FIRST:
                return 0
            return 3 if column in LAST else 2 if column in input_columns else 1

        order = sorted(range(len(self.columns)), key=lambda number: rank(self.columns[number]))
        return Preview([self.columns[n] for n in order], [[row[n] for n in order] for row in self.rows])


def is_too_far(run: RunFolder, total: int) -> bool:
    """Return whether a run of `total` rows is too large to come over the network unasked."""
    return is_remote(run.store_url) and total > MANY_REMOTE_ROWS


@contextmanager
def table_file(run: RunFolder, store: Store, name: str) -> Iterator[Path | None]:
    """Give the file of a table of `run`: as it lies here, or a copy of what is in a storage account; None: no table."""
    if not is_remote(run.store_url):
        file = Path(run.store_file(name))
        yield file if file.is_file() else None
        return
    with tempfile.TemporaryDirectory(prefix="hyperscale-") as folder:
        copy: Path | None = Path(folder) / name
        try:
            store.download(name, Path(folder) / name)
        except MissingBlobError:
            copy = None
        yield copy


@contextmanager
def any_table(run: RunFolder, store: Store) -> Iterator[Path | None]:
    """Give the table of the results of `run`, in parquet if there is one, else in CSV; None: no table."""
    for name in TABLES.values():
        with table_file(run, store, name) as file:
            if file is not None:
                yield file
                return
    yield None


def read_preview(run: RunFolder, store: Store, total: int, rows: int) -> Preview | None:
    """Return the first `rows` of the results of a run of `total` rows.

    None when there is no table, or `is_too_far` says that it would have to come over the network.
    """
    if is_too_far(run, total):
        return None
    with any_table(run, store) as file:
        if file is None:
            return None
        return _csv_rows(file, rows) if file.suffix == ".csv" else _parquet_rows(file, rows)


def copy_results(store: Store, target: Path) -> None:
    """Write the whole table to `target`, in the format that its suffix names.

    Raises:
        ExperimentError: when the suffix names no format.
        RunStateError: when the run has no table in that format.
    """
    name = TABLES.get(target.suffix.lower())
    if name is None:
        raise ExperimentError(
            f"-o {target}: {target.suffix or 'no suffix'} is no format", hint="end it in .csv or .parquet"
        )
    beside = target.with_name(f".{target.name}.part")
    try:
        store.download(name, beside)
    except MissingBlobError:
        other = ", ".join(suffix for suffix, table in TABLES.items() if store.names(table))
        raise RunStateError(
            f"the run has no {name}", hint=f"there is: {other or 'nothing'}; output.format says what is written"
        ) from None
    except OSError as error:
        raise RunStateError(f"{target} cannot be written: {error.strerror}", hint="choose another place") from error
    beside.replace(target)


def read_table(run: RunFolder, store: Store) -> Table:
    """Return the whole table of the results of `run`; without one in parquet, the types are guessed from the CSV.

    Raises:
        RunStateError: when there is no table.
    """
    import pyarrow.parquet

    from hyperscale.node.collecting.result_files import read_csv  # it imports pyarrow, too

    with any_table(run, store) as file:
        if file is None:
            raise RunStateError("the run has no table of results", hint="no row of it was ever put into its queue")
        if file.suffix == ".csv":
            return read_csv(file)
        # Not read_table: its threads close the file a moment later, and a copy is deleted here at once.
        with pyarrow.parquet.ParquetFile(file) as table:
            return table.read()


def as_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    """Return `rows` as a table of the `columns`, whose types are integer, string or strings (a list of them)."""
    import pyarrow

    types = {"integer": pyarrow.int64(), "string": pyarrow.string(), "strings": pyarrow.list_(pyarrow.string())}
    return pyarrow.Table.from_pylist(rows, pyarrow.schema([(name, types[kind]) for name, kind in columns.items()]))


def to_pandas(table: Table) -> pandas.DataFrame:
    """Return `table` as a DataFrame.

    Raises:
        HyperscaleError: when pandas is not installed.
    """
    try:
        import pandas
        import pyarrow
    except ImportError as error:
        raise HyperscaleError(
            "pandas is not installed", hint="pip install pandas; or use `run.results()`, a table of pyarrow"
        ) from error
    frame = table.to_pandas()
    # pandas makes floats of integers beside missing values; where that would lose digits, they stay integers.
    for name, column in zip(table.column_names, table.columns, strict=True):
        if frame[name].dtype.kind == "f" and pyarrow.types.is_integer(column.type) and _has_long_integers(column):
            frame[name] = column.to_pandas(types_mapper={column.type: pandas.Int64Dtype()}.get)
    return frame


def _has_long_integers(column: ChunkedArray) -> bool:
    return not all(value is None or fits_float(value) for value in column.to_pylist())


def _parquet_rows(file: Path, count: int) -> Preview:
    # A third of a second to import: only for this.
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as table:
        names = table.schema_arrow.names
        batch = next(table.iter_batches(batch_size=count), None)
    rows = [] if batch is None else list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    return Preview(names, rows)


def _csv_rows(file: Path, count: int) -> Preview:
    with file.open(encoding="utf-8-sig", newline="") as text:
        lines = ([raw_text(cell) for cell in line] for line in csv_reader(text))
        header = next(lines, [])
        return Preview(header, list(itertools.islice(lines, count)))


def find_keys(file: Path, keys: Collection[str]) -> dict[int, str]:
    """Return the rows that have one of `keys`, by their row_index, from a table of results."""
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as text:
            lines = csv_reader(text)
            header = next(lines)
            place, named = header.index("row_index"), header.index("key")
            return {int(line[place]): key for line in lines if line and (key := raw_text(line[named])) in keys}
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as table:
        pairs = (
            pair
            for batch in table.iter_batches(columns=["row_index", "key"])
            for pair in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        )
        return {index: key for index, key in pairs if key in keys}


def read_keys(file: Path, rows: Collection[int]) -> dict[int, str]:
    """Return the keys of `rows` by their row_index, from the table in a parquet file; who has none is left out."""
    import pyarrow.parquet

    keys: dict[int, str] = {}
    with pyarrow.parquet.ParquetFile(file) as table:
        for number in range(table.num_row_groups):
            bounds = table.metadata.row_group(number).column(0).statistics  # row_index is the first column
            if bounds is not None and bounds.has_min_max and not any(bounds.min <= row <= bounds.max for row in rows):
                continue
            found = table.read_row_group(number, columns=["row_index", "key"]).to_pydict()
            pairs = zip(found["row_index"], found["key"], strict=True)
            keys.update((index, key) for index, key in pairs if index in rows and key is not None)
    return keys
