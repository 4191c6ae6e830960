"""What is known of a life of a run: its submission, rows planned, outcomes before it, processes that are gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from hyperscale import blobs
from hyperscale.control.submit.journal import DONE, read_journal
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.control import read_seed, rows_of_run
from hyperscale.node.storing.stores import Store


def planned_rows(manifest: Mapping[str, Any] | None) -> int | None:
    """Return how many rows the plan in run.json has, or None where there is none; seed.json knows better later."""
    plan = (manifest or {}).get("plan") or {}
    return cast("int | None", plan.get("rows"))


def unfinished_step(folder: Path) -> str:
    """Return the step in which the submission of the run in `folder` is, or was left; empty when there is none.

    Raises:
        RunStateError: when its journal cannot be read.
    """
    journal = read_journal(folder)
    return "" if journal is None or journal.step == DONE else journal.step


def outcomes_so_far(store: Store) -> tuple[int, int]:
    """Return how many rows have an outcome in the ledger, and how many of them failed."""
    seed = read_seed(store)
    if seed is None:
        return 0, 0
    chain = Chain(store, rows_of_run(store, seed))
    chain.look()
    return chain.tally.succeeded + chain.tally.failed, chain.tally.failed


def bury(store: Store, life: int, roles: Collection[str]) -> None:
    """Say in their place that processes are gone: who was killed could not, and would be waited for.

    Args:
        store: of the run.
        life: of the run that they belong to.
        roles: of the processes that cannot be alive any more: seed, consume, teardown.
    """
    for name, _, fields in list(store.beats(blobs.CONSUMERS)):
        is_ours = fields.get("role") in roles and fields.get("life", life) == life
        if is_ours and fields.get("state") not in ("left", "broken"):
            store.beat(name, {**fields, "state": "left", "message": "its process has ended"})
