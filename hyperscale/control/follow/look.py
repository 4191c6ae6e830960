"""What is seen of a run at one moment (`Seen`), and what people want to know of it (`Look`): two values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hyperscale.azure_run import AzureRun
from hyperscale.control.progress import Progress
from hyperscale.node.azure.workspace_facts import ComputeFacts, JobFacts, StepFacts
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.node.control import Cancel

#: A teardown that was not heard of for so long says nothing of now.
SILENT_SECONDS = 120.0

Beat = tuple[str, float, Mapping[str, Any]]


@dataclass(frozen=True)
class Seen:
    """What was seen of a run at one moment.

    Attributes:
        run_id, experiment: names.
        now: Unix seconds.
        is_alive: of a run on this machine, whether a process of it lives; None for one on Azure ML.
        rows: of the run; None while nobody knows.
        seeded: whether seed.json is there.
        life: how often the run was resumed.
        beats: name, age in seconds and fields of each process.
        cancel: the marker that ended this life.
        results: run_results.json.
        azure: where it is on Azure ML.
        jobs: name of each of its pipeline jobs to what Azure ML says of it; None: there is no such job.
        steps: of these jobs.
        computes: of the workspace, as far as they are the run's.
        groups: of those failures that were read so far.
        image_log: the last lines of an image build that failed.
        done_before, failed_before: rows that had an outcome when this life began.
        unfinished: the step in which its submission from this folder is, or was left; empty when that is done.
        refused: what its records name that is not the run's, a sentence each.
        idle_seconds: for so long nodes of its clusters stay without work.
    """

    run_id: str
    experiment: str
    now: float
    is_alive: bool | None = None
    rows: int | None = None
    seeded: bool = False
    life: int = 0
    beats: tuple[Beat, ...] = ()
    cancel: Cancel | None = None
    results: Mapping[str, Any] | None = None
    azure: AzureRun | None = None
    jobs: Mapping[str, JobFacts | None] | None = None
    steps: tuple[StepFacts, ...] = ()
    computes: tuple[ComputeFacts, ...] = ()
    groups: tuple[FailureGroup, ...] = ()
    image_log: tuple[str, ...] = ()
    done_before: int = 0
    failed_before: int = 0
    unfinished: str = ""
    refused: tuple[str, ...] = ()
    idle_seconds: float = 0.0

    @property
    def known_jobs(self) -> tuple[JobFacts, ...]:
        """Return its jobs that exist."""
        return tuple(job for job in (self.jobs or {}).values() if job is not None)

    @property
    def is_over(self) -> bool:
        """Return whether nothing of the run is at work any more."""
        if self.azure is None:
            return not self.is_alive
        jobs = self.known_jobs
        return bool(jobs) and all(job.is_over for job in jobs)

    @property
    def is_torn_down(self) -> bool:
        """Return whether its teardown has ended, well or not."""
        steps = [step for step in self.steps if step.role == "teardown"]
        if steps:
            return all(step.is_over for step in steps)
        return self.is_over or self.teardown_state() in ("left", "broken")

    @property
    def has_teardown_at_work(self) -> bool:
        """Return whether a teardown was heard of lately that has not seen an end: there is no cancel marker then."""
        return any(
            fields.get("role") == "teardown" and fields.get("state") == "running" and age < SILENT_SECONDS
            for _, age, fields in self.beats
        )

    def teardown_state(self) -> str:
        """Return what the newest teardown of this life says of itself; empty when there is none."""
        beats = [(age, fields) for _, age, fields in self.beats if fields.get("role") == "teardown"]
        of_life = [(age, fields) for age, fields in beats if fields.get("life", self.life) == self.life]
        return str(min(of_life, key=lambda beat: beat[0])[1].get("state") or "") if of_life else ""


@dataclass(frozen=True)
class ClusterLook:
    """One cluster of the run: `up` of `wanted` nodes can work, `coming` are being prepared; `error` is why not."""

    name: str
    location: str
    state: str
    up: int
    coming: int
    wanted: int
    error: str


@dataclass(frozen=True)
class Look:
    """What people want to know of a run now.

    Attributes:
        run_id, experiment: names.
        phase: what it is doing, in a word or three.
        bottleneck: what it waits for, or why it is in that phase; empty when there is nothing to say.
        is_over: whether nothing of it is at work any more.
        is_torn_down: whether its teardown has ended, however; other steps may go on without it.
        progress: rows, as heartbeats tell.
        clusters: of its own; those that are gone are not among them.
        preempted: consumers whose node was taken away.
        cost_usd: list price of all its nodes so far, without storage; None when nobody knows one.
        groups: the largest failure groups that were read so far.
        warnings: what should be known, one sentence each.
        left: names of clusters that still hold quota although the run is over.
        jobs: name to status of its pipeline jobs; None: there is no such job.
        studio_url: where people look at the first of them; empty when nobody knows.
        outcome: of run_results.json; None while there is none.
    """

    run_id: str
    experiment: str
    phase: str
    bottleneck: str
    is_over: bool
    is_torn_down: bool
    progress: Progress
    clusters: tuple[ClusterLook, ...] = ()
    preempted: int = 0
    cost_usd: float | None = None
    groups: tuple[FailureGroup, ...] = ()
    warnings: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    jobs: Mapping[str, str | None] | None = None
    studio_url: str = ""
    outcome: str | None = None

    @property
    def nodes(self) -> tuple[int, int] | None:
        """Return how many nodes are up, of how many; None where the run has no clusters."""
        if not self.clusters:
            return None
        return sum(cluster.up for cluster in self.clusters), sum(cluster.wanted for cluster in self.clusters)

    def to_document(self) -> dict[str, Any]:
        """Return what `status --json` and `watch --json` print."""
        progress = self.progress
        return {
            "run_id": self.run_id,
            "experiment": self.experiment,
            "phase": self.phase,
            "bottleneck": self.bottleneck,
            "is_over": self.is_over,
            "outcome": self.outcome,
            "rows": {"total": progress.total, "done": progress.done, "failed": progress.failed, "held": progress.held},
            "rows_per_second": progress.rows_per_second,
            "seconds_left": progress.seconds_left,
            "workers": progress.workers,
            "nodes": dict(zip(("up", "wanted"), self.nodes, strict=True)) if self.nodes else None,
            "preempted": self.preempted,
            "cost_usd": self.cost_usd,
            "failures": [asdict(group) for group in self.groups],
            "clusters": [asdict(cluster) for cluster in self.clusters],
            "warnings": list(self.warnings),
            "left": list(self.left),
            "jobs": self.jobs,
            "studio_url": self.studio_url or None,
        }
