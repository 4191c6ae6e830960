"""The ledger: one line an outcome, in write-once parts; seals make outcomes final, and one rule merges them.

A part is JSON lines and a last line that counts and checks them (the protocol's "counts and CRC"; a last
line travels with the bytes on every store). Which line decides a row is rule 24, `merge`, and nothing else.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from hyperscale.errors import HyperscaleError
from hyperscale.row_set import RowSet

SUCCEEDED = "succeeded"
FAILED = "failed"
#: Of lines that are set aside, so many are named.
_MOST_NAMED = 20


class DamagedPartError(HyperscaleError):
    """A ledger part is truncated or altered; its rows cannot be counted."""


def succeeded_line(
    row_index: int,
    attempts: int,
    seconds: float,
    started_at: float,
    consumer: str,
    worker: int,
    result: str,
) -> str:
    """Return the line of a row that succeeded; `result` is JSON text, `started_at` Unix seconds."""
    return (
        f'{{"row_index":{row_index},"outcome":"succeeded","attempts":{attempts},"seconds":{seconds:.6f},'
        f'"started_at":{started_at:.3f},"consumer":"{consumer}","worker":{worker},"result":{result}}}'
    )


def failed_line(
    row_index: int,
    *,
    attempts: int,
    seconds: float,
    started_at: float,
    consumer: str,
    worker: int,
    failure: dict[str, Any],
) -> str:
    """Return the line of a row that failed for good; `failure` says why (see `failures.py`)."""
    line = {
        "row_index": row_index,
        "outcome": FAILED,
        "attempts": attempts,
        "seconds": round(seconds, 6),
        "started_at": round(started_at, 3),
        "consumer": consumer,
        "worker": worker,
        "failure": failure,
    }
    return json.dumps(line, separators=(",", ":"))


def write_part(lines: Sequence[str]) -> bytes:
    """Return the bytes of a part that holds `lines`.

    Raises:
        ValueError: when a line holds a line break, which would make two of it.
    """
    content = "".join(f"{line}\n" for line in lines).encode()
    if content.count(b"\n") != len(lines):
        raise ValueError("a ledger line holds a line break")
    return content + _check_line(content, len(lines))


def read_part(name: str, data: bytes) -> list[bytes]:
    """Return the lines of the part `name`.

    Raises:
        DamagedPartError: when the last line is missing, or does not count and check what stands before it.
    """
    end = data.rfind(b"\n", 0, -1) + 1
    content = data[:end]
    lines = content.split(b"\n")[:-1]
    if data[end:] == _check_line(content, len(lines)):
        return lines
    raise DamagedPartError(
        f"{name} is damaged: {len(data):,} bytes whose last line does not match what stands before it",
        hint="restore the file from a copy, or remove it: its rows then count as missing and can be resumed",
    )


def _check_line(content: bytes, lines: int) -> bytes:
    """Return the last line of a part; it is compared byte by byte, so that no damage to it goes unseen."""
    return b'{"lines":%d,"crc32":%d}\n' % (lines, zlib.crc32(content))


@dataclass(frozen=True)
class Seal:
    """What teardown found and made final: `seals/<number>.json`.

    Attributes:
        number: from 1; each seal adds to the ones before it.
        state: "complete" when every row has an outcome.
        reason: why it is incomplete, for people; empty when complete.
        rows: how many rows were seeded.
        parts: names of the ledger parts that no earlier seal holds, sorted.
        succeeded, failed, missing: rows, over all seals so far; their sum is `rows`.
        duplicates: lines that decided no row, over all seals so far.
        sealed_at: Unix seconds.
        set_aside: lines that cannot be read, or are of no row of the run, over all seals so far.
    """

    number: int
    state: Literal["complete", "incomplete"]
    reason: str
    rows: int
    parts: tuple[str, ...]
    succeeded: int
    failed: int
    missing: int
    duplicates: int
    sealed_at: float
    set_aside: int = 0

    def encode(self) -> bytes:
        """Return the seal as JSON."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def decode(cls, data: bytes) -> Seal:
        """Return the seal that `encode` wrote."""
        document = json.loads(data)
        return cls(**{**document, "parts": tuple(document["parts"])})


