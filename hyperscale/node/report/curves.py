"""What the rows of a run come to over time, by worker, by how long they took: counted one by one, memory flat."""

from __future__ import annotations

import heapq
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hyperscale.node.report.row_times import RowTime

#: The run is cut into so many spans of time; many numbers divide it.
SPANS = 240
#: Durations that are nearer to each other than this are counted as one: percentiles are right to half of it.
RESOLUTION = 1.01
#: What takes less counts as this.
SHORTEST_SECONDS = 1e-6
SLOWEST_ROWS = 20
#: The tail begins when fewer than this share of the workers that were busy at the peak still are.
TAIL_SHARE = 0.5


class Durations:
    """Counts how long rows took."""

    def __init__(self) -> None:
        """Start without any."""
        self._counts: Counter[int] = Counter()
        self.rows = 0
        self.sum_seconds = self.longest_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one row."""
        self._counts[round(math.log(max(seconds, SHORTEST_SECONDS) / SHORTEST_SECONDS, RESOLUTION))] += 1
        self.rows += 1
        self.sum_seconds += seconds
        self.longest_seconds = max(self.longest_seconds, seconds)

    def percentile(self, share: float) -> float:
        """Return the seconds that a `share` of the rows stay within; 0 without rows."""
        wanted, seen = math.ceil(share * self.rows), 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= wanted:
                return min(_seconds(step), self.longest_seconds)
        return 0.0

    def bars(self, at_most: int) -> list[tuple[float, float, int]]:
        """Return (from seconds, to seconds, rows) of neighbouring classes, each as many times longer as the last."""
        if not self._counts:
            return []
        first, last = min(self._counts), max(self._counts)
        width = -(-(last - first + 1) // at_most)
        rows = [0] * -(-(last - first + 1) // width)
        for step, count in self._counts.items():
            rows[(step - first) // width] += count
        edges = [_seconds(first - 0.5 + number * width) for number in range(len(rows) + 1)]
        return list(zip(edges, edges[1:], rows, strict=False))


def _seconds(step: float) -> float:
    return float(SHORTEST_SECONDS * RESOLUTION**step)


@dataclass
class Lane:
    """What one worker did: rows, of them failed, when it began and ended, and its busy seconds in each span."""

    busy_seconds: array[float]
    rows: int = 0
    failed: int = 0
    first_at: float = math.inf
    last_at: float = -math.inf


class Spans:
    """Counts rows in spans of the time of a run, and how busy each worker was in them.

    Attributes:
        seconds: of one span.
        succeeded, failed: rows that ended in each span.
        lanes: of each worker, by its consumer and its number.
    """

    def __init__(self, start_at: float, end_at: float) -> None:
        """Cut the time between two Unix seconds into spans; what lies outside counts in the first or the last."""
        self.start_at = start_at
        self.seconds = max(end_at - start_at, 0.001) / SPANS
        self.succeeded, self.failed = array("q", bytes(8 * SPANS)), array("q", bytes(8 * SPANS))
        self.lanes: dict[tuple[str, int], Lane] = {}

    def add(self, row: RowTime) -> None:
        """Count one row."""
        end_at = row.started_at + row.seconds
        (self.succeeded if row.succeeded else self.failed)[self._span(end_at)] += 1
        if row.worker < 0:
            return
        name = row.consumer, row.worker
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = Lane(array("d", bytes(8 * SPANS)))
        lane.rows += 1
        lane.failed += not row.succeeded
        lane.first_at, lane.last_at = min(lane.first_at, row.started_at), max(lane.last_at, end_at)
        first, last = self._span(row.started_at), self._span(end_at)
        # Clocks of machines differ: what would lie outside of the run is not counted.
        begins, ends = max(row.started_at, self.start_at), min(end_at, self.start_at + SPANS * self.seconds)
        if first == last:
            lane.busy_seconds[first] += max(0.0, ends - begins)
            return
        for span in range(first, last + 1):
            from_at = self.start_at + span * self.seconds
            lane.busy_seconds[span] += max(0.0, min(ends, from_at + self.seconds) - max(begins, from_at))

    def _span(self, at: float) -> int:
        return min(SPANS - 1, max(0, int((at - self.start_at) / self.seconds)))

    def busy_workers(self) -> list[float]:
        """Return how many workers were busy in each span, on average."""
        return [
            sum(min(1.0, lane.busy_seconds[span] / self.seconds) for lane in self.lanes.values())
            for span in range(SPANS)
        ]

    def tail_seconds(self) -> float:
        """Return how long, at the end, fewer than `TAIL_SHARE` of the workers of the peak were busy with rows."""
        busy = self.busy_workers()
        enough = TAIL_SHARE * max(busy)
        full = max((span for span, workers in enumerate(busy) if workers >= enough and workers), default=SPANS - 1)
        last = max((lane.last_at for lane in self.lanes.values()), default=0.0)
        return max(0.0, last - (self.start_at + (full + 1) * self.seconds))


class RunCurves:
    """All of it together.

    Attributes:
        durations, spans: of all rows.
        attempts: rows by the number of their attempts and whether they succeeded.
    """

    def __init__(self, start_at: float, end_at: float) -> None:
        """Start without rows, for a run that went on between two Unix seconds."""
        self.durations, self.spans = Durations(), Spans(start_at, end_at)
        self.attempts: Counter[tuple[int, bool]] = Counter()
        self._slowest: list[tuple[float, int, RowTime]] = []

    def add(self, row: RowTime) -> None:
        """Count one row."""
        self.durations.add(row.seconds)
        self.spans.add(row)
        self.attempts[row.attempts, row.succeeded] += 1
        entry = row.seconds, -row.row_index, row
        if len(self._slowest) < SLOWEST_ROWS:
            heapq.heappush(self._slowest, entry)
        elif entry > self._slowest[0]:
            heapq.heapreplace(self._slowest, entry)

    def slowest(self) -> list[RowTime]:
        """Return the rows that took longest, the longest first."""
        return [row for _, _, row in sorted(self._slowest, reverse=True)]


def joined(values: Sequence[float], times: int) -> list[float]:
    """Return the sums of each `times` neighbours."""
    return [sum(values[start : start + times]) for start in range(0, len(values), times)]


def divisors(number: int) -> Iterator[int]:
    """Yield the numbers that divide `number`, from 1 on."""
    return (divisor for divisor in range(1, number + 1) if number % divisor == 0)
