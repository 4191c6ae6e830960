"""A run on this machine without its command line: what tests of consumers stand on."""

import collections
import json
import threading
import time

from hyperscale.body import Body
from hyperscale.failures import RetryPolicy
from hyperscale.node.collecting.ledger_reader import part_lines
from hyperscale.node.consuming.checkpoints import Checkpoints
from hyperscale.node.consuming.consumer import Consumer, Tools
from hyperscale.node.consuming.custody import Custody
from hyperscale.node.consuming.heartbeat import Heartbeat
from hyperscale.node.consuming.row_logs import RowLogs
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.control import SeedRecord, write_seed
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.queues.sqlite import SqliteQueue
from hyperscale.node.storing.stores.folder import FolderStore

NAME = "c-0123456789abcdef"


class Site:
    """A run on this machine: queue, store and code, ready for a consumer."""

    def __init__(self, folder):
        self.folder = folder
        self.queue = SqliteQueue(folder / "run" / "queue.sqlite")
        self.store = FolderStore(folder / "run")
        self.activity = folder / "code" / "activity"
        self.activity.mkdir(parents=True)
        self.stop = threading.Event()
        self.queue.create()

    def seed(self, rows, *, rows_per_message=10, seed_id="s0", run_id="run", record=True, columns=("id",)):
        for batch, start in enumerate(range(0, rows, rows_per_message)):
            indices = range(start, min(rows, start + rows_per_message))
            body = Body(run_id, seed_id, batch, columns, {index: [f"k{index}"] * len(columns) for index in indices})
            self.queue.put(body.encode())
        if record:
            write_seed(
                self.store, SeedRecord(seed_id, rows, 1, columns, dict.fromkeys(columns, "string"), "id", "hash", 0.0)
            )

    def consumer(self, source, **options):
        name = options.get("name", NAME)
        (self.activity / "activity_of_test.py").write_text(source)
        background, counts, lease_seconds = Background(2), RequestCounts(), options.get("lease_seconds", 60.0)
        custody = Custody(
            self.queue, self.store, background,
            Checkpoints(self.store, background, self.folder / "scratch" / name, name, lease_seconds=lease_seconds),
            run_id="run", consumer=name, lease_seconds=lease_seconds, clock=time.monotonic,
        )  # fmt: skip
        heartbeat = Heartbeat(
            self.store, background, counts,
            process=name, life=options.get("life", 0), interval_seconds=0.05, clock=time.monotonic, started_at=0.0,
        )  # fmt: skip
        return Consumer(
            Tools(
                custody, background, heartbeat, RowLogs(self.store, background, name),
                patience_seconds=options.get("patience_seconds", 60.0),
            ), self.settings(**options),
            workers=options.get("workers", 2),
            policy=RetryPolicy(options.get("max_attempts", 2), 0.01, options.get("no_retry_on", ())),
            stop_requested=self.stop.is_set,
        )  # fmt: skip

    def settings(self, **options):
        name = options.get("name", NAME)
        return WorkerSettings(
            run_id="run", consumer=name, command=None,
            entry=None if "parallel_script" in options else "activity_of_test:fit",
            parallel_script=options.get("parallel_script"),
            code_folder=self.folder / "code",
            scratch=self.folder / "scratch" / name, key="id", input_folder=options.get("input_folder"),
            arguments={"base": 100}, mounts={"model": str(self.folder)},
            environment_variables=options.get("environment_variables", {"COLOUR": "blue"}),
            rows_per_call=options.get("rows_per_call", 1),
            set_up_timeout_seconds=options.get("set_up_timeout_seconds", 30.0),
            timeout_seconds=options.get("timeout_seconds", 30.0), log_level="info",
            concurrency=options.get("concurrency", 1), logs=options.get("logs", "failed"), adopts_orphans=False,
            gpus=options.get("gpus", ()),
        )  # fmt: skip

    def run(self, source, **options):
        return self.consumer(source, **options).run()

    def outcomes(self):
        """Return row_index to the lines of the ledger, as documents."""
        found = collections.defaultdict(list)
        for name in self.store.names("ledger/"):
            for row_index, _, line in part_lines(self.store, name):
                found[row_index].append(json.loads(line))
        return found

    def logs(self):
        """Return the records of what rows printed."""
        return [record for record in self._records() if "output" in record]

    def failed_attempts(self):
        """Return the records of attempts that failed."""
        return [record for record in self._records() if "failure" in record]

    def _records(self):
        return [json.loads(line) for name in self.store.names("logs/") for line in self.store.read(name).splitlines()]

    def outcome(self, row_index):
        (line,) = self.outcomes()[row_index]
        return line

    def heartbeat(self):
        return next(fields for name, _, fields in self.store.beats("consumers/") if name.endswith(NAME))


def in_thread(consumer):
    thread = threading.Thread(target=consumer.run)
    thread.start()
    return thread


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        time.sleep(0.01)


def succeeded(outcomes):
    """Return the rows whose one outcome is a success."""
    return sorted(index for index, lines in outcomes.items() if [line["outcome"] for line in lines] == ["succeeded"])


def failed(outcomes):
    """Return the rows whose one outcome is a failure."""
    return sorted(index for index, lines in outcomes.items() if [line["outcome"] for line in lines] == ["failed"])
