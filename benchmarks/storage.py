"""Queue and store in Azure Storage: requests a row, rows a second beside one row a message, and busy workers.

The service is Azurite, on disk. Its time for a request grows with the messages that it holds: all have 1,000 at most.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beside import peer_seconds
from measuring import Figures, medians
from staged import StagedRun, write_experiment, write_rows
from tables import Line, Section

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("tests", "tests/fault")]

from azurite import Azurite  # noqa: E402
from proxy import Delay, Proxy  # noqa: E402

ROWS, WORKERS, ROUNDS, PEER_ROWS = 100_000, 2, 3, 500
#: Enough that the fixed second of a consumer's process does not decide its rate.
RATED_ROWS = 400_000
CODE = "def run(row):\n    return {'length': len(row['text'])}\n"
PEERS = {
    "sdk": ("one row a message by the SDK: length, receive, outcome, delete", 400),
    "celery": ("Celery (kombu azurestoragequeues)", 200),
    "dramatiq": ("dramatiq-azure", 200),
}
COUNTED_WORKERS, MANY_WORKERS = 8, 500
BUSY_WORKERS, BUSY_ROWS, BUSY_ROW_SECONDS, ANSWER_SECONDS = 8, 3_200, 0.05, 0.03
BUSY_CODE = f"import time\n\ndef run(row):\n    time.sleep({BUSY_ROW_SECONDS})\n"
#: What a message costs, whatever is in it: put, receive, delete; and an eighth of a part, written and read.
REQUESTS_A_MESSAGE = 3 + 2 / 8
NOTE = f"""\
Azurite on disk, http, on this machine. {ROWS:,} rows of about 80 bytes that do nothing. Requests are those of Azurite's
access log over seed, consumer ({COUNTED_WORKERS} workers) and teardown with results.parquet.
For {MANY_WORKERS} workers they are calculated, as nothing here could work so many: messages of the plan x
{REQUESTS_A_MESSAGE} (put, receive, delete, an eighth of a part written and read), and 4 a consumer.
Rates: ours with {WORKERS} workers and {RATED_ROWS:,} rows, from the first row's start to the end of the consumer's
process; peers with {PEER_ROWS} rows and 2 processes, from the first row done to the last.
Busy: one consumer, {BUSY_WORKERS} workers, {BUSY_ROWS:,} rows that sleep {BUSY_ROW_SECONDS * 1000:g} ms, and a proxy
that holds each request for {ANSWER_SECONDS * 1000:g} ms: seconds in rows over {BUSY_WORKERS} x the time from the first
row's start to the last row's end."""


def measure(folder: Path) -> Section:
    with Azurite(folder / "azurite", account="devstoreaccount1") as azurite:
        requests = {events: _requests(folder, azurite, events=events) for events in (False, True)}
        many = _many(folder)
        rates = medians(ROUNDS, lambda: _rates(folder, azurite))
        with Proxy(azurite, {Delay(ANSWER_SECONDS): 1.0}) as proxy:
            busy = medians(ROUNDS, lambda: {"busy": _busy(folder, proxy)})["busy"]
    off, on, consume, seed = requests[False], requests[True], rates["consume"], rates["seed"]
    lines = [
        Line("requests per 1,000 rows, event queues off", f"{off:.2f}", target="6", reached=off <= 6),
        Line("requests per 1,000 rows, event queues on", f"{on:.2f}", target="8", reached=on <= 8),
        Line(f"requests per 1,000 rows, {MANY_WORKERS} workers, calculated", f"{many:.1f}"),
        *(
            Line(
                f"consume, beside {title}",
                f"{consume:,.0f} rows/s", f"{rates[name]:,.0f} rows/s", f"{consume / rates[name]:,.0f}x",
                f"{target}x", consume / rates[name] >= target,
            )
            for name, (title, target) in PEERS.items()
        ),
        Line("seed", f"{seed:,.0f} rows/s", target="100,000 rows/s", reached=seed >= 100_000),
        Line("workers busy on rows of 50 ms", f"{busy:.1%}", target="97 %", reached=busy >= 0.97),
    ]  # fmt: skip
    return Section("Azure Storage", NOTE, lines)


@contextmanager
def _staged(
    folder: Path, place: Azurite | Proxy, code: str, *, rows: int, workers: int, output: str = ""
) -> Iterator[StagedRun]:
    """Give a run in the account at `place`; what it leaves on this machine goes when the block ends."""
    write_rows(
        folder / "rows.csv", ("id", "text"), ((f"{n:09d}", f"{n * 7919 % 10**9:09d}" + "x" * 58) for n in range(rows))
    )
    file = write_experiment(folder, code, entry="activity:run", output=output)
    os.environ["AZURE_STORAGE_CONNECTION_STRING"] = place.connection_string
    try:
        run = StagedRun(file, workers=workers, queue=place.queue_url, store=f"{place.blob_url}/runs")
        yield run
        shutil.rmtree(run.run.path)
    finally:
        del os.environ["AZURE_STORAGE_CONNECTION_STRING"]


def _requests(folder: Path, azurite: Azurite, *, events: bool) -> float:
    """Return the requests per 1,000 rows, and print what they were."""
    output = "" if events else "event_queues: false, "
    with _staged(folder, azurite, CODE, rows=ROWS, workers=COUNTED_WORKERS, output=output) as run:
        before = len(azurite.requests())
        run.execute("seed")
        run.execute(*run.consumers)
        run.execute("teardown")
        made = azurite.requests()[before:]
    kinds = Counter(f"{request.method} {_kind(request.path, run.run.run_id)}" for request in made)
    print(f"  {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}", file=sys.stderr)
    return len(made) / (ROWS / 1000)


def _kind(path: str, run_id: str) -> str:
    """Return what a request is about: the run's queue, its messages, or a folder of the store."""
    return path.partition("?")[0].split(run_id, 1)[-1].strip("/").partition("/")[0] or "queue"


def _many(folder: Path) -> float:
    """Return the requests per 1,000 rows of a fleet, from what its plan says."""
    file = folder / "experiment.yaml"
    plan = StagedRun(file, workers=MANY_WORKERS, nodes=MANY_WORKERS // COUNTED_WORKERS).plan
    return (plan.messages * REQUESTS_A_MESSAGE + 4 * MANY_WORKERS / COUNTED_WORKERS) / (ROWS / 1000)


def _rates(folder: Path, azurite: Azurite) -> Figures:
    with _staged(folder, azurite, CODE, rows=RATED_ROWS, workers=WORKERS) as run:
        run.execute("seed")
        (consumer,) = run.execute(*run.consumers)
        outcomes = run.outcomes()
        assert outcomes.count == RATED_ROWS, outcomes
        rates = {
            "seed": RATED_ROWS / run.seed_seconds(),
            "consume": RATED_ROWS / (consumer.ended_at - outcomes.first_at),
        }
    program = Path(__file__).with_name("storage_peers.py")
    os.environ["AZURE_STORAGE_CONNECTION_STRING"] = azurite.connection_string
    for name in PEERS:
        rates[name] = PEER_ROWS / peer_seconds(name, folder, PEER_ROWS, program)
    return rates


def _busy(folder: Path, proxy: Proxy) -> float:
    with _staged(folder, proxy, BUSY_CODE, rows=BUSY_ROWS, workers=BUSY_WORKERS) as run:
        run.execute("seed")
        run.execute(*run.consumers)
        outcomes = run.outcomes()
    assert outcomes.count == BUSY_ROWS, outcomes
    return outcomes.seconds / (BUSY_WORKERS * (outcomes.last_done_at - outcomes.first_at))
