"""The names of what a run leaves in its store: one place that knows them all."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

MANIFEST = "run.json"
SEED = "seed.json"
SELECTED_ROWS = "selected_rows.bin"
BATCHES = "batches/"
LEDGER = "ledger/"
SEALS = "seals/"
CONTROL = "control/"
#: The run needs the clusters no more that it shares with other runs of the same rendered files.
RELEASED = f"{CONTROL}released.json"
CONSUMERS = "consumers/"
JOBS = "jobs/"
#: Whose the run is, when it is a component of a pipeline.
COMPONENT = f"{CONTROL}component.json"
CHECKPOINTS = "checkpoints/"
COPIES = "copies/"
OUTPUTS = "outputs/"
FOREIGN = "foreign/"
LOGS = "logs/"
RESULTS_PARQUET = "results.parquet"
RESULTS_CSV = "results.csv"
FAILURES_CSV = "failures.csv"
JOBLOG = "joblog.tsv"
RUN_RESULTS = "run_results.json"
REPORT = "report.html"
#: What a run publishes, in the order of its making.
PUBLISHED = (RESULTS_PARQUET, RESULTS_CSV, FAILURES_CSV, JOBLOG, RUN_RESULTS)
#: A folder's name has at most 255 bytes in most file systems, and a blob's whole name 1,024.
_MAX_ROW_NAME = 200
_DIGEST = 16


def stored_row(seed_id: str, row_index: int) -> str:
    """Return the name of the values of a row that is too large for a message."""
    return f"{BATCHES}{seed_id}-{row_index}.json"


def part(consumer: str, number: int) -> str:
    """Return the name of a consumer's `number`-th ledger part."""
    return f"{LEDGER}{consumer}-{number:06d}.jsonl"


def row_logs(consumer: str, number: int) -> str:
    """Return the name of a consumer's `number`-th part of what its rows printed."""
    return f"{LOGS}{consumer}-{number:06d}.jsonl"


def checkpoint(consumer: str, number: int) -> str:
    """Return the name of the `number`-th state of a row that a consumer keeps."""
    return f"{CHECKPOINTS}{consumer}-{number:06d}.json"


def seal(number: int) -> str:
    """Return the name of the `number`-th seal, from 1."""
    return f"{SEALS}{number:06d}.json"


def copy(seal: int) -> str:
    """Return the record of the copy of results that the step teardown made of the `seal`-th seal; 0 is without one."""
    return f"{COPIES}{seal:06d}.json"


def cancel(resume: int) -> str:
    """Return the marker that ends the `resume`-th life of the run; 0 is the first."""
    return f"{CONTROL}cancel-{resume:06d}.json"


def resume(number: int) -> str:
    """Return the marker that starts the `number`-th resume, from 1."""
    return f"{CONTROL}resume-{number:06d}.json"


def heartbeat(process: str) -> str:
    """Return the name of the heartbeat of a seed, consumer or teardown."""
    return f"{CONSUMERS}{process}"


def outputs(row: str) -> str:
    """Return the folder of the files that a row's activity kept; `row` is its key or row_index.

    Keys are the user's data: what could leave the folder, or is no name on some systems, is percent-encoded; what is
    too long for a name is cut, and a hash of the whole key stands at its end.
    """
    name = quote(row, safe=" ()+,;=@", errors="surrogatepass") or "%"
    if len(name) > _MAX_ROW_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
        name = f"{name[: _MAX_ROW_NAME - _DIGEST - 1]}-{digest}"
    return f"{OUTPUTS}{name.replace('.', '%2E') if not name.strip('. ') else name}/"
