"""All paths of a run on this machine, in `.hyperscale/runs/<run_id>/`, and the lock that says it is alive."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hyperscale.control.whole_file import write_whole
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.node.storing.patience import Patience
from hyperscale.node.storing.places import is_remote, local_folder
from hyperscale.node.storing.queues import Queue, open_queue
from hyperscale.node.storing.stores import Store, open_store

LAUNCH = "launch.json"

#: Where the runs of an experiment lie, below the folder of its file.
RUNS = Path(".hyperscale") / "runs"
#: Where a run's folder holds what was submitted to it later, by number.
JOINS = "joins"
#: How long a dead run's steps may take to notice: they watch a pipe, and end at once when it closes.
LOCK_WAIT_SECONDS = 3.0
#: How long a person waits for a storage account that does not answer.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Launch:
    """How a run was started: what `run --resume` executes again.

    Attributes:
        experiment: its name; of a given pipeline the name of its file.
        pipeline: the pipeline file; absolute.
        queue, store: where they are.
        started_at: Unix seconds.
    """

    experiment: str
    pipeline: str
    queue: str
    store: str
    started_at: float


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; `runs` is absolute.

    `queue_url` and `store_url` are where its queue and store are; both are `runs` unless the user said otherwise.
    """

    runs: Path
    run_id: str
    queue_url: str
    store_url: str

    @classmethod
    def under(cls, runs: Path, run_id: str, *, queue: str | None = None, store: str | None = None) -> RunFolder:
        """Return the folder of `run_id` under `runs`; queue and store lie in it unless they are given."""
        absolute = runs.absolute()
        return cls(absolute, run_id, queue or str(absolute), store or str(absolute))

    @classmethod
    def open(cls, folder: Path) -> RunFolder:
        """Return the run that was started in `folder`."""
        absolute = folder.resolve()
        launch = _read_launch(absolute / LAUNCH)
        return cls(absolute.parent, absolute.name, launch.queue, launch.store)

    @property
    def path(self) -> Path:
        """Return the folder itself."""
        return self.runs / self.run_id

    @property
    def rendered(self) -> Path:
        """Return the folder of the files that are executed."""
        return self.path / "rendered"

    @property
    def scratch(self) -> Path:
        """Return the folder of what workers hold while they work; gone when the run has ended."""
        return self.path / "scratch"

    @property
    def log(self) -> Path:
        """Return the file of all that this machine and its steps have logged of the run."""
        return self.path / "run.log"

    def step_log(self, job: str) -> Path:
        """Return the file of what the step `job` printed."""
        return self.path / "steps" / f"{job}.log"

    def step_output(self, job: str, output: str) -> Path:
        """Return the folder of one output of the step `job`."""
        return self.path / "steps" / job / output

    @property
    def is_launched(self) -> bool:
        """Return whether the run was started before."""
        return (self.path / LAUNCH).exists()

    def read_launch(self) -> Launch:
        """Return how the run was started."""
        return _read_launch(self.path / LAUNCH)

    def write_launch(self, launch: Launch) -> None:
        """Keep how the run was started; from now on it is listed."""
        write_whole(self.path / LAUNCH, json.dumps(asdict(launch), indent=1))

    def store(self, patience_seconds: float = PATIENCE_SECONDS) -> Store:
        """Return the store of the run; a storage account that does not answer is asked for so long."""
        return store_at(self.store_url, self.run_id, patience_seconds)

    def store_file(self, name: str) -> str:
        """Return where people find what lies under `name` in the store: a path of this machine, or a URL."""
        if is_remote(self.store_url):
            return f"{self.store_url}/{self.run_id}/{name}"
        return str(local_folder(self.store_url, "store") / self.run_id / name)

    def queue(self, patience_seconds: float = PATIENCE_SECONDS) -> Queue:
        """Return the queue of the run; a storage account that does not answer is asked for so long."""
        return queue_at(self.queue_url, self.run_id, patience_seconds)

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Hold the run, and yield the descriptor that holds it.

        Steps inherit the descriptor: the run counts as alive until the last of its processes is gone.

        Raises:
            RunStateError: when another `run` holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            deadline = time.monotonic() + LOCK_WAIT_SECONDS
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise _still_running(self.run_id, descriptor)
                time.sleep(0.05)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Delete the folder: of a run that never was."""
        shutil.rmtree(self.path, ignore_errors=True)

    def is_locked(self) -> bool:
        """Return whether a process of the run is alive."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)


def store_at(url: str, run_id: str, patience_seconds: float = PATIENCE_SECONDS) -> Store:
    """Return the store of a run at `url`, for somebody who waits: they are told soon what does not answer."""
    return open_store(url, run_id, Patience(limit_seconds=patience_seconds))


def queue_at(url: str, run_id: str, patience_seconds: float = PATIENCE_SECONDS) -> Queue:
    """Return the queue of a run at `url`, as `store_at` returns the store."""
    return open_queue(url, run_id, Patience(limit_seconds=patience_seconds))


def check_machine() -> None:
    """See that this machine can run steps.

    Raises:
        HyperscaleError: when it has no POSIX locks and signals.
    """
    if os.name != "posix":
        raise HyperscaleError(
            "run works on Linux and macOS only: it needs their file locks and signals",
            hint="use Windows Subsystem for Linux; init, validate, plan, render and schema work here",
        )


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    # Windows has no such module.
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_running(run_id: str, descriptor: int) -> RunStateError:
    holder = os.pread(descriptor, 32, 0).decode(errors="replace") or "unknown"
    return RunStateError(
        f"run {run_id} is still running (process {holder}, or a step of it)",
        hint="wait until it ends, or stop it with Ctrl-C",
    )


def _read_launch(file: Path) -> Launch:
    return Launch(**json.loads(file.read_text(encoding="utf-8")))
