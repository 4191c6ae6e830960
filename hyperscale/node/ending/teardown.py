"""Teardown: waits until a run is over, makes its outcomes final, publishes what it came to, and deletes its clusters.

`drain` decides, `publishing` seals and collects, `clusters` deletes; here it is carried out. A teardown that comes
after one that was killed does all of it again, to the same bytes.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hyperscale import blobs
from hyperscale.errors import HyperscaleError, TeardownError, in_words
from hyperscale.experiment import NodeExperiment
from hyperscale.log_lines import fields
from hyperscale.node.collecting.lineage import OpenRun
from hyperscale.node.collecting.publishing import seal_and_publish, work_folder
from hyperscale.node.collecting.run_results import RunResults
from hyperscale.node.control import Cancel, write_cancel
from hyperscale.node.ending import drain
from hyperscale.node.ending.clusters import check_deleted
from hyperscale.node.ending.fleet import Fleet, NoFleet
from hyperscale.node.ending.watch import Watch
from hyperscale.node.storing.queues import Queue
from hyperscale.node.storing.stores import Scalar, Store

BEAT_SECONDS = 20.0
#: Who is told to stop on Azure ML may be killed soon: consumers get so long to write what they know, then the clusters
#: are deleted before anything else.
STOPPED_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Teardown:
    """The end of one life of a run; `run` waits for it and does what is to be done then.

    Attributes:
        run_id, queue, store, experiment: of the run; its store takes the results.
        input_path: the input, which is read once more.
        consumers, lease_seconds: as planned.
        life: how many resume markers there are.
        clock: returns Unix seconds.
        wait: waits so many seconds, or less.
        stop_requested: whether this process was asked to leave in good order; the run is then cancelled.
        open_run: opens the store of another run: of those that this one is a retry of.
        scratch: folder for what is only needed on the way; None: the system's for temporary files.
        fleet: the machines of the run.
        is_resumable: whether `run --resume` may go on with it, so that messages in the queue are worth keeping.
        observe: is told what is seen at each look.
        copy_results: is given the folder of what was published, at the very end; it raises nothing.
    """

    run_id: str
    queue: Queue
    store: Store
    experiment: NodeExperiment
    input_path: Path
    consumers: int
    lease_seconds: float
    life: int
    clock: Callable[[], float]
    wait: Callable[[float], None]
    stop_requested: Callable[[], bool]
    open_run: OpenRun
    scratch: Path | None = None
    fleet: Fleet = field(default_factory=NoFleet)
    is_resumable: bool = True
    observe: Callable[[drain.View], None] = lambda _: None
    copy_results: Callable[[Path, RunResults], None] = lambda *_: None

    def run(self) -> RunResults:
        """Wait for the end of the run, seal its ledger, write its results, delete its clusters; return its figures.

        The queue is removed when every row has its outcome, or when the user has ended a run that cannot be resumed,
        and kept otherwise (rule 29); the clusters go in any case.

        Raises:
            DamagedPartError: when the ledger cannot be counted.
            RunStateError: when the input is not what was seeded; outcomes are sealed all the same.
            TeardownError: when clusters of the run are left; its results are written all the same.
        """
        pulse = Pulse(self.store, life=self.life, clock=self.clock)
        with ExitStack() as kept:
            with _clusters_deleted_on_failure(pulse, self.fleet, self.run_id, self.wait):
                watch = self._watch()
                self._wait_for_end(watch, pulse)
                pulse.beat("collecting")
                folder = kept.enter_context(work_folder(self.scratch))
                results = self._publish(watch, folder)
            try:
                _delete(self.fleet, results, pulse, self.wait)
            finally:  # clusters cost more than anybody who waits for the copy
                self.copy_results(folder, results)
        return results

    def _publish(self, watch: Watch, folder: Path) -> RunResults:
        cancel = self._final_cancel(watch)
        results = seal_and_publish(
            run_id=self.run_id,
            store=self.store,
            experiment=self.experiment,
            input_path=self.input_path,
            cancel=cancel,
            sealed_at=self.clock(),
            open_run=self.open_run,
            seed=watch.seed,
            ledger=watch.chain,
            folder=folder,
        )
        is_complete = watch.chain is not None and watch.chain.is_complete
        if is_complete or (not self.is_resumable and cancel is not None and cancel.reason == "user"):
            self.queue.remove()
        logger.info(
            "the results are written: %s", results.outcome, extra=fields("published", rows=asdict(results.rows))
        )
        return results

    def _final_cancel(self, watch: Watch) -> Cancel | None:
        """Return why this life ended; of one that could not start with all consumers that have ended so by now."""
        cancel = watch.cancel
        if cancel is None or cancel.reason != "broken":
            return cancel
        return replace(cancel, message=drain.failed_starts_text(watch.view()) or cancel.message)

    def _watch(self) -> Watch:
        return Watch(
            self.queue,
            self.store,
            life=self.life,
            consumers=self.consumers,
            lease_seconds=self.lease_seconds,
            limits=self.experiment.limits,
            clock=self.clock,
            rates=self.fleet.rates(self.experiment.idle_seconds),
            steps=self.fleet.steps,
        )

    def _wait_for_end(self, watch: Watch, pulse: Pulse) -> None:
        """Return when the ledger is to be sealed."""
        look_seconds = min(self.queue.poll_seconds, self.store.poll_seconds)  # it is alone, and may look more often
        stopped_at: float | None = None
        while True:
            if stopped_at is None and self.stop_requested():
                stopped_at = self.clock()
            decision = self._decide(watch, pulse, is_stopped=stopped_at is not None)
            if isinstance(decision, drain.Look):
                watch.look()
            elif isinstance(decision, drain.Cancel):
                logger.info(
                    "no more rows are handed out: %s",
                    decision.message,
                    extra=fields("cancelled", reason=decision.reason),
                )
                write_cancel(self.store, self.life, decision.reason, decision.message)
            elif isinstance(decision, drain.Seal) or self._has_no_more_time(stopped_at):
                break
            else:
                self.wait(look_seconds)
        if stopped_at is not None:
            self.fleet.begin_deletion()

    def _decide(self, watch: Watch, pulse: Pulse, *, is_stopped: bool) -> drain.Decision:
        view = watch.view()
        self.observe(view)
        pulse.starts = watch.starts
        is_handing_out = watch.cancel is None and view.complete_seconds is None
        pulse.tend("running" if is_handing_out else "draining")
        if is_stopped and is_handing_out:
            return drain.Cancel("user", "stopped by a signal")
        return drain.decide(view)

    def _has_no_more_time(self, stopped_at: float | None) -> bool:
        return self.fleet.is_ours and stopped_at is not None and self.clock() - stopped_at >= STOPPED_SECONDS


class Pulse:
    """Teardown's own heartbeat.

    Attributes:
        starts: fields of it: for how long nodes were starting, as far as that is seen.
    """

    def __init__(self, store: Store, *, life: int, clock: Callable[[], float]) -> None:
        """Beat for a new process in the `life`-th life of the run."""
        self.starts: Mapping[str, float] = {}
        self._store, self._clock, self._began_at = store, clock, clock()
        self._name = blobs.heartbeat(f"teardown-{secrets.token_hex(8)}")
        self._fields: dict[str, Scalar] = {"role": "teardown", "life": life, "started_at": self._began_at}
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
        told: dict[str, Scalar] = {
            "state": state,
            "message": message,
            "seconds": round(self._clock() - self._began_at, 3),
        }
        self._store.beat(self._name, {**self._fields, **self.starts, **told})


@contextmanager
def _clusters_deleted_on_failure(
    pulse: Pulse, fleet: Fleet, run_id: str, wait: Callable[[float], None]
) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        with suppress(HyperscaleError):  # the store itself may be what is broken
            pulse.beat("broken", f"{type(error).__name__}: {error}")
        delete_after(error, fleet, run_id, wait)
        raise


def delete_after(error: BaseException, fleet: Fleet, run_id: str, wait: Callable[[float], None]) -> None:
    """Delete the clusters of a run whose teardown fails with `error`.

    Raises:
        TeardownError: when some are left; it tells of the error too.
    """
    try:
        check_deleted(fleet.delete(wait), run_id)
    except TeardownError as left:
        raise TeardownError(f"{left}; before that: {in_words(error)}", hint=left.hint) from error


def _delete(fleet: Fleet, results: RunResults, pulse: Pulse, wait: Callable[[float], None]) -> None:
    def wait_and_beat(seconds: float) -> None:
        pulse.tend("deleting")
        wait(seconds)

    if fleet.is_ours:
        pulse.beat("deleting")
    fleet.tell(results)
    try:
        check_deleted(fleet.delete(wait_and_beat), results.run_id)
    except TeardownError as error:
        pulse.beat("broken", str(error))
        raise
    pulse.beat("left")
