"""100,000 rows that do nothing: a durable queue and a durable ledger, beside pools and queues of other libraries."""

from __future__ import annotations

from pathlib import Path

from beside import peer_seconds
from measuring import medians
from staged import StagedRun, committed_at, write_experiment, write_rows
from tables import Line, Section

ROWS, WORKERS, ROUNDS = 100_000, 2, 5
CODE = "def run(row):\n    return {'length': len(row['text'])}\n"
#: Peer: what it is called here, its rows (fewer where it is slow), and at least how many times its speed is ours.
PEERS = {
    "pool": ("multiprocessing.Pool, chunks of 100", ROWS, 0.4),
    "pool-csv": ("the same, rows read from the CSV file meanwhile", ROWS, None),
    "joblib": ("joblib (loky), batches of 100", ROWS, 0.8),
    "pebble": ("pebble, chunks of 100 with a timeout", ROWS, None),
    "huey": ("huey on SQLite, no fsync", 10_000, 5.0),
    "dask": ("Dask distributed, client.map in chunks of 100", ROWS, 6.0),
    "ray": ("Ray, one row a task", 5_000, 75.0),
}  # fmt: skip
NOTE = f"""\
{ROWS:,} rows of two columns, {WORKERS} workers. Ours: the step `seed`, from the first row read to seed.json, plus
`consume`, from the first row's start to the last ledger part; each message and each part is on disk (fsync)
before it counts. Starts of processes are left out on both sides: pools and clusters are up and warm when their clock
starts, and their rows lie in memory; ours are read from the file. huey gets 10,000 rows and Ray 5,000, and rates are
compared: more rows make neither quicker. Of all these, huey and ours alone survive a crash of the program, and huey
deletes a row as it hands it out. "With starts": from the start of the seed process to the last ledger part, one
process after the other."""


def measure(folder: Path) -> Section:
    write_rows(folder / "rows.csv", ("id", "text"), ((number, f"row {number}") for number in range(ROWS)))
    file = write_experiment(folder, CODE, entry="activity:run")
    rates = medians(ROUNDS, lambda: _round(file))
    ours = rates["ours"]
    lines = [
        Line("seed alone", f"{rates['seed']:,.0f} rows/s"),
        Line("consume alone", f"{rates['consume']:,.0f} rows/s"),
        Line("seed and consume, with starts", f"{rates['with starts']:,.0f} rows/s"),
    ]
    for name, (title, _, target) in PEERS.items():
        ratio = ours / rates[name]
        reached = None if target is None else ratio >= target
        aim = "" if target is None else f"{target:g}x"
        lines.append(Line(title, f"{ours:,.0f} rows/s", f"{rates[name]:,.0f} rows/s", f"{ratio:.2f}x", aim, reached))
    return Section("100,000 rows that do nothing", NOTE, lines)


def _round(file: Path) -> dict[str, float]:
    rates = _ours(file)
    for name, (_, rows, _) in PEERS.items():
        rates[name] = rows / peer_seconds(name, file.parent, rows)
    return rates


def _ours(file: Path) -> dict[str, float]:
    run = StagedRun(file, workers=WORKERS)
    (seed,) = run.execute("seed")
    run.execute(*run.consumers)
    outcomes = run.outcomes()
    assert outcomes.count == ROWS, outcomes
    seconds = committed_at(run.run) - outcomes.first_at
    return {
        "ours": ROWS / (run.seed_seconds() + seconds),
        "seed": ROWS / run.seed_seconds(),
        "consume": ROWS / seconds,
        "with starts": ROWS / (committed_at(run.run) - seed.started_at),
    }
