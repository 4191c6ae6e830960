"""One row a message on Azure Storage: by the SDK alone, by Celery, by dramatiq.

`python storage_peers.py PEER ROWS_CSV COUNT` puts COUNT rows, works them off with two processes, and prints the seconds
from the first row done to the last one, as JSON. AZURE_STORAGE_CONNECTION_STRING says where.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.pool
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from activity import run
from peers import read

PROCESSES, THREADS = 2, 8
PATIENCE_SECONDS = 100.0
#: A byte is appended for each row that is done: size is count, whoever writes.
DONE = os.environ.setdefault("DONE_FILE", str(Path(tempfile.mkdtemp()) / "done"))
CONNECTION = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
PARTS = dict(part.split("=", 1) for part in CONNECTION.split(";"))


def note_done() -> None:
    with Path(DONE).open("ab", buffering=0) as file:
        file.write(b".")


def seconds_of(count: int) -> float:
    """Return the seconds from the first row done to the last one."""
    began, deadline = None, time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        done = Path(DONE).stat().st_size if Path(DONE).exists() else 0
        if done and began is None:
            began = time.perf_counter()
        if done >= count and began is not None:
            return time.perf_counter() - began
        time.sleep(0.002)
    raise TimeoutError(f"{count} rows were not done in time")


# ---- the SDK alone: the queue's length, a message, its outcome, its end


def queue_client(name: str) -> Any:
    from azure.storage.queue import QueueClient

    return QueueClient.from_connection_string(CONNECTION, name)


def work_by_sdk(name: str) -> None:
    rows, outcomes = queue_client(name), queue_client(f"{name}-done")
    while rows.get_queue_properties().approximate_message_count:
        message = rows.receive_message()
        if message is None:
            continue
        result = run(json.loads(message.content))
        outcomes.send_message(json.dumps(result))
        rows.delete_message(message)
        note_done()


def sdk(rows: list[dict[str, str]]) -> float:
    name = f"bench-{uuid.uuid4().hex[:8]}"
    for queue in (queue_client(name), queue_client(f"{name}-done")):
        queue.create_queue()
    with multiprocessing.pool.ThreadPool(16) as threads:
        threads.map(lambda row: queue_client(name).send_message(json.dumps(row)), rows)
    workers = [multiprocessing.Process(target=work_by_sdk, args=(name,)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    try:
        return seconds_of(len(rows))
    finally:
        for worker in workers:
            worker.join()
        for queue in (queue_client(name), queue_client(f"{name}-done")):
            queue.delete_queue()  # Azurite's time grows with whatever the account holds


# ---- Celery and dramatiq: their own worker programs, which import this module


def celery_app() -> Any:
    from celery import Celery

    key, url = PARTS["AccountKey"], PARTS["QueueEndpoint"]
    app = Celery("storage_peers", broker=f"azurestoragequeues://{key}@{url}")
    app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=4)
    app.conf.task_default_queue = os.environ.setdefault("BENCH_QUEUE", f"bench-{uuid.uuid4().hex[:8]}")
    return app


def celery(rows: list[dict[str, str]]) -> float:
    task = celery_program.tasks["storage_peers.celery_row"]
    for row in rows:
        task.delay(row)
    arguments = [
        "-A",
        "storage_peers:celery_program",
        "worker",
        "-c",
        str(PROCESSES),
        "--without-gossip",
        "-l",
        "ERROR",
    ]
    return worked_off_by([sys.executable, "-m", "celery", *arguments], len(rows))


def dramatiq(rows: list[dict[str, str]]) -> float:
    for row in rows:
        dramatiq_row.send(row)
    arguments = ["storage_peers", "-p", str(PROCESSES), "-t", str(THREADS)]
    return worked_off_by([sys.executable, "-m", "dramatiq", *arguments], len(rows))


def worked_off_by(command: list[str], count: int) -> float:
    folder = str(Path(__file__).parent)
    path = os.pathsep.join([folder, os.environ["PYTHONPATH"]])
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path, "BENCH_PEER": sys.argv[1]}) as process:
        try:
            return seconds_of(count)
        finally:
            process.terminate()


peer = os.environ.get("BENCH_PEER") or sys.argv[1]
if peer == "celery":
    celery_program = celery_app()

    @celery_program.task(name="storage_peers.celery_row")
    def celery_row(row: dict[str, str]) -> None:
        run(row)
        note_done()


if peer == "dramatiq":
    os.environ["AZURE_STORAGE_CONNECTION_STR"] = CONNECTION
    import dramatiq as library
    from dramatiq_azure import ASQBroker

    library.set_broker(ASQBroker())

    @library.actor(queue_name=os.environ.setdefault("BENCH_QUEUE", f"bench-{uuid.uuid4().hex[:8]}"))
    def dramatiq_row(row: dict[str, str]) -> None:
        run(row)
        note_done()


PEERS: dict[str, Callable[[list[dict[str, str]]], float]] = {"sdk": sdk, "celery": celery, "dramatiq": dramatiq}


def main() -> None:
    name, file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rows = [row for row, _ in zip(read(file), range(count), strict=False)]
    print(json.dumps({"seconds": PEERS[name](rows)}))


if __name__ == "__main__":
    main()
