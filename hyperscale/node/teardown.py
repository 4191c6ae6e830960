"""Teardown: waits until a run is over, makes its outcomes final, and publishes what it came to.

`drain` decides, `chain` seals, `collect` makes the tables; here it is carried out. A teardown that comes
after one that was killed does all of it again, to the same bytes.
"""

from __future__ import annotations

import json
import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import HyperscaleError, RunStateError
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import Seal
from hyperscale.node import drain
from hyperscale.node.collect import collect
from hyperscale.node.control import Cancel, SeedRecord, read_manifest, write_cancel
from hyperscale.node.failure_table import FailureGroup
from hyperscale.node.queues import Queue
from hyperscale.node.readers import input_hash, open_rows
from hyperscale.node.run_results import RunResults, results_of, sealed_reason
from hyperscale.node.stores import Scalar, Store
from hyperscale.node.watch import Watch

BEAT_SECONDS = 20.0

logger = logging.getLogger(__name__)


def tear_down(
    *,
    run_id: str,
    queue: Queue,
    store: Store,
    experiment: NodeExperiment,
    input_path: Path,
    consumers: int,
    lease_seconds: float,
    resumes: int,
    clock: Callable[[], float],
    wait: Callable[[float], None],
    stop_requested: Callable[[], bool],
    scratch: Path | None = None,
) -> RunResults:
    """Wait for the end of a run, seal its ledger, write its results, and return its figures.

    The queue is removed when every row has its outcome, and kept otherwise (rule 29).

    Args:
        run_id: of the run.
        queue: of the run.
        store: of the run; takes the results.
        experiment: its limits end the run, its output says what is collected.
        input_path: the input, which is read once more.
        consumers: how many were planned.
        lease_seconds: of a message.
        resumes: how many resume markers there are: the life of the run that is waited for.
        clock: returns Unix seconds.
        wait: waits so many seconds, or less.
        stop_requested: whether this process was asked to leave in good order; the run is then cancelled.
        scratch: folder for what is only needed on the way; None: the system's for temporary files.

    Raises:
        DamagedPartError: when the ledger cannot be counted.
        RunStateError: when the input is not what was seeded; outcomes are sealed all the same.
    """
    pulse = Pulse(store, life=resumes, clock=clock)
    try:
        watch = Watch(
            queue,
            store,
            life=resumes,
            consumers=consumers,
            lease_seconds=lease_seconds,
            limits=experiment.limits,
            clock=clock,
        )
        look_seconds = min(queue.poll_seconds, store.poll_seconds)  # it is alone, and may look more often
        _await_end(watch, store, pulse, life=resumes, pause=lambda: wait(look_seconds), stop=stop_requested)
        pulse.beat("collecting")
        results = _publish(watch, store, experiment, input_path, scratch, run_id=run_id, sealed_at=clock())
        if watch.chain and watch.chain.is_complete:
            queue.remove()
    except BaseException as error:
        with suppress(HyperscaleError):  # the store itself may be what is broken
            pulse.beat("broken", f"{type(error).__name__}: {error}")
        raise
    pulse.beat("left")
    return results


class Pulse:
    """Teardown's own heartbeat."""

    def __init__(self, store: Store, *, life: int, clock: Callable[[], float]) -> None:
        """Beat for a new process in the `life`-th life of the run."""
        self._store, self._clock = store, clock
        self._name = blobs.heartbeat(f"teardown-{secrets.token_hex(8)}")
        self._fields: dict[str, Scalar] = {"role": "teardown", "life": life, "started_at": clock()}
        self._state = ""
        self._next_at = 0.0

    def tend(self, state: str) -> None:
        """Beat if it is time to, or the state is new."""
        if state != self._state or self._clock() >= self._next_at:
            self.beat(state)

    def beat(self, state: str, message: str = "") -> None:
        """Beat at once."""
        self._state = state
        self._next_at = self._clock() + BEAT_SECONDS
        self._store.beat(self._name, {**self._fields, "state": state, "message": message})


