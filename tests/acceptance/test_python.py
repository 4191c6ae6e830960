"""Experiments and runs as Python code holds them: the same as the commands, without a terminal."""

from __future__ import annotations

import json
import logging
import math
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from azure_site import AzureSite
from command_line import Command
from emulator import Emulator
from wordings import Wording, line_names, names

from hyperscale import (
    ExperimentError,
    ExperimentFile,
    HyperscaleError,
    IncompleteRunError,
    Run,
    RunStateError,
    load,
    run_experiment,
)
from hyperscale.control.local.local_run import Ending
from hyperscale.control.planning import Planned
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.trial.trying import Tried

SQUARES = """
import pathlib, time

def square(row, context):
    number, gate = row["number"], context.arguments.get("gate")
    while gate and number > 2 and not pathlib.Path(gate).exists():
        pathlib.Path(gate).with_name("waits").touch()
        time.sleep(0.01)
    if number in context.arguments["bad"]:
        raise ValueError(f"no {number}")
    return {"square": number * number, "said": "<script>alert(1)</script>"}
"""
ROWS = 8


def make(folder: Path) -> Path:
    """Write an experiment, two rows of which fail, and return its file."""
    (folder / "src").mkdir()
    (folder / "src" / "squares.py").write_text(SQUARES)
    (folder / "rows.csv").write_text("number,name\n" + "".join(f"{number},n{number}\n" for number in range(ROWS)))
    document = {
        "name": "squares",
        "description": "<i>Numbers</i>",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}, "key": "name"},
        "activity": {"code": "src", "entry": "squares:square", "arguments": {"bad": [2, 5]}, "max_attempts": 1},
        "parallelism": {"workers": 2, "rows_per_message": 1},
    }
    file = folder / "experiment.yaml"
    file.write_text(json.dumps(document))
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> ExperimentFile:
    return load(make(tmp_path_factory.mktemp("squares")))


@pytest.fixture(scope="module")
def run(experiment: ExperimentFile) -> Run:
    """A run of which two rows failed."""
    return experiment.run(workers=2)


def test_a_run_with_failed_rows_raises_nothing_and_is_not_ok(run: Run):
    assert not run.ok
    assert run.outcome == "incomplete"
    assert run.counts == (ROWS, ROWS - 2, 2, 0)
    assert run.counts.failed == 2
    assert run.last_line.startswith("Done. succeeded=6 failed=2 missing=0 total=8 in ")
    with pytest.raises(IncompleteRunError) as refused:
        run.raise_if_incomplete()
    names(refused, "2 rows", "1 failure group")


def test_results_are_a_table_of_pyarrow_or_pandas(run: Run):
    table, frame = run.results(), run.to_pandas()

    assert table.column("row_index").to_pylist() == list(range(ROWS))
    assert table.column("square").to_pylist() == [0, 1, None, 9, 16, None, 36, 49]
    assert frame["name"].tolist() == [f"n{number}" for number in range(ROWS)]
    assert len(frame) == table.num_rows


def test_without_pandas_it_is_said_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch):
    run.results()  # pyarrow looks for pandas when it is first used
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(HyperscaleError) as raised:
        run.to_pandas()
    names(raised, "pandas")

    assert "pip install pandas" in str(raised.value.hint)


def test_failures_are_a_table_of_rows_and_groups_of_reasons(run: Run):
    failed, groups = run.failures().to_pylist(), run.failure_groups()

    assert [(row["row_index"], row["key"], row["message"]) for row in failed] == [(2, "n2", "no 2"), (5, "n5", "no 5")]
    assert {(row["type"], row["attempts"], row["signature"]) for row in failed} == {
        ("ValueError", 1, groups.groups[0].signature)
    }
    assert failed[0]["frames"][-1].startswith("squares.py:10 square: raise ValueError")
    assert [(group.rows, group.type) for group in groups.groups] == [(2, "ValueError")]
    names(str(groups), "2 failed rows", "1 failure group")
    assert f": hyperscale retry {run.folder} --where " in str(groups), "its id would be looked for here"
    with pytest.raises(ExperimentError, match="--where"):
        run.failure_groups("tpye=ValueError")


def test_a_run_is_found_again_by_its_id_and_as_the_newest(experiment: ExperimentFile, run: Run):
    again = [experiment.open_run(), experiment.open_run(run.run_id), experiment.runs()[0]]

    assert {one.run_id for one in again} == {run.run_id}
    with pytest.raises(RunStateError) as refused:
        experiment.open_run("squares-1")
    names(refused, "'squares-1'")


