"""The data of the report's charts, as its page draws them: spans of time, classes of durations, lanes of workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperscale.figures import length
from hyperscale.node.report.curves import SPANS, Durations, Lane, RunCurves, Spans, divisors, joined

#: A point of the throughput stands for about so many rows at least: fewer only show chance.
ROWS_A_POINT = 8
MIN_POINTS = 12
BARS = 40
PERCENTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
#: More lanes than this are thinner than a line on a screen.
MAX_LANES = 128


def chart_data(curves: RunCurves) -> dict[str, Any]:
    """Return what the page draws; its size does not depend on the number of rows."""
    return {
        "throughput": throughput(curves.spans, curves.durations.rows),
        "busy": {"seconds": curves.spans.seconds, "workers": [round(n, 2) for n in curves.spans.busy_workers()]},
        "durations": durations(curves.durations),
        "timeline": timeline(curves.spans),
    }


def throughput(spans: Spans, rows: int) -> dict[str, Any]:
    """Return rows a second that succeeded and that failed, in points of `seconds` each."""
    wanted = max(MIN_POINTS, rows // ROWS_A_POINT)
    times = next(times for times in divisors(SPANS) if SPANS // times <= wanted)
    seconds = spans.seconds * times
    return {
        "seconds": seconds,
        "succeeded": [_short(count / seconds) for count in joined(spans.succeeded, times)],
        "failed": [_short(count / seconds) for count in joined(spans.failed, times)],
    }


def durations(found: Durations) -> dict[str, Any]:
    """Return the classes of durations, and where the percentiles are: in how many classes from the left."""
    bars = found.bars(BARS)
    marks = []
    for name, share in PERCENTILES if bars else ():
        seconds = found.percentile(share)
        at = next((n for n, (_, to_seconds, _) in enumerate(bars) if seconds < to_seconds), len(bars) - 1)
        marks.append([name, at, length(seconds)])
    return {
        "rows": [rows for _, _, rows in bars],
        "edges": [length(edge) for edge in [*(bar[0] for bar in bars), *(bar[1] for bar in bars[-1:])]],
        "marks": marks,
    }


def timeline(spans: Spans) -> dict[str, Any]:
    """Return a lane for each worker, or of many for each consumer, or for neighbouring ones together.

    Its text has a digit for each span: 0 is idle, 9 busy all the time.
    """
    began: dict[str, float] = {}
    for (consumer, _), lane in spans.lanes.items():
        began[consumer] = min(began.get(consumer, lane.first_at), lane.first_at)
    by_name = dict(sorted(spans.lanes.items(), key=lambda named: (began[named[0][0]], named[0])))
    lanes = [(f"{short_name(consumer)} / {worker}", [lane]) for (consumer, worker), lane in by_name.items()]
    if len(lanes) > MAX_LANES:
        consumers: dict[str, list[Lane]] = {}
        for (consumer, _), lane in by_name.items():
            consumers.setdefault(consumer, []).append(lane)
        lanes = [(short_name(consumer), its) for consumer, its in consumers.items()]
    together = -(-len(lanes) // MAX_LANES)
    groups = [lanes[start : start + together] for start in range(0, len(lanes), together or 1)]
    return {
        "seconds": spans.seconds,
        "together": together,
        "lanes": [
            [
                group[0][0] + (f" +{len(group) - 1}" if len(group) > 1 else ""),
                _digits([lane for _, its in group for lane in its], spans.seconds),
            ]
            for group in groups
        ],
    }


def _digits(lanes: Sequence[Lane], seconds: float) -> str:
    full = seconds * len(lanes)
    shares = (sum(min(seconds, lane.busy_seconds[span]) for lane in lanes) / full for span in range(SPANS))
    return "".join(str(min(9, int(share * 9) + 1)) if share > 0 else "0" for share in shares)


def short_name(consumer: str) -> str:
    """Return the beginning of a consumer's name: the rest is chance."""
    return consumer[:8]


def _short(number: float) -> float:
    return float(f"{number:.4g}")
