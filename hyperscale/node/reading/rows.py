"""What every reader of an input offers: columns, their types, and batches of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Input
from hyperscale.row_key import key_problem
from hyperscale.suggestions import did_you_mean

#: Called with each problem of a row; reading goes on behind it unless it raises.
Report = Callable[[Problem], None]


@dataclass(frozen=True)
class Batch:
    """Rows that follow each other in the input.

    Attributes:
        rows: the values of each, in the order of the columns.
        lines: where each begins in its file, from 1; 0 when it has no line.
    """

    rows: list[list[Any]]
    lines: Sequence[int]


class Rows(ABC):
    """The rows of an input.

    Attributes:
        columns: their names, in order.
        types: column to "integer", "number", "boolean", "string" or a decimal, as `result_columns.Column` has them.
    """

    columns: tuple[str, ...]
    types: dict[str, str]

    @property
    def records(self) -> Rows:
        """The single records that the rows consist of: the rows themselves, unless they are groups."""
        return self

    @property
    def in_tables(self) -> Rows:
        """The rows as they stand beside results: as they are, unless they are groups."""
        return self

    def batches(self, size: int) -> Iterator[list[list[Any]]]:
        """Yield the rows, at most `size` at a time and `input.limit` in all.

        Raises:
            ExperimentError: at the first row that is wrong; its problem names file and line.
        """
        for batch in self.checked_batches(size, _refuse):
            if batch.rows:
                yield batch.rows

    @abstractmethod
    def checked_batches(self, size: int, report: Report) -> Iterator[Batch]:
        """Yield the rows like `batches`, but call `report` for what is wrong, and leave bad rows out.

        The problems of a batch come before it, in the order of its rows; a batch of bad rows only is empty.
        """


def with_good_keys(batch: Batch, columns: Sequence[str], key: str | None, file: str, report: Report) -> Batch:
    """Return `batch` without the rows whose `key` cannot name them; each is reported.

    Readers whose values may be lists or objects call it; those whose values never are need not.
    """
    if key is None:
        return batch
    place = columns.index(key)
    problems = [key_problem(row[place]) for row in batch.rows]
    if not any(problems):
        return batch
    for line, problem in zip(batch.lines, problems, strict=True):
        if problem:
            report(Problem(file, line, 0, key, problem))
    good = [number for number, problem in enumerate(problems) if not problem]
    return Batch([batch.rows[number] for number in good], [batch.lines[number] for number in good])


def column_problems(source: Input, columns: Sequence[str], file: str) -> list[Problem]:
    """Return a problem for each column that `source` names and `columns` lacks; its path is that of the key."""
    named: dict[str, str] = {} if source.key is None else {"input.key": source.key}
    named |= {f"input.columns.{name}": name for name in source.columns}
    if source.group_by:
        named |= {f"input.group_by.{number}": name for number, name in enumerate(source.group_by)}
    return [
        Problem(file, 1, 0, path, f"{file} has no column {name!r}{_among(name, columns)}")
        for path, name in named.items()
        if name not in columns
    ]


def duplicate_problems(columns: Sequence[str], file: str, line: int) -> list[Problem]:
    """Return a problem for each name that several `columns` have: a row has one value of a name."""
    return [
        Problem(file, line, 0, "", f"the column {name!r} is named {count} times in the header")
        for name, count in Counter(columns).items()
        if count > 1 and name.strip()
    ]


def listed(names: Sequence[str]) -> str:
    """Return the first of `names` as a message shows them."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _among(name: str, columns: Sequence[str]) -> str:
    return did_you_mean(name, columns) or f", expected one of {listed(columns)}"


def _refuse(problem: Problem) -> NoReturn:
    raise ExperimentError(str(problem), problems=[problem], hint="`hyperscale validate` finds all bad rows")
