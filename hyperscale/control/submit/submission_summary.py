"""Says what was submitted: for people, as a document, and which commands come next."""

from __future__ import annotations

from typing import Any

from hyperscale.control.submit.journal import Journal
from hyperscale.figures import counted
from hyperscale.plan import Plan


def submission_lines(journal: Journal, *, is_join: bool = False) -> list[str]:
    """Return what was submitted, a run or what joins one, and where people look at it."""
    plan = Plan.from_document(journal.plan)
    rows = f"Submitted run {journal.run_id}: {plan.rows_text} {'row' if plan.rows == 1 else 'rows'}, "
    jobs = counted(plan.consumers, "consume job")
    joined = f"Run {journal.run_id} is joined by {counted(plan.workers, 'worker')}: "
    lost = f", without {', '.join(journal.lost_clusters)}" if journal.lost_clusters else ""
    return [
        f"{joined if is_join else rows}{jobs} on {counted(len(plan.clusters), 'cluster')}{lost}.",
        *([journal.studio_url] if journal.studio_url else []),
    ]


def submission_document(journal: Journal) -> dict[str, Any]:
    """Return what `submit --json` prints."""
    clusters = [cluster.name for cluster in Plan.from_document(journal.plan).clusters]
    return {
        "run_id": journal.run_id,
        "jobs": list(journal.jobs),
        "studio_url": journal.studio_url,
        "clusters": [name for name in clusters if name not in journal.lost_clusters],
        "lost_clusters": list(journal.lost_clusters),
        "store": f"{journal.store}/{journal.run_id}",
        "queue": f"{journal.queue}/{journal.run_id}",
    }


def next_commands(journal: Journal, program: str) -> list[str]:
    """Return what to type next; `program` is how this program is called."""
    run = journal.run_id
    return [
        f"watch:    {program} watch {run}",
        f"results:  {program} results {run}",
        f"clean up: {program} teardown {run}  (should anything be left when it is over)",
    ]
