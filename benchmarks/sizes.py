"""What grows with the number of rows, and what must not: speed and memory of seed, consumer and teardown."""

from __future__ import annotations

import shutil
from pathlib import Path

from measuring import Figures, medians
from staged import StagedRun, write_experiment, write_rows
from tables import Line, Section

FEW, SOME, MANY, WORKERS = 10_000, 100_000, 1_000_000, 2
SEED_ROUNDS, WHOLE_ROUNDS = 5, 3
COLUMNS = ("id", "learning_rate", "depth", "dataset", "comment")
CODE = "def run(row):\n    return {'depth': len(row['depth'])}\n"
MIB = 2**20
SEED_NOTE = """\
A CSV file of five columns, 78 bytes a row. Rows a second: from the first row read to seed.json, each message on disk
(fsync) before the next; the start of the process and the SHA-256 of the file are left out, "with starts" has them in.
Memory is the peak resident size (VmHWM) of the seed process."""
WHOLE_NOTE = f"""\
The same rows, an activity that does nothing, output.format [parquet, csv], {WORKERS} workers, {WHOLE_ROUNDS} rounds.
Memory is the peak resident size (VmHWM) of the consumer without its workers, and of teardown, which counts the ledger
and writes the tables. Rates are of whole processes, their starts included."""


def measure_seed(folder: Path) -> Section:
    seen = medians(SEED_ROUNDS, lambda: {**_seed(folder, FEW), **_seed(folder, MANY)})
    rate, few, many = seen[f"rate {MANY}"], seen[f"peak {FEW}"], seen[f"peak {MANY}"]
    lines = [
        Line("1,000,000 rows into the queue", f"{rate:,.0f} rows/s", target="500,000 rows/s", reached=rate >= 500_000),
        Line("with starts", f"{seen[f'with starts {MANY}']:,.0f} rows/s"),
        Line(
            "peak memory, 1,000,000 rows beside 10,000",
            _mib(many), _mib(few), f"{(many - few) / MIB:+.1f} MiB", "+5 MB", many - few <= 5e6,
        ),
    ]  # fmt: skip
    return Section("Seed", SEED_NOTE, lines)


def measure_whole(folder: Path) -> Section:
    seen = medians(WHOLE_ROUNDS, lambda: {**_whole(folder, SOME), **_whole(folder, MANY)})
    lines = []
    for step in ("consumer", "teardown"):
        some, many = seen[f"{step} {SOME}"], seen[f"{step} {MANY}"]
        lines.append(
            Line(
                f"peak memory of {step}, 1,000,000 rows beside 100,000",
                _mib(many), _mib(some), f"{many / some:.2f}x", "1.3x", many / some <= 1.3,
            )
        )  # fmt: skip
    lines += [
        Line(f"rows a second of {step}, the same", f"{MANY / seen[f'{step} s {MANY}']:,.0f} rows/s",
             f"{SOME / seen[f'{step} s {SOME}']:,.0f} rows/s")
        for step in ("consumer", "teardown")
    ]  # fmt: skip
    return Section("Memory of a run", WHOLE_NOTE, lines)


def _seed(folder: Path, rows: int) -> Figures:
    run = _staged(folder, rows)
    (seed,) = run.execute("seed")
    seconds = run.seed_seconds()
    shutil.rmtree(run.run.path)
    return {
        f"rate {rows}": rows / seconds,
        f"with starts {rows}": rows / seed.seconds,
        f"peak {rows}": seed.peak_bytes,
    }


def _whole(folder: Path, rows: int) -> Figures:
    run = _staged(folder, rows)
    run.execute("seed")
    (consumer,) = run.execute(*run.consumers)
    (teardown,) = run.execute("teardown")
    shutil.rmtree(run.run.path)
    return {
        f"consumer {rows}": consumer.peak_bytes,
        f"teardown {rows}": teardown.peak_bytes,
        f"consumer s {rows}": consumer.seconds,
        f"teardown s {rows}": teardown.seconds,
    }


def _staged(folder: Path, rows: int) -> StagedRun:
    comment = "x" * 43
    cells = ((f"{n:09d}", f"0.{n % 1000:03d}", n % 10, f"dataset-{n % 50:02d}", comment) for n in range(rows))
    write_rows(folder / "rows.csv", COLUMNS, cells)
    file = write_experiment(folder, CODE, entry="activity:run", formats="parquet, csv")
    return StagedRun(file, workers=WORKERS)


def _mib(size_bytes: float) -> str:
    return f"{size_bytes / MIB:.1f} MiB"