class Line(NamedTuple):
    """One ledger line on its way through the merge: the seal that holds its part, and what it says.

    `run` counts the runs of a lineage from the oldest; it is 0 where there is one run alone.
    """

    seal: int
    row_index: int
    succeeded: bool
    content: Any
    run: int = 0


def merge(lines: Iterable[Line]) -> dict[int, Line]:
    """Return which line decides each row (protocol rules 24 and 28).

    Args:
        lines: in the order of their runs; in a run in that of its seals; in a seal by the names of parts; in a
            part as they stand.

    Returns:
        row_index to the line that decides it: in the first seal of a run that has any, the first that succeeded,
        else the first; the outcome of a retry in place of a failed one.
    """
    decided: dict[int, Line] = {}
    for line in lines:
        first = decided.get(line.row_index)
        if first is None or (not first.succeeded and _replaces(line, first)):
            decided[line.row_index] = line
    return decided


def _replaces(line: Line, failed: Line) -> bool:
    """Return whether `line` counts in place of the failed line that came before it."""
    return line.run != failed.run or (line.seal == failed.seal and line.succeeded)


class Tally:
    """Counts rows by the merge rule, in one byte a row; feed it lines in the order that `merge` takes.

    Attributes:
        rows, succeeded, failed: how many the run has, and how many of them have such an outcome.
        lines: of rows of the run.
        set_aside: lines that were not counted.
        named: the first of those, each with the reason.
    """

    _FAILED, _SUCCEEDED, _SEALED, _NOT_OURS = 1, 2, 4, 8

    def __init__(self, rows: int | RowSet) -> None:
        """Start with all of the run's rows missing: so many, or those of a set."""
        if isinstance(rows, int):
            self._state, self.rows = bytearray(rows), rows
        else:
            # Missing is 0, as for all rows.
            self._state, self.rows = (
                bytearray(rows.marks.translate(bytes([self._NOT_OURS, 0]) + bytes(254))),
                rows.count,
            )
        self.succeeded = self.failed = self.lines = self.set_aside = 0
        self.named: list[str] = []

    def add(self, row_index: int, succeeded: bool) -> bool:
        """Count one line, and return True; return False, and count nothing, when `row_index` is no row of the run."""
        if not 0 <= row_index < len(self._state) or self._state[row_index] == self._NOT_OURS:
            return False
        self.lines += 1
        state = self._state[row_index]
        if not state:
            self._state[row_index] = self._SUCCEEDED if succeeded else self._FAILED
            if succeeded:
                self.succeeded += 1
            else:
                self.failed += 1
        elif succeeded and state == self._FAILED:
            self._state[row_index] = self._SUCCEEDED
            self.failed -= 1
            self.succeeded += 1
        return True

    def set_line_aside(self, what: str) -> None:
        """Count a line that counts for no row; `what` names it and says why."""
        self.set_aside += 1
        if len(self.named) < _MOST_NAMED:
            self.named.append(what)

    def seal(self) -> None:
        """Make what was counted so far final: later lines change nothing about these rows."""
        final = bytes(state if state in (0, self._NOT_OURS) else state | self._SEALED for state in range(256))
        self._state = self._state.translate(final)

    def missing_rows(self, start: int = 0, stop: int | None = None) -> list[int]:
        """Return the rows of start..stop-1 (all, unless told) that have no outcome, in order."""
        return [index for index, state in enumerate(self._state[start:stop], start) if not state]

    def succeeded_rows(self) -> RowSet:
        """Return the rows that succeeded."""
        return RowSet(self._state.translate(bytes(bool(state & self._SUCCEEDED) for state in range(256))))

    @property
    def missing(self) -> int:
        """Return how many rows have no outcome."""
        return self.rows - self.succeeded - self.failed

    @property
    def duplicates(self) -> int:
        """Return how many lines decided no row."""
        return self.lines - self.succeeded - self.failed