def test_a_run_that_is_over_is_watched_resumed_and_reported_at_once(run: Run, capsys: pytest.CaptureFixture[str]):
    assert run.watch().resume() is run
    told = capsys.readouterr().err
    assert told.count(f"report:   {run.report()}\n") == 2
    assert "nothing is left to run" in told
    assert run.report().read_text("utf-8").lower().startswith("<!doctype html>")
    assert run.report(run.folder / "mine.html").is_file()


def test_a_notebook_shows_values_as_they_are(experiment: ExperimentFile, run: Run):
    shown = [one._repr_html_() for one in (experiment, run, experiment.validate(), experiment.plan())]

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown[1]
    assert "&lt;i&gt;Numbers&lt;/i&gt;" in shown[0]
    assert not [text for text in shown if "<script" in text or "<i>" in text]
    assert run.last_line in shown[1]
    assert "8 rows in 8 messages" in shown[3]


def test_what_is_shown_is_what_the_commands_print(experiment: ExperimentFile, hyperscale: Command):
    folder = experiment.file.parent
    validation, plan = experiment.validate(), experiment.plan()

    answers = {name: hyperscale(name, "experiment.yaml", folder=folder).stdout for name in ("validate", "plan")}

    assert answers == {"validate": f"{validation}\n".replace(f"{folder}/", ""), "plan": f"{plan}\n"}
    assert (validation.rows, validation.columns, plan.plan.rows) == (ROWS, ("number", "name"), ROWS)


def test_retry_runs_the_failed_rows_and_figures_are_of_all_together(run: Run, capsys: pytest.CaptureFixture[str]):
    half = run.retry("rows=2", {"activity.arguments.bad": []}, workers=1)
    assert f"report:   {half.report()}\n" in capsys.readouterr().err
    whole = half.retry(overrides={"activity.arguments.bad": []})

    assert half.counts == (ROWS, ROWS - 1, 1, 0)
    assert whole.ok
    assert whole.raise_if_incomplete() is whole
    assert whole.results().column("square").to_pylist() == [number * number for number in range(ROWS)]
    assert whole.retry() is whole


def test_a_trial_tells_what_the_full_run_will_be_like(file: Path):
    trial = load(file).trial(3, seed=7, workers=1)

    assert trial.figures is not None
    assert trial.figures.rows == 3
    assert trial.run.counts.total == 3
    line_names(str(trial), "8 rows")
    assert trial.document["full_run"]["rows"] == ROWS


def test_a_trial_shows_its_first_failure_as_the_command_does(file: Path):
    trial = load(file).trial(ROWS, workers=1)

    assert trial.document["first_failure"]["row_index"] == 2
    assert str(trial).startswith("row 2 failed after 1 attempt:\n  squares.py:10 square: ")
    assert str(trial).splitlines()[-1] == trial.run.last_line


def test_a_trial_whose_code_cannot_start_shows_what_it_came_to(file: Path):
    (file.parent / "src" / "squares.py").write_text(f"1 / 0\n{SQUARES}")

    trial = load(file).trial(2, workers=1)

    assert trial.figures is None
    assert trial.document["rows"]["missing"] == 2
    assert "2 rows missing: " in str(trial)


def test_a_trial_that_came_to_nothing_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(full: Planned, *_: object, **__: object) -> Tried:
        ending = Ending({"seed": 2}, {"seed": "row 3 is wrong"}, 0, "")
        return Tried(RunFolder.under(file.parent, "r-1"), full, ending, None, None)

    monkeypatch.setattr("hyperscale.control.handles.experiment_file.try_here", refused)

    with pytest.raises(ExperimentError, match="row 3 is wrong"):
        load(file).trial(2)


def test_a_plan_shows_what_is_worth_a_look(file: Path):
    (file.parent / "src" / "io.py").touch()

    plan = load(file).plan()

    names(plan.warnings[0], "`import io`", "src/io.py")
    assert str(plan).splitlines()[0] == f"warning: {plan.warnings[0]}"


def test_a_run_in_another_thread_of_the_first_rows(file: Path, capsys: pytest.CaptureFixture[str]):
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(run_experiment(file, rows=2, workers=1)))
    logging.getLogger("hyperscale.talk").setLevel(logging.ERROR)

    try:
        thread.start()
        thread.join()
    finally:
        logging.getLogger("hyperscale.talk").setLevel(logging.NOTSET)

    assert runs[0].ok
    assert runs[0].counts.total == 2
    assert capsys.readouterr() == ("", "")


