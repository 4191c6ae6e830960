"""The last rows of a run: 200 rows of very different lengths on 8 workers of 4 consumers, beside a perfect pull."""

from __future__ import annotations

import heapq
import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import medians
from staged import StagedRun, write_experiment, write_rows
from tables import Line, Section

ROWS, CONSUMERS, WORKERS, SIGMA, SEEDS = 200, 4, 8, 1.5, 20
#: So that one seed takes 3 to 5 seconds.
MEAN_SECONDS = 0.12
#: None is what a plan takes by itself: here one row. 25 is what a plan takes for 200 rows of many more.
MESSAGES = {"planned": None, "packed": 25, "kept": 25}
CODE = f"""\
import os, time
from pathlib import Path

class Sleeper:
    def set_up(self, context):
        ready = Path("READY")
        (ready / str(os.getpid())).touch()
        deadline = time.monotonic() + 60
        while len(list(ready.iterdir())) < {WORKERS} and time.monotonic() < deadline:
            time.sleep(0.005)

    def run(self, row):
        time.sleep(float(row["seconds"]))
        return {{"id": row["id"]}}
"""
#: No message is ever long enough for it to be handed back.
WITHOUT_HAND_BACK = """\
import sys
from hyperscale.node import __main__
from hyperscale.node.consuming import handing
handing.HAND_BACK_SECONDS = float("inf")
sys.exit(__main__.main())
"""
NOTE = f"""\
{ROWS} rows that sleep, log-normal (sigma {SIGMA}), {MEAN_SECONDS:g} s in the mean; {CONSUMERS} consumers share
{WORKERS} workers. Makespan: from the first row's start to the last row's end; all workers are up before the first row
starts. Beside it the same durations on {WORKERS} workers that each take the next row in order the moment they are free
(simulated, exact). Medians of {SEEDS} seeds."""


def greedy_seconds(durations: Sequence[float], workers: int) -> float:
    """Return the makespan of workers that take the next row in order whenever they are free."""
    free_at = [0.0] * workers
    for seconds in durations:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def measure(folder: Path) -> Section:
    seeds = iter(range(SEEDS))
    seen = medians(SEEDS, lambda: _round(folder, next(seeds)))
    titles = {
        "planned": "one row a message, as planned",
        "packed": "25 rows a message",
        "kept": "the same, without hand-back",
    }
    lines = [
        Line(
            f"makespan, {title}", f"{seen[f'{name} s']:.2f} s", f"{seen['greedy s']:.2f} s",
            f"{seen[name]:.3f}x",
            *(("", None) if name == "kept" else ("1.05x", seen[name] <= 1.05)),
        )
        for name, title in titles.items()
    ]  # fmt: skip
    return Section("Tail", NOTE, lines)


def _round(folder: Path, seed: int) -> dict[str, float]:
    chance = random.Random(seed)
    mu = math.log(MEAN_SECONDS) - SIGMA**2 / 2
    durations = [round(chance.lognormvariate(mu, SIGMA), 4) for _ in range(ROWS)]
    write_rows(folder / "rows.csv", ("id", "seconds"), enumerate(durations))
    greedy = greedy_seconds(durations, WORKERS)
    figures = {"greedy s": greedy}
    for name, rows_per_message in MESSAGES.items():
        figures[f"{name} s"] = _makespan_seconds(
            folder, rows_per_message, WITHOUT_HAND_BACK if name == "kept" else None
        )
        figures[name] = figures[f"{name} s"] / greedy
    return figures


def _makespan_seconds(folder: Path, rows_per_message: int | None, code: str | None) -> float:
    parallelism = f"workers: {WORKERS}, rows_per_message: {rows_per_message or 'auto'}"
    ready = Path(tempfile.mkdtemp(dir=folder))
    file = write_experiment(
        folder, CODE.replace("READY", str(ready)), entry="activity:Sleeper", parallelism=parallelism
    )
    run = StagedRun(file, workers=WORKERS, nodes=CONSUMERS)
    run.execute("seed")
    run.execute(*run.consumers, code=code)
    outcomes = run.outcomes()
    assert outcomes.count == ROWS, outcomes
    return outcomes.last_done_at - outcomes.first_at
