"""A run on Azurite as nodes run it: processes of seed, consumers and teardown that a test kills or freezes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from experiments import make_experiment
from forking import forking_python

from hyperscale import blobs
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import Seal
from hyperscale.node.collecting.ledger_reader import part_lines, read_seals
from hyperscale.node.storing.credentials import CONNECTION_STRING
from hyperscale.node.storing.queues import Queue, QueueGoneError, open_queue
from hyperscale.node.storing.stores import Store, open_store

#: The longest that anything here may take on a busy machine.
PATIENCE_SECONDS = 240.0
#: Notes each worker when it can be killed without being taken for one that cannot start.
CODE = """
import os, pathlib, signal, time

POISON = 57
CONSUMER = os.getppid()  # later it may be dead, and then its number would be that of process 1
pathlib.Path(os.environ["FLEET_FOLDER"], "workers", str(os.getpid())).touch()

def fit(row, context):
    arguments, number = context.arguments, row["number"]
    if arguments["poison_every"] and number % arguments["poison_every"] == POISON:
        os.killpg(CONSUMER, signal.SIGKILL)
    if arguments["row_seconds"]:
        time.sleep(arguments["row_seconds"])
    return {"square": number * number, "run": context.run_id}
"""


class Storage(Protocol):
    """Azurite, or a proxy in front of it."""

    @property
    def blob_url(self) -> str: ...

    @property
    def queue_url(self) -> str: ...

    @property
    def connection_string(self) -> str: ...


class Fleet:
    """The processes of one run; `close` ends all of them.

    Attributes:
        queue, store: of the run, for the test's own eyes.
        restarts: how many consumers were started again.
    """

    def __init__(
        self,
        folder: Path,
        storage: Storage,
        *,
        rows: int,
        rows_per_message: int,
        lease_seconds: int,
        consumers: int = 2,
        workers: int = 2,
        row_seconds: float = 0.0,
        poison_every: int = 0,
        seen: Storage | None = None,
        python: str | Path | None = None,
    ) -> None:
        """Write what the steps run on; none is started.

        Args:
            folder: of the run's files, empty.
            storage: that the steps ask.
            rows: of the input.
            rows_per_message: at most.
            lease_seconds: of a message.
            consumers: how many are planned.
            workers: of each.
            row_seconds: that a row takes.
            poison_every: one row in so many, from row 57 on, kills its consumer's process group; 0: none does.
            seen: what the test itself asks, if that is not `storage`.
            python: what runs the steps, if that is not a fork: who freezes a step needs its own process.
        """
        self.folder, self.rows, self.run_id = folder, rows, f"fleet-{uuid4().hex[:12]}"
        self.restarts = 0
        self._consumers, self._workers = consumers, workers
        self._python = python or forking_python()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for place in ("workers", "scratch", "code/activity", "steps"):
            (folder / place).mkdir(parents=True)
        (folder / "code" / "activity" / "activity_of_fleet.py").write_text(CODE)
        self._input = folder / "input.csv"
        self._input.write_text("number\n" + "".join(f"{number}\n" for number in range(rows)))
        self._words = {
            "--run-id": self.run_id,
            "--queue": storage.queue_url,
            "--store": f"{storage.blob_url}/fleets",
            "--experiment": json.dumps(self._experiment(row_seconds, poison_every).to_document()),
            "--lease-seconds": str(lease_seconds),
        }
        self._rows_per_message = rows_per_message
        self._environment = {
            **os.environ,
            CONNECTION_STRING: storage.connection_string,
            "FLEET_FOLDER": str(folder),
            "HYPERSCALE_SCRATCH": str(folder / "scratch"),
            # The steps end when this process does, and look more often than where each look is paid for.
            "HYPERSCALE_LIFELINE": "stdin",
        }
        own = seen or storage
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(CONNECTION_STRING, own.connection_string)
            self.queue: Queue = open_queue(own.queue_url, self.run_id)
            self.store: Store = open_store(f"{own.blob_url}/fleets", self.run_id)

    @staticmethod
    def _experiment(row_seconds: float, poison_every: int) -> NodeExperiment:
        return NodeExperiment.of(
            make_experiment(
                name="fleet",
                input={"csv": "input.csv", "columns": {"number": "integer"}},
                activity={
                    "entry": "activity_of_fleet:fit",
                    "arguments": {"row_seconds": row_seconds, "poison_every": poison_every},
                    # A row whose worker is killed is charged each time; none may run out of attempts here.
                    "max_attempts": 20,
                    "retry_delay_seconds": 0.01,
                },
                output={"format": ["parquet"]},
            )
        )

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self._processes):
            self.kill(name)
        self.queue.close()
        self.store.close()

    # ---- its processes

    def seed(self) -> None:
        """Seed, and wait for the end of it."""
        self.start_seed()
        self.wait_for("seed")

    def start_seed(self) -> None:
        words = {
            "--input": self._input,
            "--rows-per-message": self._rows_per_message,
            "--workers-per-node": self._workers,
            "--consumers": self._consumers,
            "--seeded": self.folder / "seeded",
        }
        self._start("seed", "seed", words)

    def start(self) -> None:
        """Start teardown and all consumers."""
        self.start_teardown()
        for number in range(self._consumers):
            self.start_consumer(f"consume_{number}")

    def start_teardown(self) -> None:
        words = {"--input": self._input, "--consumers": self._consumers, "--clusters": "none"}
        self._start("teardown", "teardown", words)

    def start_consumer(self, name: str) -> None:
        self._start(name, "consume", {"--workers": self._workers})

    def _start(self, name: str, step: str, words: dict[str, Any]) -> None:
        pairs = {**self._words, **words}
        command = [self._python, "-m", "hyperscale.node", step, *(str(w) for pair in pairs.items() for w in pair)]
        with (self.folder / "steps" / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self.folder / "code",
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def consumers(self) -> list[str]:
        """The consumers that live."""
        return [name for name, one in self._processes.items() if name.startswith("consume") and one.poll() is None]

    def kill(self, name: str) -> None:
        """End the process and its group by kill -9."""
        process = self._processes.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdin is not None
        process.stdin.close()

    def replace_dead(self) -> None:
        """Start each consumer again that was killed, by whomever."""
        for name, process in list(self._processes.items()):
            if name.startswith("consume") and process.poll() == -signal.SIGKILL:
                self.kill(name)
                self.start_consumer(name)
                self.restarts += 1

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def send(self, name: str, number: signal.Signals) -> None:
        self._processes[name].send_signal(number)

    def has_ended(self, name: str) -> bool:
        return self._processes[name].poll() is not None

    def wait_for(self, name: str, codes: Sequence[int] = (0,)) -> None:
        """Wait until the process has ended by itself, with one of these exit codes."""
        until(lambda: self.has_ended(name))
        code = self._processes[name].returncode
        self.kill(name)
        assert code in codes, f"{name} ended with {code}; it said: {self.said(name)[-3000:]}"

    def wait_for_end(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until teardown and all consumers have ended by themselves, or by the test's own kill -9.

        Args:
            meanwhile: is called again and again until teardown has ended.
        """
        until(lambda: meanwhile() or self.has_ended("teardown"))
        for name in [name for name in self._processes if name.startswith("consume")]:
            self.wait_for(name, codes=(0, -signal.SIGKILL))
        self.wait_for("teardown")

    def ready_workers(self) -> list[int]:
        """Return the process ids of the workers that have imported the activity and live, as far as is known."""
        found = []
        for note in list((self.folder / "workers").iterdir()):
            try:
                os.kill(int(note.name), 0)
            except ProcessLookupError:
                note.unlink()
            else:
                found.append(int(note.name))
        return sorted(found)

    # ---- what is to be seen of the run

    def said(self, name: str) -> str:
        return (self.folder / "steps" / f"{name}.log").read_text(errors="replace")

    def depth(self) -> int:
        """Return how many messages are left."""
        try:
            return self.queue.depth()
        except QueueGoneError:
            return 0

    def consumers_at_work(self) -> int:
        """Return how many consumers hold rows, by their newest heartbeats."""
        beats = [fields for _, _, fields in self.store.beats(blobs.CONSUMERS)]
        return sum(bool(fields.get("rows_held")) for fields in beats if fields.get("role") == "consume")

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines of the ledger."""
        return [
            json.loads(line) for name in self.store.names(blobs.LEDGER) for _, _, line in part_lines(self.store, name)
        ]

    def published(self) -> dict[str, bytes]:
        """Return what teardown has published."""
        return {name: self.store.read(name) for name in (blobs.RESULTS_PARQUET, blobs.FAILURES_CSV, blobs.JOBLOG)}

    def seals(self) -> list[Seal]:
        return read_seals(self.store)

    def table(self) -> dict[str, list[Any]]:
        """Return the columns of results.parquet."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = Path(folder, "results.parquet")
            self.store.download(blobs.RESULTS_PARQUET, path)
            columns: dict[str, list[Any]] = pq.read_table(path).to_pydict()
        return columns

    def check_whole(self, *, failed: Sequence[int] = ()) -> Seal:
        """See that the table has each row once, and the seal says so; all rows but `failed` have succeeded."""
        table, seal = self.table(), self.seals()[-1]
        assert table["row_index"] == list(range(self.rows))
        lost = [row for row, outcome in enumerate(table["outcome"]) if outcome != "succeeded"]
        assert lost == list(failed), f"failed: {lost}"
        squares = [None if number in failed else number * number for number in range(self.rows)]
        assert table["square"] == squares
        assert {run for run in table["run"] if run is not None} == {self.run_id}
        assert (seal.state, seal.rows, seal.missing) == ("complete", self.rows, 0)
        assert (seal.succeeded, seal.failed) == (self.rows - len(failed), len(failed))
        return seal


class Every:
    """Calls something again and again, at moments of chance that are so many seconds apart on average."""

    def __init__(self, seconds: float, chance: random.Random, act: Callable[[], object]) -> None:
        self._seconds, self._chance, self._act = seconds, chance, act
        self._due = time.monotonic() + self._wait()

    def _wait(self) -> float:
        return self._seconds * self._chance.uniform(0.5, 1.5)

    def tend(self) -> None:
        if time.monotonic() >= self._due:
            self._act()
            self._due = time.monotonic() + self._wait()


def until(condition: Callable[[], object], look_seconds: float = 0.1) -> None:
    """Wait for `condition`, which is looked at ten times a second: a look is a request to the storage."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE_SECONDS:.0f} s"
        time.sleep(look_seconds)
