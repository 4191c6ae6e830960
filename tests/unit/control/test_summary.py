"""What people read when a run has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.control import summary
from hyperscale.control.local.local_run import Ending
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError, HyperscaleError


def results(succeeded: int = 0, failed: int = 0, missing: int = 0, **more: Any) -> dict[str, Any]:
    rows = {"succeeded": succeeded, "failed": failed, "missing": missing, "total": succeeded + failed + missing}
    return {"run_id": "r", "outcome": "incomplete", "rows": rows, "seconds": 2292.0, "rows_per_second": 8.72, **more}


def ending(
    exits: dict[str, int] | None = None, errors: dict[str, str] | None = None, stops: int = 0, broken: str = ""
) -> Ending:
    return Ending(exits or {"seed": 0, "consume_0": 0, "teardown": 0}, errors or {}, stops, broken)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.under(tmp_path, "r")


@pytest.mark.parametrize(
    ("of_run", "line"),
    [
        (
            results(19981, 19, cost_usd=112.4),
            "Done. succeeded=19,981 failed=19 missing=0 total=20,000 in 38m12s (8.7 rows/s) $112.40",
        ),
        (
            results(20000, cost_usd=None),
            "Done. succeeded=20,000 failed=0 missing=0 total=20,000 in 38m12s (8.7 rows/s)",
        ),
        (results(5, 0, 15), "Stopped. succeeded=5 failed=0 missing=15 total=20 in 38m12s (8.7 rows/s)"),
    ],
)
def test_the_last_line_is_countable(of_run: dict[str, Any], line: str) -> None:
    assert summary.summary_lines(of_run)[-1] == line


@pytest.mark.parametrize(
    ("of_run", "code"), [(results(5), 0), (results(4, 1), 6), (results(4, 0, 1), 6), (results(0, 1, 1), 6)]
)
def test_the_rows_decide_the_exit_code(of_run: dict[str, Any], code: int, folder: RunFolder) -> None:
    assert summary.verdict(ending(), of_run, folder) == code


def test_each_group_of_failures_is_repeated_with_its_first_row_and_frame(wording: Wording) -> None:
    groups = [
        {
            "type": "ValueError",
            "message": "bad\ndepth\x1b[31m",
            "signature": "ab12cd34",
            "rows": 12,
            "first_row_index": 30,
            "kind": "raised",
            "frame": "sweep.py:12 fit: x",
        },
        {"type": "WorkerKilled", "message": "", "rows": 7, "first_row_index": 50, "kind": "killed", "frame": None},
    ]

    wording(summary.failure_lines(results(1, 19, failure_groups=groups)))


def test_rows_of_groups_that_are_not_shown_are_counted_and_long_messages_are_cut(wording: Wording) -> None:
    group = {"type": "E", "message": "x" * 5000, "rows": 5, "first_row_index": 0, "kind": "raised", "frame": None}

    lines = summary.failure_lines(results(0, 1_073, failure_groups=[group] * 10))

    names(lines[0], "1,073", 10)
    names(lines[-1], "1,023", "`hyperscale failures`")
    wording(lines[-1])
    assert max(map(len, lines)) < 220


def test_missing_rows_are_explained(wording: Wording) -> None:
    names(summary.missing_lines(results(1, 0, 2, reason="limits.max_hours is 1")), 2, "limits.max_hours is 1")
    wording(summary.missing_lines(results(1, 0, 2, reason="limits.max_hours is 1")))
    assert summary.missing_lines(results(3)) == []


RETRY = (
    "failures: hyperscale failures r-1",
    "retry:    hyperscale retry r-1  (the failed rows, once the code is corrected)",
)


@pytest.mark.parametrize(
    ("of_run", "commands"),
    [
        (results(1), ["results:  hyperscale results r-1"]),
        (results(1, 1), ["results:  hyperscale results r-1", *RETRY]),
        (
            results(1, 1, 1),
            ["results:  hyperscale results r-1", "continue: hyperscale run --resume r-1", *RETRY],
        ),
        (results(1, 0, 1), ["results:  hyperscale results r-1", "continue: hyperscale run --resume r-1"]),
        (None, ["continue: hyperscale run --resume r-1"]),
    ],
)
def test_the_commands_that_help_now_follow(of_run: dict[str, Any] | None, commands: list[str]) -> None:
    assert summary.next_commands(ending(), of_run, "r-1", "hyperscale") == commands


def test_a_seed_that_refuses_the_input_ends_the_run_as_a_wrong_experiment(folder: RunFolder) -> None:
    failed = ending({"seed": 2, "teardown": 0}, {"seed": "grid.csv:7: 3 values, expected 4"})

    with pytest.raises(ExperimentError, match=r"grid\.csv:7") as caught:
        summary.verdict(failed, results(0, 0, 20), folder)

    assert str(folder.step_log("seed")) in str(caught.value.hint)


@pytest.mark.parametrize(
    ("exits", "errors", "parts", "code"),
    [
        ({"seed": -9, "teardown": 0}, {"seed": "killed by SIGKILL"}, "killed by SIGKILL", 1),
        ({"seed": 5, "teardown": 5}, {"seed": "no token", "teardown": "no token either"}, "no token", 5),
        ({"seed": 0, "teardown": 70}, {"teardown": "KeyError: 'x'"}, ("teardown", "KeyError"), 1),
        # Teardown was the first to fail, and the seed was asked to leave.
        ({"seed": -15, "teardown": 5}, {"teardown": "no token"}, ("teardown", "no token"), 5),
        ({"seed": 0}, {}, "run_results.json", 1),
    ],
)
def test_a_run_without_results_is_an_error(
    exits: dict[str, int],
    errors: dict[str, str],
    parts: str | tuple[str, ...],
    code: int,
    folder: RunFolder,
    wording: Wording,
) -> None:
    with pytest.raises(HyperscaleError) as caught:
        summary.verdict(ending(exits, errors), None, folder)

    names(caught, parts)
    wording(caught)
    assert caught.value.exit_code == code


def test_a_step_that_failed_is_named_with_its_log_but_not_after_a_stop(folder: RunFolder, wording: Wording) -> None:
    errors = {"seed": "told by the verdict", "consume_1": "it was killed by SIGKILL"}

    names(summary.step_lines(ending(errors=errors), folder), "consume_1", "SIGKILL", folder.step_log("consume_1"))
    wording(summary.step_lines(ending(errors=errors), folder))
    assert summary.step_lines(ending(errors=errors, stops=1), folder) == []


def test_an_activity_that_cannot_start_is_told_once_and_a_new_run_is_advised(
    folder: RunFolder, wording: Wording
) -> None:
    broken = ending(errors={"consume_0": "act cannot be imported"}, broken="act cannot be imported\n  act.py:1")

    commands = summary.next_commands(broken, results(0, 0, 5), "r-1", "hyperscale")

    assert summary.step_lines(broken, folder) == []
    names(commands[1:], "resume")
    wording(commands[1:])
    assert summary.next_commands(broken, results(1, 0, 4), "r-1", "hyperscale")[1].startswith("continue: ")


def test_a_retry_tells_what_became_of_the_rows_that_it_ran_itself(wording: Wording) -> None:
    retried = {"total": 3, "succeeded": 2, "failed": 1, "missing": 0, "duplicate_outcomes": 0}
    of_run = {**results(9, 1), "lineage": ["r-0", "r-1"], "retried": retried}

    *_, told, last = summary.summary_lines(of_run)

    names(told, "3 rows", "r-0", "succeeded=2 failed=1 missing=0")
    wording(told)
    assert last.startswith("Done. succeeded=9 failed=1 missing=0 total=10 in ")
