"""What a report is made from, and how its figures are said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperscale.control.report.curves import RunCurves
from hyperscale.control.trial.figures import Trial
from hyperscale.ledger import Seal
from hyperscale.node.control import SeedRecord


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
    """

    run_id: str
    results: Mapping[str, Any]
    manifest: Mapping[str, Any]
    seed: SeedRecord | None
    seals: Sequence[Seal]
    beats: Sequence[Mapping[str, Any]]
    curves: RunCurves
    keys: Mapping[int, str] = field(default_factory=dict)
    trial: Trial | None = None

    @property
    def node_seconds(self) -> float:
        """Return how long consumers lived, all together."""
        return sum(float(beat.get("seconds") or 0) for beat in self.beats)

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


def percent(share: float) -> str:
    """Return a share for people."""
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def usd(amount: float) -> str:
    """Return an amount of money; of less than a cent the first three digits that are not 0."""
    if amount >= 0.01 or amount <= 0:
        return f"${amount:,.2f}"
    return f"${amount:.{2 - math.floor(math.log10(amount))}f}"
