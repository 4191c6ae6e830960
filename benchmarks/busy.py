"""2,000 rows of 5 ms of processor time each: how near two workers come to two cores."""

from __future__ import annotations

from pathlib import Path

from beside import peer_seconds
from measuring import medians
from staged import StagedRun, committed_at, write_experiment, write_rows
from tables import Line, Section

ROWS, ROW_SECONDS, WORKERS, ROUNDS = 2_000, 0.005, 2, 5
CODE = f"""\
import time

def run(row):
    until = time.process_time() + {ROW_SECONDS}
    while time.process_time() < until:
        pass
    return {{"id": row["id"]}}
"""
IDEAL_SECONDS = ROWS * ROW_SECONDS / WORKERS
NOTE = f"""\
Efficiency: {IDEAL_SECONDS:g} s, which {ROWS:,} rows of {ROW_SECONDS * 1000:g} ms take on {WORKERS} idle cores, over
the time from the first row's start to the last ledger part (ours), or from the first chunk's sending to the last result
(the warm pool). A row burns processor time (time.process_time): whatever else the machine does counts against both."""


def measure(folder: Path) -> Section:
    write_rows(folder / "rows.csv", ("id", "text"), ((number, "x") for number in range(ROWS)))
    file = write_experiment(folder, CODE, entry="activity:run")
    seen = medians(ROUNDS, lambda: {"ours": _ours(file), "pool": IDEAL_SECONDS / peer_seconds("pool", folder, ROWS)})
    ours, pool = seen["ours"], seen["pool"]
    line = Line(
        "efficiency, beside multiprocessing.Pool in chunks of 100",
        f"{ours:.3f}", f"{pool:.3f}", f"{ours / pool:.2f}x", "0.96", ours >= 0.96,
    )  # fmt: skip
    return Section("2,000 rows of 5 ms of processor time", NOTE, [line])


def _ours(file: Path) -> float:
    run = StagedRun(file, workers=WORKERS)
    run.execute("seed")
    run.execute(*run.consumers)
    outcomes = run.outcomes()
    assert outcomes.count == ROWS, outcomes
    return IDEAL_SECONDS / (committed_at(run.run) - outcomes.first_at)