def _await_end(
    watch: Watch,
    store: Store,
    pulse: Pulse,
    *,
    life: int,
    pause: Callable[[], None],
    stop: Callable[[], bool],
) -> None:
    """Return when the ledger is to be sealed."""
    while True:
        view = watch.view()
        pulse.tend("running" if watch.cancel is None and view.complete_seconds is None else "draining")
        decision = drain.decide(view)
        if stop() and watch.cancel is None and view.complete_seconds is None:
            decision = drain.Cancel("user", "stopped by a signal")
        if isinstance(decision, drain.Seal):
            return
        if isinstance(decision, drain.Look):
            watch.look()
        elif isinstance(decision, drain.Cancel):
            logger.info("no more rows are handed out: %s", decision.message)
            write_cancel(store, life, decision.reason, decision.message)
        else:
            pause()


def _publish(
    watch: Watch,
    store: Store,
    experiment: NodeExperiment,
    input_path: Path,
    scratch: Path | None,
    *,
    run_id: str,
    sealed_at: float,
) -> RunResults:
    manifest = read_manifest(store) or {}
    reason = _reason(watch.cancel)
    with _work_folder(scratch) as work_folder:
        groups: tuple[FailureGroup, ...] = ()
        if watch.seed is None:
            seals = [_unseeded(int((manifest.get("plan") or {}).get("rows") or 0), reason, sealed_at)]
        else:
            seals = watch.ledger().seal(reason, sealed_at)
            groups = _collect(store, seals, watch.seed, experiment, input_path, Path(work_folder))
        results = results_of(
            seals,
            run_id=run_id,
            experiment=experiment.name,
            max_failed=experiment.limits.max_failed,
            manifest=manifest,
            beats=(fields for _, _, fields in store.beats(blobs.CONSUMERS)),
            groups=groups,
        )
        path = Path(work_folder) / blobs.RUN_RESULTS
        path.write_text(json.dumps(results.to_document(), indent=1) + "\n", encoding="utf-8")
        store.upload(blobs.RUN_RESULTS, path)  # last: who finds it finds the tables too
    return results


@contextmanager
def _work_folder(scratch: Path | None) -> Iterator[str]:
    """Give an empty folder that goes when the block ends; what cannot be written there is said in our words."""
    try:
        with tempfile.TemporaryDirectory(prefix="hyperscale-", dir=scratch) as folder:
            yield folder
    except OSError as error:
        place = scratch or f"the folder for temporary files {tempfile.gettempdir()}"
        another = "" if scratch else ", or set TMPDIR to another folder"
        raise HyperscaleError(
            f"results cannot be collected in {place}: {error}",
            hint=f"free some space there{another}; then go on with --resume",
        ) from error


def _collect(
    store: Store,
    seals: list[Seal],
    seed: SeedRecord,
    experiment: NodeExperiment,
    input_path: Path,
    work_folder: Path,
) -> tuple[FailureGroup, ...]:
    if input_hash(experiment.input, input_path) != seed.input_hash:
        raise RunStateError(
            "the input has changed since its rows were seeded: results cannot be put beside their rows",
            hint="put the input back as it was, then go on with --resume: no row that is done is lost",
        )
    rows = open_rows(experiment.input, input_path)
    return collect(store=store, seals=seals, seed=seed, experiment=experiment, rows=rows, work_folder=work_folder)


def _reason(cancel: Cancel | None) -> str:
    return sealed_reason(cancel.reason, cancel.message) if cancel else "incomplete"


def _unseeded(rows: int, reason: str, ended_at: float) -> Seal:
    """Return what stands in for a seal when nothing was seeded; it is not stored: resume seeds first."""
    return Seal(
        number=0,
        state="incomplete",
        reason=reason,
        rows=rows,
        parts=(),
        succeeded=0,
        failed=0,
        missing=rows,
        duplicates=0,
        sealed_at=ended_at,
    )
