"""Measures what a row costs when its activity does nothing: `hyperscale run` beside its peers, in turn.

`make bench` prints the table; `python benchmarks/rows.py --write` keeps it in docs/benchmarks.md too. A no-op is the
worst case: everything that is measured is overhead.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
ROWS, ROUNDS = 20_000, 3
WORKERS = os.cpu_count() or 1

EXPERIMENT = f"""\
name: no-op
input: {{csv: rows.csv, key: id}}
activity: {{code: src, entry: noop:run}}
parallelism: {{workers: {WORKERS}, workers_per_node: {WORKERS}}}
output: {{format: [csv], include_input: false}}
"""
ACTIVITY = "def run(row):\n    return {'length': len(row['text'])}\n"
POOL = """\
import csv, multiprocessing, sys, time
sys.path.insert(0, "src")
import noop

def main():
    began = time.perf_counter()
    with open("rows.csv", newline="") as file, multiprocessing.Pool(int(sys.argv[1])) as pool:
        results = list(pool.imap(noop.run, csv.DictReader(file), chunksize=100))
    assert len(results) == int(sys.argv[2]), len(results)
    print(time.perf_counter() - began)

if __name__ == "__main__":
    main()
"""

#: What one peer took for all rows, in seconds, by the line of the table that it belongs to.
Figures = dict[str, float]


def pool(folder: Path) -> Figures:
    """multiprocessing.Pool with chunks of 100: no queue, no store, nothing kept; a lost worker loses its rows."""
    (folder / "pool.py").write_text(POOL)
    command = [sys.executable, "pool.py", str(WORKERS), str(ROWS)]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {"multiprocessing.Pool, chunks of 100": float(answer.stdout)}


def hyperscale(folder: Path) -> Figures:
    """A whole `hyperscale run`, from the command line to the proved table of results."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "hyperscale", "run", "--json"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    results = json.loads(answer.stdout)
    assert results["rows"]["succeeded"] == ROWS, results["rows"]
    return {"hyperscale run, seed to results": results["seconds"], "hyperscale run, the whole command": seconds}


#: In the order of the table; the first one is what the others are compared with.
PEERS: tuple[Callable[[Path], Figures], ...] = (pool, hyperscale)


def measure() -> Figures:
    """Return the median of ROUNDS rounds; in each round every peer has its turn, so all share the machine's mood."""
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_experiment(folder)
        for number in range(ROUNDS):
            figures: Figures = {}
            for peer in PEERS:
                figures |= peer(folder)
            rounds.append(figures)
            print(f"round {number + 1} of {ROUNDS}: {figures}", file=sys.stderr)
    return {line: statistics.median(figures[line] for figures in rounds) for line in rounds[0]}


def write_experiment(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "noop.py").write_text(ACTIVITY)
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *((number, f"row {number}") for number in range(ROWS))])


def table(figures: Figures) -> str:
    first = next(iter(figures.values()))
    lines = ["| 20,000 rows that do nothing | seconds | rows/s | times the first |", "|---|--:|--:|--:|"]
    for line, seconds in figures.items():
        lines.append(f"| {line} | {seconds:.2f} | {ROWS / seconds:,.0f} | {seconds / first:.1f} |")
    return "\n".join(lines)


def page(figures: Figures) -> str:
    return f"""# Benchmarks

What a row costs when its activity does nothing, so that all that is measured is overhead. Medians of {ROUNDS} rounds,
in each of which every peer has its turn; {WORKERS} workers on as many cores, Python {platform.python_version()}.
Made by `make bench` (`benchmarks/rows.py --write`).

{table(figures)}

`multiprocessing.Pool` keeps nothing: no ledger, no table, no retries, and a worker that dies takes the run with it.
`hyperscale run` reads and checks the input, seeds a durable queue, commits each outcome to a write-once ledger, proves
the count and writes the table. Next to a row that takes a tenth of a second, both are small.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} too")
    arguments = parser.parse_args()
    figures = measure()
    print(table(figures))
    if arguments.write:
        PAGE.write_text(page(figures), "utf-8")


if __name__ == "__main__":
    main()