INTERRUPTED = """
import sys
from hyperscale import load

experiment = load()
try:
    experiment.run(workers=2)
except KeyboardInterrupt:
    run = experiment.open_run()
    print(run.outcome, run.counts.missing > 0, flush=True)
    open(sys.argv[1], "w").close()
    print(run.resume().counts, flush=True)
"""


def test_an_interrupt_ends_a_run_in_good_order_and_resume_goes_on(file: Path):
    gate = file.parent / "gate"
    document = json.loads(file.read_text())
    document["activity"]["arguments"] = {"bad": [], "gate": str(gate)}
    file.write_text(json.dumps(document))
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, gate],
        cwd=file.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (file.parent / "waits").exists():
        assert program.poll() is None, program.communicate()
        time.sleep(0.01)

    program.send_signal(signal.SIGINT)
    said, told = program.communicate(timeout=60)

    assert said == f"cancelled True\nRowCounts(total={ROWS}, succeeded={ROWS}, failed=0, missing=0)\n", told
    line_names(told, "resume()")


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ({"activity.max_attempts": "a"}, ("activity.max_attempts", "'a'")),
        ({"parallelism.worker": 1}, ("parallelism.worker", "'workers'")),
        ({"tags": {1, 2}}, ("tags", "set")),
    ],
)
def test_an_error_says_all_that_is_wrong(
    file: Path, overrides: dict[str, object], parts: tuple[str, ...], wording: Wording
):
    with pytest.raises(ExperimentError) as raised:
        load(file, overrides)

    names(raised, *parts)
    wording(raised)
    if sys.version_info >= (3, 11):
        # A traceback says it, too.
        names("".join(traceback.format_exception(raised.value)), *parts)


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda experiment: experiment.run(workers=0), ("workers", 0, 1)),
        (lambda experiment: experiment.run(workers=-1), ("workers", -1)),
        (lambda experiment: experiment.run(nodes=0), ("nodes", 0)),
        (lambda experiment: experiment.run(rows=True), ("rows", True)),
        (lambda experiment: experiment.trial(-1), ("rows", -1)),
        (lambda experiment: experiment.trial(workers=1.5), ("workers", 1.5)),
        (lambda experiment: experiment.submit(rows=0), ("rows", 0)),
        (lambda experiment: experiment.open_run().retry(workers=0), ("workers", 0)),
        (lambda experiment: experiment.plan(seconds_per_row=3), "--seconds-per-row"),
        (lambda experiment: experiment.plan(azure=True, seconds_per_row=0), ("--seconds-per-row", 0)),
        (lambda experiment: experiment.plan(azure=True, seconds_per_row=math.nan), ("--seconds-per-row", "nan")),
        (lambda experiment: load(experiment.file, ["a=b"]), ("overrides", "['a=b']")),
    ],
)
def test_arguments_are_checked_as_options_are(
    experiment: ExperimentFile,
    run: Run,
    call: Callable[[ExperimentFile], object],
    parts: str | tuple[object, ...],
    wording: Wording,
):
    with pytest.raises(ExperimentError) as refused:
        call(experiment)
    names(refused, parts)
    wording(refused)


def test_a_run_that_has_no_results_says_so(file: Path):
    (file.parent / "src" / "squares.py").write_text("def square(row):\n    raise SystemError\n")
    with pytest.raises(RunStateError) as refused:
        load(file).open_run()
    names(refused, file.parent)


SUBMITTED = """
from hyperscale import RunStateError, load

run = load().submit(rows=3)
print(repr(run))
try:
    run.results()
except RunStateError as error:
    print(error)
print(load().open_run().run_id == run.run_id)
"""


def test_a_run_on_azure_ml_is_submitted_without_a_question(tmp_path: Path, still: Emulator):
    site = AzureSite(tmp_path, still, rows=4)

    answer = subprocess.run(
        [sys.executable, "-c", SUBMITTED],
        cwd=site.folder,
        env=site.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )

    lines = answer.stdout.splitlines()
    assert lines[0].endswith(": no results yet>"), answer.stderr
    assert "is still running" in lines[1]
    assert lines[2:] == ["True"]
    assert "3 rows in 3 messages" in " ".join(answer.stderr.split())
