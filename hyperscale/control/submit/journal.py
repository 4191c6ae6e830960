"""The journal of a submission: which step has begun, so that a submission that was cut short is taken up or undone.

It lies in `.hyperscale/runs/<run_id>/submission.json`, and is written before each step. Each step is safe to repeat:
names of jobs, clusters and blobs are ours, and are the same each time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hyperscale.control.whole_file import write_whole
from hyperscale.documents import build
from hyperscale.errors import RunStateError

JOURNAL = "submission.json"
#: What a submission consists of, in this order. `undo` and `done` stand for themselves.
STEPS = ("files", "manifest", "data", "components", "clusters", "jobs")
DONE = "done"
UNDO = "undo"
#: What a submission makes that outlives it.
Made = Literal["jobs", "clusters", "manifest"]


@dataclass(frozen=True)
class Journal:
    """How far a submission has come.

    Attributes:
        run_id: of the run.
        experiment_file: absolute.
        step: the one that has begun.
        started_at: Unix seconds.
        expires_at: Unix seconds; after that nothing of the run is needed any more.
        owner: who submits, for tags.
        fingerprint: of what must be the same when it is taken up: hashes of experiment, input, code and data.
        plan: of this run, with clusters of its own.
        store, queue: where they are.
        version: of the components; empty as long as nobody knows.
        jobs: names of the pipeline jobs.
        lost_clusters: those that could not be provisioned.
        begun: what may have been made of `made_by`, once it is being undone.
        studio_url: where people look at the first job; empty before.
    """

    run_id: str
    experiment_file: str
    step: str
    started_at: float
    expires_at: float
    owner: str
    fingerprint: Mapping[str, str | None]
    plan: Mapping[str, Any]
    store: str
    queue: str
    version: str
    jobs: tuple[str, ...]
    lost_clusters: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    studio_url: str = ""

    def at(self, step: str, **changes: Any) -> Journal:
        """Return the journal when `step` begins."""
        return dataclasses.replace(self, step=step, **changes)

    def write(self, folder: Path) -> None:
        """Keep it in the run's `folder`; it appears whole or not at all."""
        write_whole(folder / JOURNAL, json.dumps(dataclasses.asdict(self), indent=1))


def read_journal(folder: Path) -> Journal | None:
    """Return the journal of the run in `folder`, None when it was not submitted from here.

    Raises:
        RunStateError: when it cannot be read.
    """
    try:
        document = json.loads((folder / JOURNAL).read_bytes())
        return build(Journal, document)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise RunStateError(
            f"{folder / JOURNAL} cannot be read: {error}",
            hint="another version of hyperscale wrote it, or it was changed; `hyperscale gc` finds what is left",
        ) from error


def next_step(step: str) -> str:
    """Return the step after `step`; `done` after the last."""
    number = STEPS.index(step) + 1
    return STEPS[number] if number < len(STEPS) else DONE


def made_by(step: str) -> tuple[Made, ...]:
    """Return what may be there when `step` had begun, in the order in which it is undone.

    Jobs first: they would start on clusters that are going; the manifest last: it tells others whose the rest is.
    """
    begun = STEPS.index(step)
    kinds: tuple[tuple[Made, str], ...] = (("jobs", "jobs"), ("clusters", "clusters"), ("manifest", "manifest"))
    return tuple(kind for kind, of in kinds if begun >= STEPS.index(of))


def what_to_do(
    journal: Journal, fingerprint: Mapping[str, str | None], now: float
) -> Literal["nothing", "go_on", "undo"]:
    """Return what becomes of a submission that this folder knows, now that `submit` is asked for again.

    Args:
        journal: of it.
        fingerprint: of the experiment as it is now.
        now: Unix seconds.
    """
    if journal.step == DONE:
        return "nothing"
    return "undo" if journal.step == UNDO or why_not(journal, fingerprint, now) else "go_on"


def why_not(journal: Journal, fingerprint: Mapping[str, str | None], now: float) -> str:
    """Return why a submission that was cut short cannot go on; empty when it can."""
    names = [*journal.fingerprint, *(name for name in fingerprint if name not in journal.fingerprint)]
    changed = [name for name in names if journal.fingerprint.get(name) != fingerprint.get(name)]
    if changed:
        return f"{' and '.join(changed)} changed since"
    # Its tags say that nothing of it is needed any more: `gc` would take its clusters from under it.
    return "it has expired" if now >= journal.expires_at else ""
