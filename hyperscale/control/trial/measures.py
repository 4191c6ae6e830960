"""Measures a trial: how long its rows took and what its workers needed, from the ledger and the heartbeats."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hyperscale import blobs
from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.control.trial.figures import Trial, activity_hash
from hyperscale.ledger import SUCCEEDED, Line, merge
from hyperscale.node.collecting.ledger_reader import part_lines, read_seals
from hyperscale.node.collecting.outcome_lines import read_outcome
from hyperscale.node.control import read_manifest
from hyperscale.node.storing.stores import Store

Outcome = dict[str, Any]


class Measured(NamedTuple):
    """What a trial measured, and the outcome of its first row that failed; None when none did."""

    trial: Trial
    first_failure: Outcome | None


def outcomes_of(store: Store) -> list[Outcome]:
    """Return the outcomes of a run of few rows, in order of rows, as its seals decided them."""
    lines = (
        Line(seal.number, row_index, succeeded, line)
        for seal in read_seals(store)
        for name in seal.parts
        for row_index, succeeded, line in part_lines(store, name)
    )
    return [read_outcome(line.content) for _, line in sorted(merge(lines).items())]


def measure(store: Store, outcomes: Sequence[Outcome], checked: CheckedExperiment, *, measured_on: str) -> Trial:
    """Return the figures of a trial whose run has ended.

    Args:
        store: of its run.
        outcomes: of that run; at least one.
        checked: what was run.
        measured_on: the machine, for people.
    """
    # A failed row may have ended early: it says nothing of how long rows take, unless there is nothing else.
    told = [found for found in outcomes if found["outcome"] == SUCCEEDED] or list(outcomes)
    seconds = sorted(float(found["seconds"]) for found in told)
    beats = [fields for _, _, fields in store.beats(blobs.CONSUMERS)]
    manifest = read_manifest(store) or {}
    hashes = manifest.get("hashes") or {}
    return Trial(
        run_id=str(manifest.get("run_id")),
        rows=checked.facts.rows,
        rows_failed=checked.facts.rows - sum(found["outcome"] == SUCCEEDED for found in outcomes),
        seconds_per_row_median=statistics.median(seconds),
        seconds_per_row_p95=percentile(seconds, 0.95),
        slowest_row_seconds=seconds[-1],
        set_up_seconds=_most(beats, "set_up_seconds"),
        worker_memory_mb=_most(beats, "worker_memory_mb"),
        result_bytes=round(statistics.mean(len(json.dumps(found.get("result"))) for found in told), 1),
        code_hash=hashes.get("code"),
        input_hash=hashes.get("input"),
        activity_hash=activity_hash(checked),
        measured_on=measured_on,
        measured_at=store.now(),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of `ordered` that at least `share` of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _most(beats: Iterable[Mapping[str, Any]], name: str) -> float:
    return max((float(fields.get(name) or 0.0) for fields in beats), default=0.0)
