"""What a user waits for: the whole command, and the first row of a small one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from measuring import Ended, Figures, medians
from staged import outcomes_of, run_whole, write_experiment, write_rows
from tables import Line, Section

from hyperscale.control.run_folder import RunFolder

ROWS, FEW_ROWS, ROUNDS = 100_000, 100, 5
CODE = "def run(row):\n    return {'length': len(row['text'])}\n"
NOTE = """\
`hyperscale run --json` as a user types it, 2 workers, output.format [parquet], rows that do nothing. "First row done"
is by its ledger line: started_at + seconds."""


def measure(folder: Path) -> Section:
    seen = medians(ROUNDS, lambda: {**_run(folder, ROWS, _whole), **_run(folder, FEW_ROWS, _first_row)})
    lines = [
        _line("from process start to results.parquet, 100,000 rows", seen["table"], 4.0),
        _line("from process start to its end, 100,000 rows", seen["end"], None),
        _line("from process start to the first row done, 100 rows", seen["first row"], 1.0),
        _line("from process start to its end, 100 rows", seen["small end"], None),
    ]
    return Section("The whole command", NOTE, lines)


def _line(what: str, seconds: float, target: float | None) -> Line:
    if target is None:
        return Line(what, f"{seconds:.2f} s")
    return Line(what, f"{seconds:.2f} s", target=f"under {target:g} s", reached=seconds < target)


def _run(folder: Path, rows: int, figures: Callable[[Ended, RunFolder], Figures]) -> Figures:
    write_rows(folder / "rows.csv", ("id", "text"), ((number, f"row {number}") for number in range(rows)))
    write_experiment(folder, CODE, entry="activity:run", parallelism="workers: 2, workers_per_node: 2")
    ended, run = run_whole(folder)
    found = figures(ended, run)
    shutil.rmtree(run.path)
    return found


def _whole(ended: Ended, run: RunFolder) -> Figures:
    table_at = Path(run.store_file("results.parquet")).stat().st_mtime
    return {"table": table_at - ended.started_at, "end": ended.seconds}


def _first_row(ended: Ended, run: RunFolder) -> Figures:
    return {"first row": outcomes_of(run).first_done_at - ended.started_at, "small end": ended.seconds}
