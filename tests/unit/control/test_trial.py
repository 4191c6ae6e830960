"""Which rows a trial has, what it measures, and whether it still holds."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording, line_names, names

from hyperscale.control.plan_table import plan_table
from hyperscale.control.planning import Planned, plan_offline
from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.trial.figures import (
    Trial,
    activity_hash,
    keep_trial,
    read_trial,
    trial_file,
    trial_state,
    trial_times,
)
from hyperscale.control.trial.measures import percentile
from hyperscale.control.trial.trial_rows import choose, longest_row, with_trial_rows
from hyperscale.control.trial.trial_table import (
    advised_rows_per_message,
    advised_workers_per_node,
    first_failure_lines,
    trial_lines,
)
from hyperscale.errors import HyperscaleError


def chosen(rows: int, longest: int, count: int, seed: int = 0) -> list[int]:
    return choose(rows, longest, count, random.Random(seed))


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 9), st.data())
def test_the_first_the_last_and_the_longest_row_are_tried_and_others_once_each(
    rows: int, count: int, seed: int, data: st.DataObject
) -> None:
    longest = data.draw(st.integers(0, rows - 1))

    found = chosen(rows, longest, count, seed)

    assert found == sorted(set(found))
    assert len(found) == min(rows, count)
    assert set(found) <= set(range(rows))
    assert count < 3 or {0, longest, rows - 1} <= set(found)
    assert found == chosen(rows, longest, count, seed)


def test_another_seed_chooses_other_rows() -> None:
    assert chosen(10_000, 77, 20, seed=1) != chosen(10_000, 77, 20, seed=2)


def test_every_row_can_be_chosen() -> None:
    found = {index for seed in range(300) for index in chosen(12, 5, 4, seed)}

    assert found == set(range(12))


def test_of_rows_that_are_equally_long_the_first_one_is_the_longest() -> None:
    assert longest_row([[["a"], ["bb"]], [["cc"], ["d"]]], lambda values: len(values[0])) == 1


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5.0], 0.95, 5.0), ([1.0, 2.0], 0.5, 1.0), (list(range(1, 21)), 0.95, 19), (list(range(1, 101)), 0.95, 95)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


# ---- what is kept of it


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "work.py").write_text("def work(row):\n    return row\n")
    (tmp_path / "rows.csv").write_text("number,text\n1,a\n2,bbb\n3,c\n4,d\n")
    document = {
        "name": "work",
        "input": {"csv": "rows.csv"},
        "activity": {"code": "src", "entry": "work:work", "arguments": {"epochs": 1}},
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path / "experiment.yaml"


def trial_of(checked: CheckedExperiment, **others: object) -> Trial:
    planned = plan_offline(checked)
    figures = Trial(
        run_id="work-1",
        rows=20,
        rows_failed=0,
        seconds_per_row_median=0.4,
        seconds_per_row_p95=0.9,
        slowest_row_seconds=1.3,
        set_up_seconds=2.0,
        worker_memory_mb=180.0,
        result_bytes=120.0,
        code_hash=planned.hashes["code"],
        input_hash=planned.hashes["input"],
        activity_hash=activity_hash(checked),
        measured_on="this machine (2 cores, x86_64)",
        measured_at=1_763_800_000.0,
    )
    return replace(figures, **others)  # type: ignore[arg-type]


def test_a_trial_has_its_rows_alone_and_names_the_input(file: Path) -> None:
    checked = check_experiment(file)

    tried = with_trial_rows(checked, 2, seed=0)

    assert tried.selected is not None
    assert tried.selected.rows.rows_between(0, 9) == [0, 1]
    assert (tried.facts.rows, checked.facts.rows) == (2, 4)
    assert tried.selected.selection.input_hash == checked.facts.input_hash
    assert tried.selected.selection.retry_of is None


def test_what_was_kept_is_read_again(file: Path, wording: Wording) -> None:
    checked = check_experiment(file)
    trial = trial_of(checked)

    keep_trial(checked, trial)

    assert read_trial(checked) == trial
    assert trial_file(checked) == file.parent / ".hyperscale" / "trials" / "work.json"
    times, said = trial_times(checked)
    assert times is not None
    assert (times.median_seconds, times.p95_seconds, times.set_up_seconds, said) == (0.4, 0.9, 2.0, None)
    names(times.source, "20 rows", "2 cores", "x86_64")
    wording(times.source)


def test_an_experiment_that_was_never_tried_is_told_so(file: Path, wording: Wording) -> None:
    state = trial_state(check_experiment(file))

    assert (state.kind, trial_times(check_experiment(file))) == ("none", (None, None))
    wording(state.sentence)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda folder: (folder / "src" / "work.py").write_text("def work(row):\n    return 1\n"), "code"),
        (lambda folder: (folder / "rows.csv").write_text("number,text\n1,a\n"), "input"),
        (
            lambda folder: (folder / "experiment.yaml").write_text(
                (folder / "experiment.yaml").read_text().replace('"epochs": 1', '"epochs": 100')
            ),
            "activity",
        ),
    ],
)
def test_a_trial_is_stale_when_what_it_ran_has_changed(file: Path, change: object, what: str, wording: Wording) -> None:
    checked = check_experiment(file)
    keep_trial(checked, trial_of(checked))
    assert trial_state(checked).kind == "fresh"

    change(file.parent)  # type: ignore[operator]

    now = check_experiment(file)
    assert trial_state(now).kind == "stale"
    names(trial_state(now).sentence, what, "2025-11-22 08:26 UTC")
    times, why = trial_times(now)
    assert times is None
    names(why, what, "`hyperscale trial`")
    wording(why)


def test_an_input_that_is_not_read_now_is_not_called_another(file: Path) -> None:
    checked = check_experiment(file)
    keep_trial(checked, trial_of(checked))

    now = replace(checked, facts=replace(checked.facts, input_hash=None, estimated=True))

    assert trial_state(now).kind == "fresh"


def test_a_trial_with_failed_rows_is_no_good_one(file: Path, wording: Wording) -> None:
    checked = check_experiment(file)
    keep_trial(checked, trial_of(checked, rows_failed=3))

    assert trial_state(checked).kind == "failed"
    names(trial_state(checked).sentence, "3 of 20 rows")
    wording(trial_state(checked).sentence)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}'])
def test_a_file_that_holds_no_figures_is_told(file: Path, text: str, wording: Wording) -> None:
    checked = check_experiment(file)
    keep_trial(checked, trial_of(checked))
    trial_file(checked).write_text(text)

    with pytest.raises(HyperscaleError) as refused:
        read_trial(checked)
    names(refused, trial_file(checked), "`hyperscale trial`")
    # What is wrong in it is said by Python, in words that differ.
    wording(str(refused.value).partition(": ")[0])

    times, said = trial_times(checked)
    assert times is None
    names(said, "`hyperscale trial`")
    assert trial_state(checked).kind == "none"
    names(trial_state(checked).sentence, "`hyperscale trial`")


# ---- what is said of it


@pytest.mark.parametrize(
    ("timeout", "slowest", "parts"),
    [
        (600, 1.3, ("600 s", "activity.timeout_seconds", 13)),
        (20, 1.3, "20 s"),
        (2, 1.3, ("2 s", "activity.timeout_seconds", 13)),
        (15, 0.001, "15 s"),
    ],
)
def test_the_time_out_is_compared_with_the_slowest_row(
    file: Path, timeout: int, slowest: float, parts: str | tuple[object, ...], wording: Wording
) -> None:
    full = plan_offline(check_experiment(file, [f"activity.timeout_seconds={timeout}"]))

    lines = trial_lines(trial_of(full.checked, slowest_row_seconds=slowest), full, full, is_here=True)

    (line,) = [line for line in lines if line.startswith("time-out ")]
    names(line, parts)
    wording(line)


@pytest.mark.parametrize(
    ("median", "rows", "workers", "planned", "advised"),
    [
        (0.4, 100_000, 100, 50, 50),  # 20 seconds of work in a message: nothing to mend
        (0.000_1, 1_000_000, 10, 500, 10_000),  # as many as are a second of work
        (0.000_1, 100_000, 100, 50, 250),  # of which there are too few: four messages for each worker
        (0.000_1, 100, 50, 1, 1),
    ],
)
def test_messages_with_hardly_any_work_in_them_had_better_have_more_rows(
    file: Path, median: float, rows: int, workers: int, planned: int, advised: int
) -> None:
    full = plan_offline(check_experiment(file))
    plan = replace(full.plan, rows=rows, workers=workers, rows_per_message=planned)
    trial = trial_of(full.checked, seconds_per_row_median=median)

    lines = trial_lines(trial, full, replace(full, plan=plan), is_here=True)

    assert advised_rows_per_message(trial, plan) == advised
    advice = f"; parallelism.rows_per_message: {advised:,} would save requests"
    assert any(line.endswith(advice) for line in lines) is (advised > planned)


@pytest.mark.parametrize(
    ("memory_mb", "advised", "named"),
    [
        (1_800, 4, "7,200 MB"),
        (3_000, 2, ("12,000 MB", "8,192 MB", "parallelism.workers_per_node: 2")),
        (9_000, 0, ("36,000 MB", "8,192 MB", "compute.size")),
    ],
)
def test_workers_that_a_node_has_no_memory_for_get_a_line_for_the_file(
    file: Path, memory_mb: float, advised: int, named: str | tuple[str, ...]
) -> None:
    size = ["compute.size=Standard_F4s_v2", "parallelism.workers=4"]
    full = plan_offline(check_experiment(file, size))
    unknown = plan_offline(check_experiment(file, ["compute.size=Standard_F4s_v9", size[1]]))
    trial = trial_of(full.checked, worker_memory_mb=memory_mb)

    lines = trial_lines(trial, full, full, is_here=True)

    assert (full.plan.workers_per_node, advised_workers_per_node(trial, full)) == (4, advised)
    (line,) = [line for line in lines if line.startswith("memory ")]
    names(line, named)
    assert ("set parallelism" in line) is (advised == 2)
    assert advised_workers_per_node(trial, unknown) == unknown.plan.workers_per_node == 1


def test_a_plan_says_how_long_the_run_takes_by_the_trial_and_that_rows_of_it_failed(file: Path) -> None:
    planned = plan_offline(check_experiment(file))
    untried = plan_table(planned)
    keep_trial(planned.checked, trial_of(planned.checked))
    tried = plan_table(planned)
    keep_trial(planned.checked, trial_of(planned.checked, rows_failed=3))
    failed = plan_table(planned)
    keep_trial(planned.checked, trial_of(planned.checked, code_hash="another"))
    stale = plan_table(planned)

    assert [line[:10].strip() for line in tried if line not in untried] == ["time", "cost"]
    assert any("a trial of 20 rows" in line and "2 cores, x86_64" in line for line in tried)
    assert any("3 of 20 rows" in line for line in failed)
    (said,) = (line for line in stale if line not in untried)
    names(said, "code", "`hyperscale trial`")


def test_the_price_is_told_where_it_is_known(file: Path) -> None:
    full = plan_offline(check_experiment(file))
    priced = Planned(full.checked, replace(full.plan, usd_per_node_hour=1.0))

    trial = trial_of(full.checked)
    unknown, known = ("\n".join(trial_lines(trial, full, plan, is_here=True)) for plan in (full, priced))

    line_names(unknown, "cost", "`hyperscale plan --azure`")
    assert "\ncost        $" in known


def test_what_was_measured_on_the_compute_itself_says_nothing_of_this_machine(file: Path) -> None:
    full = plan_offline(check_experiment(file))
    trial = trial_of(full.checked)

    here, there = (trial_lines(trial, full, full, is_here=is_here) for is_here in (True, False))

    assert [line[:10].strip() for line in here if line not in there] == ["but", "here"]


def test_a_failure_is_shown_with_the_users_lines_first() -> None:
    failure = {"type": "KeyError", "message": "'a'", "frames": ["a.py:1 f: g()", "a.py:2 g: d['a']"]}

    assert first_failure_lines({"row_index": 1_234, "attempts": 3, "failure": failure}) == [
        "row 1,234 failed after 3 attempts:",
        "  a.py:1 f: g()",
        "  a.py:2 g: d['a']",
        "KeyError: 'a'",
    ]
