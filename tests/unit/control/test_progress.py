"""What the heartbeats of a run say to people."""

from __future__ import annotations

import pytest

from hyperscale.control.progress import Pace, PlainDisplay, Progress, duration, progress_line, rate_text, read_progress


def beat(
    role: str = "consume", state: str = "running", life: int = 0, **fields: object
) -> tuple[str, float, dict[str, object]]:
    return "consumers/x", 0.1, {"role": role, "state": state, "life": life, **fields}


def test_the_counts_of_the_consumers_of_this_life_stand_on_those_of_the_ledger() -> None:
    beats = [
        beat(rows_done=3, rows_failed=1, rows_held=2, workers=2),
        beat(rows_done=4, rows_failed=0, rows_held=1, workers=1),
        beat(rows_done=5, rows_held=9, workers=7, life=-1),
        beat(role="seed", rows_done=100),
    ]

    progress = read_progress(beats, 20, seeded=True, life=0, done_before=6, failed_before=2)

    assert (progress.done, progress.failed, progress.held, progress.workers) == (13, 3, 3, 3)


@pytest.mark.parametrize(
    ("beats", "total", "seeded", "phase"),
    [
        ([], None, False, "seeding"),
        ([beat(role="seed", rows_seeded=5)], 10, False, "seeding"),
        ([], 10, True, "workers starting"),
        ([beat(state="starting", workers=2)], 10, True, "workers starting"),
        ([beat(rows_done=1, rows_held=4, workers=2)], 10, True, "running"),
        ([beat(rows_done=6, rows_held=4, workers=2)], 10, True, "last rows in flight"),
        ([beat(state="left", rows_done=6, workers=2)], 10, True, "waiting for workers"),
        ([beat(state="left", rows_done=10)], 10, True, "proving the count"),
        ([beat(rows_done=12, workers=1)], 10, True, "proving the count"),
        ([beat(rows_done=10), beat(role="teardown", state="running")], 10, True, "proving the count"),
        ([beat(rows_done=10), beat(role="teardown", state="collecting")], 10, True, "writing the results"),
        ([beat(rows_done=10), beat(role="teardown", state="left")], 10, True, "writing the results"),
        ([beat(rows_done=5), beat(role="teardown", state="collecting", life=-1)], 10, True, "waiting for workers"),
    ],
)
def test_the_phase_is_said_in_words(
    beats: list[tuple[str, float, dict[str, object]]], total: int | None, seeded: bool, phase: str
) -> None:
    assert read_progress(beats, total, seeded=seeded, life=0).phase == phase


def test_a_consumer_that_cannot_work_says_why() -> None:
    beats = [
        beat(state="broken", message="old", life=0),
        beat(state="broken", message="ModuleNotFoundError: sweep", life=1),
    ]

    assert read_progress(beats, 10, seeded=True, life=1).broken == "ModuleNotFoundError: sweep"


def test_a_heartbeat_with_missing_or_strange_fields_counts_as_nothing() -> None:
    assert read_progress([beat(rows_done=None, workers="many")], 10, seeded=True, life=0).done == 0


def test_rate_and_time_left_follow_the_last_half_minute() -> None:
    pace = Pace()
    for now, done in ((0.0, 0), (50.0, 10), (60.0, 110), (80.0, 310)):
        progress = pace.add(Progress("running", done=done, total=610), now)

    assert progress.rows_per_second == 10
    assert progress.seconds_left == 30


def test_a_run_that_goes_on_does_not_count_the_rows_of_its_earlier_life_into_the_rate() -> None:
    pace = Pace()
    pace.add(Progress("running", done=900, total=1000), 0.0)

    assert pace.add(Progress("running", done=910, total=1000), 10.0).rows_per_second == 1


def test_the_rate_is_unknown_before_the_first_row() -> None:
    pace = Pace()
    pace.add(Progress("running", total=10), 0.0)

    progress = pace.add(Progress("running", total=10), 5.0)

    assert (progress.rows_per_second, progress.seconds_left) == (None, None)


def test_a_worker_that_is_replaced_while_rows_finish_is_no_phase_of_its_own() -> None:
    pace = Pace()
    shown = [(0.0, 900), (1.0, 900), (2.0, 910), (3.0, 910), (8.0, 910)]

    phases = [pace.add(Progress("waiting for workers", done=done, total=1000), now).phase for now, done in shown]

    assert phases == [*["waiting for workers"] * 2, *["running"] * 2, "waiting for workers"]


@pytest.mark.parametrize("phase", ["proving the count", "writing the results", "stopping"])
def test_where_no_more_rows_are_begun_there_is_neither_rate_nor_time_left(phase: str) -> None:
    pace = Pace()
    pace.add(Progress("running", done=0, total=10), 0.0)

    progress = pace.add(Progress(phase, done=8, total=10), 2.0)

    assert (progress.rows_per_second, progress.seconds_left) == (None, None)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("running", "slow rows: none finished for 40s"),
        ("seeding", "seeding"),
        ("proving the count", "proving the count"),
    ],
)
def test_workers_that_finish_no_row_for_long_are_called_slow(phase: str, expected: str) -> None:
    pace = Pace()
    pace.add(Progress(phase, done=5, total=10), 100.0)
    pace.add(Progress(phase, done=5, total=10), 120.0)

    assert pace.add(Progress(phase, done=5, total=10), 140.0).phase == expected


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress("seeding"), "seeding"),
        (Progress("running", done=0, total=1200), "running  0/1,200 rows (0%)"),
        (
            Progress("running", done=1234, failed=19, total=20000, rows_per_second=8.71, seconds_left=2154.0),
            "running  1,234/20,000 rows (6%)  8.7 rows/s  19 failed  35m54s left",
        ),
        (Progress("running", done=199, total=200), "running  199/200 rows (99%)"),
    ],
)
def test_a_line_of_progress_says_how_far_how_fast_and_how_long(progress: Progress, line: str) -> None:
    assert progress_line(progress) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0s"),
        (4.21, "4.2s"),
        (9.96, "10s"),
        (42.4, "42s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (59.96, "1m00s"),
        (119.7, "2m00s"),
        (2292, "38m12s"),
        (3599.7, "1h00m"),
        (11100, "3h05m"),
    ],
)
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0"), (0.0000023, "<0.001"), (0.0123, "0.012"), (0.999, "1.0"), (8.71, "8.7"), (12345.6, "12,345.6")],
)
def test_a_rate_keeps_the_digits_that_mean_something(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_without_a_terminal_a_line_is_written_every_ten_seconds_and_when_the_phase_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = PlainDisplay()
    shown = [
        (0.0, "seeding"),
        (1.0, "running"),
        (1.5, "seeding"),
        (5.0, "running"),
        (11.0, "running"),
        (12.5, "slow rows: x"),
    ]
    for now, phase in [*shown, (13.6, "slow rows: y")]:
        display.show(Progress(phase), now)

    assert capsys.readouterr().err.splitlines() == ["seeding", "running", "running", "slow rows: x"]


def test_while_a_run_is_seeded_its_seeded_rows_are_shown_and_no_rate() -> None:
    progress = read_progress([beat(role="seed", rows_seeded=500)], 1000, seeded=False, life=0)
    pace = Pace()
    pace.add(progress, 0.0)

    assert progress_line(pace.add(progress, 20.0)) == "seeding  500/1,000 rows (50%)"
