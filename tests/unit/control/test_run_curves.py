"""What rows come to over time, by worker and by duration is counted right, whatever their order and number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from made_run import BEGAN_AT, line_of, make_run, some_rows
from wordings import Wording

from hyperscale import blobs
from hyperscale.ledger import DamagedPartError, Line, Seal, merge, write_part
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.report.charts import MAX_LANES, durations, throughput, timeline
from hyperscale.node.report.curves import RESOLUTION, SLOWEST_ROWS, SPANS, Durations, RunCurves, Spans
from hyperscale.node.report.row_times import RowTime, row_times
from hyperscale.node.storing.stores.folder import FolderStore

SECONDS = some.floats(min_value=1e-6, max_value=1e6)


def row(index: int = 0, *, seconds: float = 1.0, at: float = 0.0, **more: object) -> RowTime:
    values: dict[str, object] = {"succeeded": True, "attempts": 1, "consumer": "c-1", "worker": 0, **more}
    return RowTime(row_index=index, seconds=seconds, started_at=at, **values)  # type: ignore[arg-type]


def durations_of(seconds: Sequence[float]) -> Durations:
    found = Durations()
    for each in seconds:
        found.add(each)
    return found


@given(some.lists(SECONDS, min_size=1), some.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_that_of_the_sorted_rows_to_half_a_percent(seconds: list[float], share: float):
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]

    found = durations_of(seconds).percentile(share)

    assert found == pytest.approx(exact, rel=(RESOLUTION - 1) / 2 * 1.01)


@given(some.lists(SECONDS, min_size=1), some.integers(1, 60))
def test_the_classes_of_durations_stand_side_by_side_and_hold_every_row(seconds: list[float], at_most: int):
    bars = durations_of(seconds).bars(at_most)

    assert sum(rows for _, _, rows in bars) == len(seconds)
    assert len(bars) <= at_most
    assert all(left[1] == right[0] for left, right in pairwise(bars))
    assert bars[0][0] <= min(seconds) * RESOLUTION
    assert max(seconds) <= bars[-1][1] * RESOLUTION


def test_without_rows_there_is_nothing_to_draw():
    curves = RunCurves(0.0, 10.0)

    assert (curves.durations.bars(40), curves.durations.percentile(0.5)) == ([], 0.0)
    assert durations(curves.durations) == {"rows": [], "edges": [], "marks": []}
    assert timeline(curves.spans)["lanes"] == []
    assert curves.spans.tail_seconds() == 0.0


@given(some.lists(some.tuples(some.floats(-50, 350), some.floats(0, 200), some.booleans())))
def test_every_row_ends_in_one_span_and_no_busy_second_is_lost_or_doubled(rows: list[tuple[float, float, bool]]):
    spans = Spans(0.0, 240.0)

    for number, (at, seconds, succeeded) in enumerate(rows):
        spans.add(row(number, seconds=seconds, at=at, succeeded=succeeded, worker=number))

    assert sum(spans.succeeded) == sum(succeeded for *_, succeeded in rows)
    assert sum(spans.failed) == sum(not succeeded for *_, succeeded in rows)
    for number, (at, seconds, _) in enumerate(rows):
        busy = sum(spans.lanes["c-1", number].busy_seconds)
        within = max(0.0, min(at + seconds, 240.0) - max(at, 0.0))
        assert busy == pytest.approx(within, abs=1e-6)


def test_a_row_that_no_worker_had_ends_but_keeps_nobody_busy():
    spans = Spans(0.0, 240.0)

    spans.add(row(succeeded=False, worker=-1, seconds=0.0, at=10.0))

    assert (sum(spans.failed), spans.lanes) == (1, {})


def test_the_tail_is_when_fewer_than_half_of_the_workers_are_busy():
    spans = Spans(0.0, 240.0)

    for worker, seconds in enumerate((100, 100, 100, 160)):
        spans.add(row(worker, seconds=seconds, worker=worker))

    assert spans.busy_workers()[50] == pytest.approx(4)
    assert spans.tail_seconds() == pytest.approx(60)


def test_the_slowest_rows_are_kept_in_order_and_equal_ones_by_their_index():
    curves = RunCurves(0.0, 100.0)

    for index in range(100):
        curves.add(row(index, seconds=float(index % 50)))

    slowest = [(found.seconds, found.row_index) for found in curves.slowest()]
    assert len(slowest) == SLOWEST_ROWS
    assert slowest[:4] == [(49.0, 49), (49.0, 99), (48.0, 48), (48.0, 98)]


@pytest.mark.parametrize(("rows", "points"), [(0, 12), (100, 12), (400, 48), (1_000_000, SPANS)])
def test_few_rows_are_shown_in_few_points_which_hold_them_all(rows: int, points: int):
    spans = Spans(0.0, 240.0)
    for index in range(min(rows, 1_000)):
        spans.add(row(index, at=float(index % 239), seconds=0.5))

    shown = throughput(spans, rows)

    assert len(shown["succeeded"]) == points
    assert sum(shown["succeeded"]) * shown["seconds"] == pytest.approx(min(rows, 1_000), rel=0.01)


@pytest.mark.parametrize(
    ("consumers", "workers", "lanes", "first"),
    [
        (2, 3, 6, "c-000000 / 0"),
        (MAX_LANES, 1, MAX_LANES, "c-000000 / 0"),
        (100, 4, 100, "c-000000"),
        (300, 2, 100, "c-000000 +2"),
    ],
)
def test_many_workers_share_lanes(consumers: int, workers: int, lanes: int, first: str):
    spans = Spans(0.0, 240.0)
    for consumer in range(consumers):
        for worker in range(workers):
            spans.add(row(consumer=f"c-000000{consumer:04}", worker=worker, at=1.0, seconds=238.0))

    shown = timeline(spans)

    assert len(shown["lanes"]) == lanes
    name, digits = shown["lanes"][0]
    assert (name, digits[0], digits[100], digits[-1]) == (first, "0", "9", "0")


def write(store: FolderStore, parts: Sequence[Sequence[RowTime]]) -> list[str]:
    names = [blobs.part("c-1", number) for number, _ in enumerate(parts)]
    for name, rows in zip(names, parts, strict=True):
        store.create(name, write_part([line_of(each) for each in rows]))
    return names


def seal_of(number: int, names: Sequence[str]) -> Seal:
    return Seal(number, "incomplete", "", 8, tuple(names), 0, 0, 0, 0, 0.0)


@given(
    some.lists(some.lists(some.tuples(some.integers(0, 7), some.booleans()), max_size=6), max_size=6),
    some.lists(some.integers(0, 3), min_size=3, max_size=3),
)
def test_the_attempt_that_counts_is_the_one_of_the_merge_rule(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[list[tuple[int, bool]]], sizes: list[int]
):
    store = FolderStore(tmp_path_factory.mktemp("store"))
    number = iter(range(1_000))
    parts = [[row(index, succeeded=ok, seconds=float(next(number))) for index, ok in part] for part in drawn]
    names = write(store, parts)
    ends = [0, *accumulate(sizes), len(names)]
    seals = [seal_of(n, names[ends[n - 1] : ends[n]]) for n in range(1, len(ends))]
    by_name = dict(zip(names, parts, strict=True))
    lines = [
        Line(seal.number, each.row_index, each.succeeded, each)
        for seal in seals
        for name in seal.parts
        for each in by_name[name]
    ]

    found = list(row_times(store, 8, seals))

    assert sorted(found) == sorted(line.content for line in merge(lines).values())
    store.close()


def test_lines_of_another_layout_are_read_too(tmp_path: Path):
    text = (
        '{"outcome": "failed", "row_index": 1, "attempts": 2, "seconds": 0.5, "started_at": 3.0, '
        '"consumer": "c-ü", "worker": -1, "failure": {}}'
    )
    with closing(FolderStore(tmp_path)) as store:
        store.create("ledger/c-1.jsonl", write_part([text]))

        (found,) = row_times(store, 2, [seal_of(1, ["ledger/c-1.jsonl"])])

    assert found == RowTime(1, False, 2, 0.5, 3.0, "c-ü", -1)


def test_a_damaged_part_is_told_and_not_skipped(tmp_path: Path, wording: Wording):
    with closing(FolderStore(tmp_path)) as store:
        store.create("ledger/c-1.jsonl", write_part([line_of(row())])[:-3])

        with pytest.raises(DamagedPartError) as refused:
            list(row_times(store, 2, [seal_of(1, ["ledger/c-1.jsonl"])]))
        wording(refused)


def test_a_whole_run_is_counted(tmp_path: Path):
    rows = list(some_rows(5_000, consumers=3, workers=2))
    run = make_run(tmp_path, rows, total=5_000)
    curves = RunCurves(BEGAN_AT, max(each.started_at + each.seconds for each in rows))

    with closing(run.store()) as store:
        for each in row_times(store, 5_000, read_seals(store)):
            curves.add(each)

    assert curves.durations.rows == 5_000
    assert sum(curves.spans.succeeded) == sum(each.succeeded for each in rows)
    assert sum(curves.attempts.values()) == 5_000
    assert len(curves.spans.lanes) == 6
    busy = sum(sum(lane.busy_seconds) for lane in curves.spans.lanes.values())
    assert busy == pytest.approx(sum(each.seconds for each in rows), rel=1e-3)
