"""What a report is made from, read from the store of its run, and how its figures are said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hyperscale import blobs
from hyperscale.cost import NodeHours, Rates, spent_hours
from hyperscale.ledger import Seal
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.control import SeedRecord, rates_of, read_manifest, read_seed, rows_of_run
from hyperscale.node.report.curves import RunCurves
from hyperscale.node.report.row_times import row_times
from hyperscale.node.storing.stores import Store


class Measured(Protocol):
    """What a trial measured of rows, in seconds, and of the start of a worker."""

    @property
    def seconds_per_row_median(self) -> float: ...
    @property
    def seconds_per_row_p95(self) -> float: ...
    @property
    def set_up_seconds(self) -> float: ...


@dataclass(frozen=True)
class RunFacts:
    """What a report is made from.

    Attributes:
        run_id: of the run.
        results: run_results.json.
        manifest: run.json.
        seed: what was seeded; None when nothing was.
        seals: of the run, oldest first.
        beats: fields of the heartbeats of its consumers.
        curves: of the rows that this run worked on.
        keys: of some rows, by their row_index.
        trial: what was measured before this run with the same code; None when nothing was.
        paid: hours of its nodes; None where they cost nothing, or nobody knows a price.
        rates: what they cost an hour.
    """

    run_id: str
    results: Mapping[str, Any]
    manifest: Mapping[str, Any]
    seed: SeedRecord | None
    seals: Sequence[Seal]
    beats: Sequence[Mapping[str, Any]]
    curves: RunCurves
    keys: Mapping[int, str] = field(default_factory=dict)
    trial: Measured | None = None
    paid: NodeHours | None = None
    rates: Rates | None = None

    @property
    def busy_seconds(self) -> float:
        """Return how long workers were busy with rows, all together."""
        spans = self.curves.spans
        return sum(min(spans.seconds, span) for lane in spans.lanes.values() for span in lane.busy_seconds)

    @property
    def idle_share(self) -> float | None:
        """Return the share of their consumers' lives that workers had no row; None when nobody tells of them."""
        lived = sum(float(beat.get("seconds") or 0) * int(beat.get("workers") or 0) for beat in self.beats)
        return None if not lived else min(1.0, max(0.0, 1 - self.busy_seconds / lived))

    def row_name(self, row_index: int) -> str:
        """Return how a row is called: by its index, and its key if that is known."""
        return f"{row_index} ({self.keys[row_index]})" if row_index in self.keys else str(row_index)


def read_facts(
    store: Store,
    run_id: str,
    results: Mapping[str, Any],
    *,
    keys: Callable[[set[int]], Mapping[int, str]] = lambda _: {},
    trial: Measured | None = None,
) -> RunFacts:
    """Return what the report of a run is made from.

    Args:
        store: of the run, which is over; its ledger is read.
        run_id: of it.
        results: its run_results.json.
        keys: returns the keys of some rows by their row_index, as far as they are known.
        trial: what was measured before this run with the same code.

    Raises:
        DamagedPartError: when the ledger cannot be read.
    """
    manifest, seed, seals = read_manifest(store) or {}, read_seed(store), read_seals(store)
    beats = [{**fields, "name": name.removeprefix(blobs.CONSUMERS)} for name, _, fields in store.beats(blobs.CONSUMERS)]
    rates = rates_of(manifest)
    ended_at = seals[-1].sealed_at if seals else 0.0
    curves = RunCurves(float(manifest.get("created_at") or ended_at - float(results["seconds"])), ended_at)
    if seed is not None:
        rows = rows_of_run(store, seed)
        for row in row_times(store, rows if isinstance(rows, int) else len(rows.marks), seals):
            curves.add(row)
    named = {row.row_index for row in curves.slowest()}
    for group in results.get("failure_groups") or ():
        named |= {int(group["first_row_index"]), int(group.get("last_row_index") or 0)}
    return RunFacts(
        run_id=run_id,
        results=results,
        manifest=manifest,
        seed=seed,
        seals=seals,
        beats=[beat for beat in beats if beat.get("role") == "consume"],
        curves=curves,
        keys=keys(named) if seed is not None and seed.key else {},
        trial=trial,
        paid=spent_hours(beats, rates, None) if rates else None,
        rates=rates,
    )


def percent(share: float) -> str:
    """Return a share for people."""
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
