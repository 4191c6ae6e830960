"""The same rows by other libraries, each as a program of its own: `python peers.py PEER ROWS_CSV COUNT`.

The folder of `activity` must be on PYTHONPATH. It prints the seconds that the rows took, as JSON. Pools and clusters
are up and warm before the clock starts, and the rows lie in memory as dicts; `pool-csv` alone reads them from the file
meanwhile, as hyperscale does.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from activity import run

WORKERS, CHUNK_ROWS = 2, 100
PATIENCE_SECONDS = 60.0
Row = dict[str, str]


def run_chunk(rows: list[Row]) -> list[Any]:
    return [run(row) for row in rows]


def read(file: str) -> Iterator[Row]:
    with Path(file).open(newline="") as stream:
        yield from csv.DictReader(stream)


def chunks(rows: list[Row]) -> list[list[Row]]:
    return [rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS)]


def timed(work: Callable[[], int], count: int) -> float:
    began = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - began
    assert done == count, (done, count)
    return seconds


def pool(rows: list[Row]) -> float:
    with multiprocessing.Pool(WORKERS) as workers:
        workers.map(run, rows[:WORKERS], 1)
        return timed(lambda: sum(1 for _ in workers.imap(run, rows, CHUNK_ROWS)), len(rows))


def pool_csv(file: str, count: int) -> float:
    with multiprocessing.Pool(WORKERS) as workers:
        workers.map(run, list(islice(read(file), WORKERS)), 1)
        return timed(lambda: sum(1 for _ in workers.imap(run, islice(read(file), count), CHUNK_ROWS)), count)


def joblib(rows: list[Row]) -> float:
    from joblib import Parallel, delayed

    with Parallel(n_jobs=WORKERS, batch_size=CHUNK_ROWS) as parallel:
        parallel(delayed(run)(row) for row in rows[: WORKERS * CHUNK_ROWS])
        return timed(lambda: len(parallel(delayed(run)(row) for row in rows)), len(rows))


def pebble(rows: list[Row]) -> float:
    from pebble import ProcessPool

    with ProcessPool(max_workers=WORKERS) as workers:
        list(workers.map(run, rows[:WORKERS], chunksize=1, timeout=60).result())
        work = workers.map(run, rows, chunksize=CHUNK_ROWS, timeout=60)  # it sends from here on
        return timed(lambda: sum(1 for _ in work.result()), len(rows))


def huey(rows: list[Row]) -> float:
    from huey import SqliteHuey

    with tempfile.TemporaryDirectory() as folder:
        # Its quickest way: no fsync, no results kept, and all rows are put before the first is taken. While both go
        # on at once, its writers wait for each other, and a hundredth of this speed is left.
        queue = SqliteHuey(filename=f"{folder}/huey.sqlite", results=False, fsync=False)
        task = queue.task()(run)
        consumer = queue.create_consumer(workers=WORKERS, worker_type="process", initial_delay=0.005, max_delay=0.01)

        def work() -> int:
            for row in rows:
                task(row)
            consumer.start()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (left := queue.pending_count()) and time.monotonic() < deadline:
                time.sleep(0.005)
            return len(rows) - left

        try:
            return timed(work, len(rows))
        finally:
            for process in (consumer.scheduler, *(process for _, process in consumer.worker_threads)):
                process.kill()


def dask(rows: list[Row]) -> float:
    from distributed import Client

    with Client(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR") as client:
        client.gather(client.map(run_chunk, chunks(rows[:CHUNK_ROWS]), pure=False))
        work = lambda: sum(map(len, client.gather(client.map(run_chunk, chunks(rows), pure=False))))  # noqa: E731
        return timed(work, len(rows))


def ray(rows: list[Row]) -> float:
    import ray as library

    library.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    task = library.remote(run)
    library.get([task.remote(row) for row in rows[:WORKERS]])
    seconds = timed(lambda: len(library.get([task.remote(row) for row in rows])), len(rows))
    library.shutdown()
    return seconds


PEERS = {
    "pool": pool, "joblib": joblib, "pebble": pebble, "huey": huey, "dask": dask, "ray": ray,
}  # fmt: skip


def main() -> None:
    name, file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seconds = pool_csv(file, count) if name == "pool-csv" else PEERS[name](list(islice(read(file), count)))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
