"""What a run came to: the figures of run_results.json, which the last line of a run repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hyperscale.cost import spent_usd
from hyperscale.errors import EXIT_SUCCESS, IncompleteRunError
from hyperscale.ledger import Seal
from hyperscale.node.collecting.failure_groups import FailureGroup
from hyperscale.node.collecting.lineage import Generation, all_rows
from hyperscale.node.control import rates_of
from hyperscale.node.ending.limits import passes_max_failed

Outcome = Literal["succeeded", "incomplete", "cancelled", "limit"]
#: What ends a run before its end: the reasons of cancel markers.
CAUSES = ("user", "limit", "stall", "broken", "seed_failed", "steps_over")
#: What the storage was asked for, by purpose.
REQUEST_KINDS = ("seed", "consume", "ledger", "logs", "heartbeat")
_REQUESTS = "requests."
#: Why rows are missing in a complete retry.
NOT_RETRIED = "they were missing before, and are not among the rows of this retry"
#: Why rows are missing in a run that an older version has sealed as complete.
UNREADABLE = "the ledger has lines of them that cannot be read; a retry executes these rows again"


@dataclass(frozen=True)
class RowCounts:
    """Rows of a run: total = succeeded + failed + missing.

    A duplicate is a line of the ledger that decided no row; a line that is set aside cannot be read, or is of no row.
    """

    total: int
    succeeded: int
    failed: int
    missing: int
    duplicate_outcomes: int
    set_aside_lines: int = 0


@dataclass(frozen=True)
class RunResults:
    """What `run_results.json` holds.

    Attributes:
        run_id, experiment: names.
        outcome: succeeded (every row did), limit (a limit of the experiment ended the run, or was passed),
            cancelled (the user ended it, or the activity cannot be started), incomplete (rows failed or are
            missing).
        rows: counts, proved by the ledger.
        seconds: from the making of the run to its seal.
        rows_per_second: outcomes in that time.
        workers: that were planned.
        storage_requests: by purpose, as far as heartbeats told.
        cost_usd: list price of the nodes of consumers, seed and teardown, with starting and idle times as far as they
            are known; None where nobody knows one. Storage and egress are not in it.
        cause: what ended the run before all rows had an outcome: user, limit, stall, broken (no consumer could start),
            seed_failed or steps_over; empty when nothing did.
        reason: why rows are missing, for people; empty when none is.
        failure_groups: the largest groups of failed rows.
        seal: number of the seal that these figures are by; 0 where nothing was seeded.
        lineage: ids of the runs whose outcomes are counted in `rows`, oldest first: this run, behind those that it
            is a retry of.
        retried: of a retry, the rows that it ran itself; None of another run.
    """

    run_id: str
    experiment: str
    outcome: Outcome
    rows: RowCounts
    seconds: float
    rows_per_second: float
    workers: int
    storage_requests: Mapping[str, int]
    cost_usd: float | None
    cause: str
    reason: str
    failure_groups: tuple[FailureGroup, ...]
    seal: int
    lineage: tuple[str, ...]
    retried: RowCounts | None

    @property
    def exit_code(self) -> int:
        """Return what teardown ends with: red only when rows are missing that nobody gave up, or a limit was passed."""
        if self.cause == "user":
            return EXIT_SUCCESS
        return IncompleteRunError.exit_code if self.reason or self.outcome == "limit" else EXIT_SUCCESS

    def to_document(self) -> dict[str, Any]:
        """Return what is written to run_results.json."""
        return asdict(self)


def sealed_reason(reason: str, message: str) -> str:
    """Return why a run ended, as a seal keeps it: results derive from seals and parts alone."""
    return f"{reason}: {message}" if message else reason


def counts_of(seal: Seal) -> RowCounts:
    """Return what the seal says of its run."""
    return RowCounts(seal.rows, seal.succeeded, seal.failed, seal.missing, seal.duplicates, seal.set_aside)


def counts_of_lineage(lineage: Sequence[Generation], *, succeeded: int, failed: int, set_aside: int) -> RowCounts:
    """Return the counts of a run together with those that it is a retry of, from what is in its tables."""
    total = all_rows(lineage).count
    duplicates = sum(generation.seals[-1].duplicates for generation in lineage)
    return RowCounts(total, succeeded, failed, total - succeeded - failed, duplicates, set_aside)


def outcome_of(seal: Seal, rows: RowCounts, max_failed: int | str | None) -> Outcome:
    """Return what a run came to by its newest seal; `rows` are those of its lineage."""
    if seal.state == "complete" and not rows.failed and not rows.missing:
        return "succeeded"
    reason = seal.reason.partition(":")[0]
    too_many = passes_max_failed(max_failed, rows=rows.total, succeeded=rows.succeeded, failed=rows.failed)
    if reason == "limit" or too_many:
        return "limit"
    return "cancelled" if reason in ("user", "broken") else "incomplete"


def results_of(
    seals: Sequence[Seal],
    *,
    run_id: str,
    experiment: str,
    max_failed: int | str | None,
    manifest: Mapping[str, Any],
    beats: Iterable[Mapping[str, Any]],
    groups: tuple[FailureGroup, ...],
    rows: RowCounts,
    ancestors: Sequence[str],
) -> RunResults:
    """Return the figures of a run.

    Args:
        seals: all of them, oldest first; at least one.
        run_id: of the run.
        experiment: its name.
        max_failed: the experiment's limit.
        manifest: run.json.
        beats: fields of every heartbeat.
        groups: of failed rows.
        rows: the count of them, with those of `ancestors`.
        ancestors: ids of the runs that this one is a retry of, oldest first.
    """
    seal = seals[-1]
    cause, _, message = seal.reason.partition(": ")
    reason = message or seal.reason
    if rows.missing and not reason:
        reason = NOT_RETRIED if ancestors else UNREADABLE
    plan, told = manifest.get("plan") or {}, list(beats)
    seconds = max(0.0, seal.sealed_at - float(manifest.get("created_at") or seal.sealed_at))
    return RunResults(
        run_id=run_id,
        experiment=experiment,
        outcome=outcome_of(seal, rows, max_failed),
        rows=rows,
        seconds=round(seconds, 3),
        rows_per_second=round((seal.succeeded + seal.failed) / seconds, 3) if seconds else 0.0,
        workers=int(plan.get("consumers") or 0) * int(plan.get("workers_per_node") or 0),
        storage_requests=_requests(told),
        cost_usd=spent_usd(told, rates_of(manifest), None),
        cause=cause if cause in CAUSES else "",
        reason=reason,
        failure_groups=groups,
        seal=seal.number,
        lineage=(*ancestors, run_id),
        retried=counts_of(seal) if ancestors else None,
    )


def _requests(beats: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    total = Counter(dict.fromkeys(REQUEST_KINDS, 0))
    for fields in beats:
        if fields.get("role") == "teardown":
            continue  # each teardown writes the same figures, whatever it took itself
        for name, value in fields.items():
            if name.startswith(_REQUESTS):
                total[name.removeprefix(_REQUESTS)] += int(value or 0)
    return dict(total)
