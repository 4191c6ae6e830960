"""A run on this machine of which every process can be killed, frozen or copied between two of its requests."""

from __future__ import annotations

import copy
import csv
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hooked import HookedQueue, HookedStore, Killed, Line
from run_places import OnThisMachine, RunPlace

from hyperscale import blobs
from hyperscale.body import Body
from hyperscale.control.local.resume import prepare_resume
from hyperscale.experiment import NodeExperiment
from hyperscale.failures import RetryPolicy
from hyperscale.ledger import Seal
from hyperscale.node.collecting.ledger_reader import part_lines, read_seals
from hyperscale.node.collecting.lineage import Generation, ancestors, unsucceeded
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.consuming.checkpoints import Checkpoints
from hyperscale.node.consuming.consumer import Consumer, Tools
from hyperscale.node.consuming.custody import Custody
from hyperscale.node.consuming.heartbeat import Heartbeat
from hyperscale.node.consuming.row_logs import RowLogs
from hyperscale.node.consuming.worker_settings import WorkerSettings
from hyperscale.node.control import Selection, read_resumes, read_seed, write_manifest, write_selected_rows
from hyperscale.node.ending.teardown import Teardown
from hyperscale.node.seeding.seed import seed_rows
from hyperscale.node.storing.background import Background
from hyperscale.node.storing.counting import RequestCounts
from hyperscale.node.storing.queues import QueueGoneError

MakePlace = Callable[[Callable[[], float]], RunPlace]

LEASE = 60.0
#: What two executions of one row may differ in.
VARYING = ("attempts", "seconds", "consumer")

#: Notes each call; waits at gates that the arguments name; fails and grows as they say.
CODE = """
import pathlib, random, time, uuid

def fit(row, context):
    arguments, folder, index = context.arguments, context.mounts["world"], context.row_index
    with open(folder / "calls", "a") as calls:
        calls.write(f"{index} {context.attempt}\\n")
    gate = arguments["gates"].get(str(index)) or arguments["gates"].get(f"{index}.{context.attempt}")
    deadline = time.monotonic() + 60
    while gate and not (folder / gate).exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    if index in arguments["fail"]:
        raise ValueError("not wanted")
    result = {"square": row["number"] ** 2}
    if arguments["large_bytes"]:
        result["large"] = random.Random(index).randbytes(arguments["large_bytes"] // 2).hex()
    if arguments["unique"]:
        result["execution"] = uuid.uuid4().hex
    return result
"""


