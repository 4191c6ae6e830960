"""`run`, `runs` and `results` as a user meets them: the whole of an experiment on this machine."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from wordings import line_names, names

CODE = """
import os, pathlib, signal, time

def square(row, context):
    number = int(row["number"])
    if context.arguments.get("gate") and number >= context.arguments["gate"]:
        deadline = time.monotonic() + 60
        while not pathlib.Path(context.arguments["folder"], "open").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    if number in context.arguments.get("kill", []):
        os.kill(os.getpid(), signal.SIGKILL)
    if number in context.arguments.get("fail", []):
        raise ValueError(f"{number} is not wanted")
    return {"square": number * number}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of an experiment with 40 rows, whose path is not the easiest."""
    folder = tmp_path / "it's an ü folder"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "squares.py").write_text(CODE)
    write_rows(folder, 40)
    write_experiment(folder)
    return folder


def write_rows(folder: Path, count: int) -> None:
    (folder / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(count)))


def write_experiment(folder: Path, entry: str = "squares:square", **arguments: Any) -> None:
    document = {
        "name": "squares",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {
            "code": "src",
            "entry": entry,
            "arguments": {**arguments, "folder": str(folder)},
            "max_attempts": 1,
        },
        "parallelism": {"workers": 2, "rows_per_message": 1},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))


def the_run(folder: Path) -> Path:
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    return run


def table(run: Path) -> list[dict[str, str]]:
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        return list(csv.DictReader(text))


def wait_until(is_true: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `hyperscale run` in a group of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-m", "hyperscale", "run", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def has_rows_in_flight(folder: Path) -> bool:
    """Return whether some rows of the one run are done; others then wait at the gate."""
    beats = [json.loads(beat.read_text()) for beat in folder.glob(".hyperscale/runs/*/consumers/c-*")]
    return any(beat["rows_done"] for beat in beats)


def test_every_row_is_run_and_proved_and_the_next_command_works(
    hyperscale: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pandas.py").write_text("import os\nos.write(2, b'pandas is imported')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    ran = hyperscale("run", folder=folder)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("Done. succeeded=40 failed=0 missing=0 total=40 in ")
    run = the_run(folder)
    assert [row["square"] for row in table(run)] == [str(number**2) for number in range(40)]
    assert f" results {run.name}" in ran.stderr.splitlines()[-1]
    assert not [log for log in (run / "steps").glob("*.log") if "pandas is imported" in log.read_text()]
    copy = run / "steps" / "teardown" / "results"
    said = json.loads((copy / "copied_from.json").read_text())
    assert (said["run_id"], said["seal"], said["store"]) == (run.name, 1, str(run))
    assert set(said["files"]) == {file.name for file in copy.iterdir()} - {"copied_from.json"}
    for name in ("results.parquet", "run_results.json", "report.html"):
        assert (copy / name).read_bytes() == (run / name).read_bytes()

    looked = hyperscale("results", run.name, folder=folder)

    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.splitlines()[-1] == ran.stdout.splitlines()[-1]
    assert str(run / "results.parquet") in looked.stdout


def test_rows_that_raise_or_kill_are_named_and_the_run_says_so(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, fail=[3, 13, 23], kill=[7])

    ran = hyperscale("run", folder=folder)

    assert ran.returncode == 6, ran.stderr
    names(ran.stdout.splitlines()[0], "4 rows", "2 failure groups")
    assert "ValueError: " in ran.stdout
    assert "(first: row 7)" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("Done. succeeded=36 failed=4 missing=0 total=40 in ")
    failed = [row["row_index"] for row in table(the_run(folder)) if row["outcome"] == "failed"]
    assert failed == ["3", "7", "13", "23"]


def test_with_json_stdout_is_one_document_with_the_same_figures(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, fail=[3])

    ran = hyperscale("run", "--json", "--rows", "10", "--workers", "1", folder=folder)

    document = json.loads(ran.stdout)
    assert ran.returncode == 6
    assert document == json.loads((the_run(folder) / "run_results.json").read_text())
    assert document["rows"] == {
        "total": 10,
        "succeeded": 9,
        "failed": 1,
        "missing": 0,
        "duplicate_outcomes": 0,
        "set_aside_lines": 0,
    }
    assert document["workers"] == 1

    (listed,) = json.loads(hyperscale("runs", "--json", folder=folder).stdout)
    looked = json.loads(hyperscale("results", "--json", folder=folder).stdout)

    assert listed["run_id"] == looked["run_id"] == document["run_id"]
    assert listed["rows"] == document["rows"]
    assert Path(looked["files"]["results.csv"]).is_file()


def test_nodes_are_consumers_that_share_the_rows(hyperscale: Command, folder: Path) -> None:
    ran = hyperscale("run", "--nodes", "2", "--workers", "2", folder=folder)

    assert ran.returncode == 0, ran.stderr
    assert sorted(log.name for log in the_run(folder).glob("steps/*.log")) == [
        "consume_0.log",
        "consume_1.log",
        "seed.log",
        "teardown.log",
    ]


def test_results_are_copied_as_csv_and_as_parquet(hyperscale: Command, folder: Path) -> None:
    hyperscale("run", "--rows", "5", folder=folder)

    for name in ("copy.csv", "copy.parquet"):
        assert hyperscale("results", "-o", name, folder=folder).returncode == 0
        assert (folder / name).read_bytes() == (the_run(folder) / f"results{Path(name).suffix}").read_bytes()

    refused = hyperscale("results", "-o", "copy.xlsx", folder=folder)

    assert refused.returncode == 2
    line_names(refused.stderr, ".csv", ".parquet")


def test_an_edited_component_of_a_given_pipeline_is_what_runs(hyperscale: Command, folder: Path) -> None:
    rendered = hyperscale("render", folder=folder)
    assert rendered.returncode == 0, rendered.stderr
    component = folder / "components" / "consume.yml"
    text = component.read_text()
    edited = text.replace("-m hyperscale.node consume", "-c 'print(6 * 7)'", 1)
    assert edited != text
    component.write_text(edited)

    ran = hyperscale("run", "--pipeline", "pipelines/squares.yml", folder=folder)

    assert (the_run(folder) / "steps" / "consume_0.log").read_text() == "42\n"
    assert ran.returncode == 6
    assert ran.stdout.splitlines()[-1].startswith("Stopped. succeeded=0 failed=0 missing=40 total=40 in ")

    component.write_text(text)
    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert len(table(the_run(folder))) == 40


def test_ctrl_c_stops_in_good_order_and_resume_completes_the_table(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, gate=20)
    process = start(folder)
    wait_until(lambda: has_rows_in_flight(folder))

    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=90)

    (folder / "open").touch()
    run = the_run(folder)
    assert process.returncode == 130
    assert "stopping: rows in flight are finished or given back" in stderr
    assert stdout.splitlines()[-1].startswith("Stopped. succeeded=")
    assert f" run --resume {run.name}" in stderr.splitlines()[-1]

    resumed = hyperscale("run", "--resume", run.name, folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert [row["square"] for row in table(run)] == [str(number**2) for number in range(40)]

    again = hyperscale("run", "--resume", run.name, folder=folder)

    assert again.returncode == 0
    assert again.stdout == resumed.stdout
    assert "nothing is left to run" in again.stderr


def test_a_second_ctrl_c_leaves_at_once_and_loses_nothing(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, gate=20)
    process = start(folder)
    wait_until(lambda: has_rows_in_flight(folder))

    os.killpg(process.pid, signal.SIGTERM)
    wait_until(lambda: list(folder.glob(".hyperscale/runs/*/control/cancel-*")))
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert f" run --resume {the_run(folder).name}" in stderr.splitlines()[-1]

    refused = hyperscale("results", folder=folder)

    assert refused.returncode == 4
    assert "has no results: it was stopped before its results were collected" in refused.stderr

    (folder / "open").touch()
    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert len(table(the_run(folder))) == 40


def test_a_run_that_was_killed_is_refused_while_alive_and_resumed_when_dead(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, gate=20)
    process = start(folder)
    wait_until(lambda: has_rows_in_flight(folder))

    refused = hyperscale("run", "--resume", folder=folder)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (folder / "open").touch()
    resumed = hyperscale("run", "--resume", folder=folder)

    assert refused.returncode == 4
    assert "is still running" in refused.stderr
    assert resumed.returncode == 0, resumed.stderr
    assert [row["square"] for row in table(the_run(folder))] == [str(number**2) for number in range(40)]


def test_a_run_whose_consumers_are_all_dead_ends_by_itself_and_is_resumed(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder, gate=20)
    process = start(folder)
    wait_until(lambda: has_rows_in_flight(folder))

    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in listing.splitlines()]
    (consumer,) = [
        pid for pid, parent, args in lines if parent == str(process.pid) and "hyperscale.node consume" in args
    ]
    os.kill(int(consumer), signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 6
    line_names(stderr, "consume_0", "SIGKILL")
    line_names(stdout, "missing", "consume_0", "SIGKILL")

    (folder / "open").touch()
    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert len(table(the_run(folder))) == 40


def test_a_module_that_cannot_be_imported_charges_no_row_and_is_named_first(hyperscale: Command, folder: Path) -> None:
    (folder / "src" / "squares.py").write_text(f"import no_such_library\n{CODE}")

    ran = hyperscale("run", folder=folder)

    assert ran.returncode == 6
    assert ran.stdout.splitlines()[-1].startswith("Stopped. succeeded=0 failed=0 missing=40 total=40 in ")
    errors = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert "no_such_library" in errors[0]


def test_a_storage_account_that_nobody_is_logged_in_to_ends_the_run_with_what_to_do(
    hyperscale: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)

    ran = hyperscale("run", "--queue", "https://account.queue.core.windows.net/rows", folder=folder)

    assert ran.returncode == 5, ran.stderr
    (error,) = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert "at https://account.queue.core.windows.net/rows-squares-" in error
    assert "log in with `az login`" in error


def test_one_row_is_not_called_rows(hyperscale: Command, folder: Path) -> None:
    ran = hyperscale("run", "--rows", "1", folder=folder)

    line_names(ran.stderr, "1 row", "1 worker")


def test_a_wrong_experiment_starts_nothing(hyperscale: Command, folder: Path) -> None:
    ran = hyperscale("run", "--set", "parallelism.workers=-1", folder=folder)

    assert ran.returncode == 2
    assert "parallelism.workers" in ran.stderr
    assert not (folder / ".hyperscale").exists()


def test_a_seed_that_finds_no_input_ends_the_run_with_its_error(hyperscale: Command, folder: Path) -> None:
    hyperscale("render", folder=folder)
    (folder / "rows.csv").unlink()

    ran = hyperscale("run", "--pipeline", "pipelines/squares.yml", folder=folder)

    assert ran.returncode == 2
    assert "rows.csv" in ran.stderr


def test_an_unknown_run_is_refused_with_what_there_is(hyperscale: Command, folder: Path) -> None:
    hyperscale("run", "--rows", "1", folder=folder)

    for arguments in (("results", "squares-1"), ("run", "--resume", "squares-1")):
        refused = hyperscale(*arguments, folder=folder)
        assert refused.returncode == 4
        assert f"newest: {the_run(folder).name}" in refused.stderr


def test_a_run_is_found_from_another_folder_by_its_path(hyperscale: Command, folder: Path) -> None:
    ran = hyperscale("run", "--rows", "2", folder / "experiment.yaml", folder=folder.parent)

    looked = hyperscale("results", the_run(folder).relative_to(folder.parent), folder=folder.parent)

    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.splitlines()[-1] == ran.stdout.splitlines()[-1]


def test_queue_and_store_may_lie_elsewhere(hyperscale: Command, folder: Path) -> None:
    ran = hyperscale("run", "--rows", "2", "--store", "elsewhere", "--queue", "queues", folder=folder)

    assert ran.returncode == 0, ran.stderr
    assert len(table(folder / "elsewhere" / the_run(folder).name)) == 2
    assert hyperscale("results", folder=folder).returncode == 0


def test_on_a_terminal_a_bar_is_drawn_and_stdout_keeps_its_last_line(folder: Path) -> None:
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "hyperscale", "run"],
        cwd=folder,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "1"},
    )
    os.close(terminal)
    said = read_terminal(reader)

    assert process.wait(timeout=90) == 0
    assert "━" in said
    assert "rows/s" in said
    assert "Done. succeeded=40 failed=0 missing=0 total=40 in " in said


def read_terminal(reader: int) -> str:
    said = b""
    while True:
        try:
            more = os.read(reader, 65536)
        except OSError:
            more = b""
        if not more:
            os.close(reader)
            return said.decode(errors="replace")
        said += more