class World:
    """A run in a folder: its input, queue and store; `ahead` puts consumers' clocks forward, to have them renew."""

    def __init__(
        self, folder: Path, make_place: MakePlace | None = None, *, rows: int = 6, rows_per_message: int = 3
    ) -> None:
        self.folder = folder
        self.rows, self.rows_per_message = rows, rows_per_message
        self.ahead = self.waited = 0.0
        self.place = make_place(self.wall_clock) if make_place else OnThisMachine(folder, self.wall_clock)
        self.run_id, self.queue, self.store = self.place.run_id, self.place.queue, self.place.store
        self._threads: list[Process] = []
        (folder / "code" / "activity").mkdir(parents=True)
        (folder / "code" / "activity" / "activity_of_world.py").write_text(CODE)
        self.input_path = folder / "input.csv"
        self.input_path.write_text("number\n" + "".join(f"{number}\n" for number in range(rows)))

    def retry(self, *, seal: int) -> World:
        """Return a run of the rows that failed or are missing by that seal of this one; it works in the same folder."""
        child = copy.copy(self)
        child.place, child._threads = self.place.beside(child.wall_clock), []
        child.run_id, child.queue, child.store = child.place.run_id, child.place.queue, child.place.store
        seed = read_seed(self.store)
        assert seed is not None
        with ancestors(seed, self.place.open_run) as older:
            rows = unsucceeded((*older, Generation(self.run_id, self.store, seed, self.seals()[:seal])))
        selection = Selection(rows.count, seed.input_hash, (), self.run_id, seal)
        write_selected_rows(child.store, rows)
        write_manifest(child.store, {"run_id": child.run_id, "created_at": 0.0, "selection": asdict(selection)})
        return child

    def close(self) -> None:
        for process in self._threads:
            process.line.kill()
            process.join()
        self.queue.close()
        self.store.close()

    # ---- its processes

    def seed(self, line: Line | None = None, *, seed_id: str = "s1") -> None:
        queue, store = self._behind(line)
        seed_rows(
            run_id=self.run_id,
            queue=queue,
            store=store,
            source=self.experiment.input,
            path=self.input_path,
            rows_per_message=self.rows_per_message,
            seed_id=seed_id,
            manifest={"run_id": self.run_id, "experiment": "squares", "created_at": 0.0, "plan": {"rows": self.rows}},
            counts=RequestCounts(),
            clock=self.wall_clock,
        )

    def consumer(
        self,
        line: Line | None = None,
        *,
        name: str = "c-a",
        workers: int = 2,
        max_attempts: int = 2,
        gates: dict[int | str, str] | None = None,
        fail: Sequence[int] = (),
        large_bytes: int = 0,
        unique: bool = False,
        beat_seconds: float = 0.1,
        stop: Callable[[], bool] = lambda: False,
    ) -> Consumer:
        """Return a consumer with real workers.

        Args:
            line: to its storage.
            name: of the process; its ledger parts are named so.
            workers: how many.
            max_attempts: of a row.
            gates: row_index, or "row_index.attempt", to the file for which the activity waits.
            fail: rows that raise.
            large_bytes: of each result.
            unique: whether each execution has a result of its own.
            beat_seconds: between two heartbeats.
            stop: whether it was asked to leave.
        """
        queue, store = self._behind(line)
        life = len(read_resumes(store))
        background, counts = Background(2), RequestCounts()

        def clock() -> float:
            return time.monotonic() + self.ahead

        custody = Custody(
            queue, store, background,
            Checkpoints(store, background, self.folder / "scratch" / name, name, lease_seconds=LEASE),
            run_id=self.run_id, consumer=name, lease_seconds=LEASE, clock=clock,
        )  # fmt: skip
        heartbeat = Heartbeat(
            store, background, counts,
            process=name, life=life, interval_seconds=beat_seconds,
            clock=time.monotonic, started_at=0.0,
        )  # fmt: skip
        arguments = {"gates": {str(row): gate for row, gate in (gates or {}).items()}, "fail": list(fail)}
        settings = WorkerSettings(
            run_id=self.run_id, consumer=name, entry="activity_of_world:fit", command=None,
            code_folder=self.folder / "code", scratch=self.folder / "scratch" / name, key=None, input_folder=None,
            arguments={**arguments, "large_bytes": large_bytes, "unique": unique},
            mounts={"world": str(self.folder)}, environment_variables={}, rows_per_call=1,
            set_up_timeout_seconds=30.0, timeout_seconds=60.0, log_level="info",
            concurrency=1, logs="failed", adopts_orphans=False,
        )  # fmt: skip
        return Consumer(
            Tools(custody, background, heartbeat, RowLogs(store, background, name), patience_seconds=60.0), settings,
            workers=workers, policy=RetryPolicy(max_attempts, 0.01, ()), stop_requested=stop,
        )  # fmt: skip

    def consume(self, line: Line | None = None, **options: Any) -> None:
        """Run a consumer to its end; `Killed` if its line was."""
        assert self.consumer(line, **options).run() is None

    def start(self, line: Line, **options: Any) -> Process:
        """Run a consumer in a thread."""
        self._threads.append(Process(line, lambda: self.consumer(line, **options).run()))
        return self._threads[-1]

    def tear_down(self, line: Line | None = None, *, consumers: int = 1) -> RunResults:
        """Run teardown on a clock that is put forward where it would wait."""
        queue, store = self._behind(line)
        return Teardown(
            run_id=self.run_id,
            queue=queue,
            store=store,
            experiment=self.experiment,
            input_path=self.input_path,
            consumers=consumers,
            lease_seconds=LEASE,
            life=len(read_resumes(store)),
            clock=self.wall_clock,
            wait=self.wait,
            stop_requested=lambda: False,
            open_run=self.place.open_run,
        ).run()

    def resume(self, line: Line | None = None) -> bool:
        """Do what `run --resume` does before it starts the steps; return whether there is anything to do."""
        queue, store = self._behind(line)
        going_on = prepare_resume(store, queue) is None
        if going_on:
            self.end_leases()
        return going_on

    def _behind(self, line: Line | None) -> tuple[HookedQueue, HookedStore]:
        line = line or Line()
        return HookedQueue(self.queue, line), HookedStore(self.store, line, self.place.ahead)

    def wall_clock(self) -> float:
        """Run like the machine's clock, and jump forward where teardown waits."""
        return time.time() + self.waited

    def wait(self, seconds: float) -> None:
        self.waited += max(seconds, 1.0)
        assert self.waited < 10 * 3600, "teardown waits for ever"

    # ---- what happens to it

    @property
    def experiment(self) -> NodeExperiment:
        return NodeExperiment.from_document(
            {
                "name": "squares",
                "input": {"csv": "input.csv", "columns": {"number": "integer"}, "group_by": []},
                "activity": {"entry": "activity_of_world:fit", "no_retry_on": []},
                "limits": {"max_hours": 24, "max_failed": None},
                "output": {"format": ["csv"], "include_input": True},
                "log_level": "info",
            }
        )

    def end_leases(self) -> None:
        """Let every lease run out."""
        self.place.end_leases()

    def renew_now(self) -> None:
        """Have consumers think that a third of their lease is over."""
        self.ahead += LEASE / 2

    def hurry(self) -> None:
        """Have consumers think that three seconds have passed: a finished message waits for company no longer."""
        self.ahead += 3.0

    def open(self, *gates: str) -> None:
        for gate in gates:
            (self.folder / gate).touch()

    # ---- what is to be seen of it

    def calls(self) -> Counter[int]:
        """Return how often each row was begun."""
        return Counter(row for row, _ in self.begun())

    def begun(self) -> list[tuple[int, int]]:
        """Return row_index and attempt of each call, in order."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines of the ledger, part by part."""
        names = self.store.names(blobs.LEDGER)
        return [json.loads(line) for name in names for _, _, line in part_lines(self.store, name)]

    def table(self) -> list[dict[str, str]]:
        """Return the collected table, without what may differ between two runs of it."""
        text = self.store.read(blobs.RESULTS_CSV).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return [{name: value for name, value in row.items() if name not in (*VARYING, "large")} for row in rows]

    def files(self) -> dict[str, bytes]:
        """Return all that teardown publishes."""
        names = (blobs.RESULTS_CSV, blobs.FAILURES_CSV, blobs.JOBLOG, blobs.RUN_RESULTS)
        return {name: self.store.read(name) for name in names}

    def seals(self) -> list[Seal]:
        return read_seals(self.store)

    def queue_is_gone(self) -> bool:
        try:
            self.queue.depth()
        except QueueGoneError:
            return True
        return False

    def bodies(self) -> list[Body]:
        """Return the bodies in the queue, whoever holds them; none when it is gone."""
        return self.place.bodies()


class Process:
    """A consumer in a thread of its own; `killed` says how it ended."""

    def __init__(self, line: Line, work: Callable[[], object]) -> None:
        self.line = line
        self.killed = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Killed:
            self.killed = True
        except BaseException as error:
            self.error = error

    def join(self) -> None:
        """Wait for its end, which must not be an error of ours."""
        self._thread.join(60)
        assert not self._thread.is_alive(), "the consumer does not end"
        if self.error:
            raise self.error

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def await_frozen(self) -> None:
        until(self.line.frozen.is_set)


def squares(rows: int) -> list[dict[str, str]]:
    """Return the table of an undisturbed run."""
    return [
        {"row_index": str(row), "key": "", "outcome": "succeeded", "number": str(row), "square": str(row * row)}
        for row in range(rows)
    ]


def until(condition: Callable[[], object], *, meanwhile: Callable[[], object] | None = None) -> None:
    """Wait for `condition`; call `meanwhile` now and then."""
    deadline, turns = time.monotonic() + 30, 0
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        if meanwhile and turns % 25 == 0:
            meanwhile()
        turns += 1
        time.sleep(0.002)
