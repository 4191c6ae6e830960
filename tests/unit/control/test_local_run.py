"""The executor: what it decides, and that it carries it out, with steps that are tiny programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.control.local.deciding import Decision, decide
from hyperscale.control.local.local_run import Ending, LocalRun
from hyperscale.control.local.step_plans import plan_steps
from hyperscale.control.local.stopping import StopRequests
from hyperscale.control.progress import Progress
from hyperscale.control.rendered.bindings import State
from hyperscale.control.rendered.pipeline_files import load_pipeline
from hyperscale.control.run_folder import RunFolder
from hyperscale.errors import ExperimentError, RunStateError
from hyperscale.node.control import SeedRecord, read_cancel, write_manifest, write_seed
from hyperscale.node.storing.stores.folder import FolderStore

NEEDS = {"seed": (), "consume_0": ("seed",), "consume_1": ("seed",), "teardown": ()}
WORDS: dict[str, State] = {"w": "waiting", "r": "running", "s": "succeeded", "f": "failed", "k": "skipped"}


@pytest.mark.parametrize(
    ("states", "stops", "decision"),
    [
        ("wwww", 0, Decision(start=("seed", "teardown"))),
        ("rwwr", 0, Decision()),
        ("swwr", 0, Decision(start=("consume_0", "consume_1"))),
        ("srrr", 0, Decision()),
        ("ssrr", 0, Decision()),
        ("sssr", 0, Decision(cancel="steps_over", alone=True)),
        ("sfsr", 0, Decision(cancel="steps_over", alone=True)),
        ("fwwr", 0, Decision(skip=("consume_0", "consume_1"), cancel="seed_failed", alone=True)),
        ("fkkr", 0, Decision(cancel="seed_failed", alone=True)),
        ("srrs", 0, Decision(stop=("consume_0", "consume_1"))),
        ("srrf", 0, Decision(stop=("consume_0", "consume_1"))),
        ("rwws", 0, Decision(skip=("consume_0", "consume_1"), stop=("seed",))),
        ("ssss", 0, Decision()),
        ("rwwr", 1, Decision(skip=("consume_0", "consume_1"), stop=("seed",))),
        ("srrr", 1, Decision(stop=("consume_0", "consume_1"))),
        ("sssr", 1, Decision(alone=True)),
        ("fkkr", 1, Decision(alone=True)),
        ("srrs", 1, Decision(stop=("consume_0", "consume_1"))),
        ("wwww", 1, Decision(skip=("seed", "consume_0", "consume_1", "teardown"))),
        ("srrr", 2, Decision(kill=True)),
        ("rwwr", 3, Decision(skip=("consume_0", "consume_1"), kill=True)),
    ],
)
def test_what_happens_next_follows_from_the_states_and_the_wishes_to_stop(
    states: str, stops: int, decision: Decision
) -> None:
    of_jobs = {job: WORDS[letter] for job, letter in zip(NEEDS, states, strict=True)}

    assert decide(NEEDS, of_jobs, stops) == decision


class Listener:
    """Keeps what the executor shows."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.shown: list[Progress] = []

    def show(self, progress: Progress, now: float) -> None:
        self.shown.append(progress)

    def say(self, text: str) -> None:
        self.said.append(text)

    def close(self) -> None:
        pass


class Pipeline:
    """A hand-written pipeline folder: each job is a small Python script in the code folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = folder / "components" / "code"
        self.code.mkdir(parents=True)
        (folder / "pipelines").mkdir()
        self.inputs: dict[str, Any] = {"run_id": "auto", "queue": "auto", "store": "auto", "name": "it's $(x) && 'y'"}
        self.jobs: dict[str, Any] = {}

    def job(
        self, name: str, script: str, *, needs: tuple[str, ...] = (), command: str | None = None, **more: Any
    ) -> None:
        (self.code / f"{name}.py").write_text(script)
        component = {
            "type": "command",
            "name": name,
            "inputs": {"name": {"type": "string"}, **{f"of_{need}": {"type": "uri_folder"} for need in needs}},
            "outputs": {"seeded": {"type": "uri_folder"}},
            "code": "./code",
            "command": command or f"python {name}.py '${{{{inputs.name}}}}' '${{{{outputs.seeded}}}}'",
        }
        (self.folder / "components" / f"{name}.yml").write_text(json.dumps(component))
        bound = {f"of_{need}": f"${{{{parent.jobs.{need}.outputs.seeded}}}}" for need in needs}
        inputs = {"name": "${{parent.inputs.name}}", **bound}
        self.jobs[name] = {"type": "command", "component": f"../components/{name}.yml", "inputs": inputs, **more}

    @property
    def file(self) -> Path:
        file = self.folder / "pipelines" / "hand.yml"
        file.write_text(json.dumps({"type": "pipeline", "inputs": self.inputs, "jobs": self.jobs}))
        return file


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "with spaces and ü")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.under(tmp_path / "runs", "r-1")


def execute(
    pipeline: Pipeline, run: RunFolder, *, stops: StopRequests | None = None, listener: Listener | None = None
) -> Ending:
    plans = plan_steps(load_pipeline(pipeline.file), run, python=sys.executable, environment=os.environ)
    with run.lock() as lock:
        return LocalRun(run, plans, display=listener or Listener(), stops=stops or StopRequests(), lock=lock).execute()


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answer: list[Any] = []
    thread = threading.Thread(target=lambda: answer.append(work()))
    thread.start()
    return thread, answer


def wait_until(is_true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_steps_run_in_the_order_of_their_bindings_and_pass_folders_on(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.job(
        "consume_0",
        "import sys, pathlib\nprint(pathlib.Path(sys.argv[1], 'rows').read_text())",
        needs=("seed",),
        command="python consume_0.py '${{inputs.of_seed}}'",
    )
    pipeline.job("seed", "import sys, pathlib\npathlib.Path(sys.argv[2], 'rows').write_text(sys.argv[1])")

    ending = execute(pipeline, run)

    assert ending.exits == {"seed": 0, "consume_0": 0}
    assert run.step_log("consume_0").read_text() == "it's $(x) && 'y'\n"


def test_how_many_rows_are_planned_is_shown_before_they_are_seeded(pipeline: Pipeline, run: RunFolder) -> None:
    write_manifest(run.store(), {"plan": {"rows": 7}})
    pipeline.job("seed", "")
    listener = Listener()

    execute(pipeline, run, listener=listener)

    assert (listener.shown[0].phase, listener.shown[0].total) == ("seeding", 7)


def test_auto_inputs_name_the_run_and_its_folder(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.job("seed", "import sys\nprint(*sys.argv[1:], sep='\\n')")
    component = pipeline.folder / "components" / "seed.yml"
    document = json.loads(component.read_text())
    document["inputs"] = {name: {"type": "string"} for name in ("run_id", "queue", "store")}
    document["command"] = "python seed.py ${{inputs.run_id}} ${{inputs.queue}} ${{inputs.store}}"
    component.write_text(json.dumps(document))
    pipeline.jobs["seed"]["inputs"] = {name: f"${{{{parent.inputs.{name}}}}}" for name in ("run_id", "queue", "store")}

    execute(pipeline, run)

    assert run.step_log("seed").read_text().splitlines() == ["r-1", str(run.runs), str(run.runs)]


def test_an_edited_command_in_a_component_file_is_what_runs(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.job("seed", "print('as rendered')")
    component = pipeline.folder / "components" / "seed.yml"
    component.write_text(component.read_text().replace("python seed.py", "python -c 'print(1 + 1)'"))

    execute(pipeline, run)

    assert run.step_log("seed").read_text() == "2\n"


def test_a_relative_path_of_a_file_starts_from_that_file(pipeline: Pipeline, run: RunFolder) -> None:
    (pipeline.folder / "grid.csv").write_text("id\n1\n")
    pipeline.inputs["name"] = {"type": "uri_file", "path": "../grid.csv"}
    pipeline.job("seed", "import sys\nprint(open(sys.argv[1]).read())")

    execute(pipeline, run)

    assert run.step_log("seed").read_text().startswith("id\n1")


def test_variables_of_a_job_reach_its_step(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.job("seed", "import os\nprint(os.environ['OMP'])", environment_variables={"OMP": "1"})

    execute(pipeline, run)

    assert run.step_log("seed").read_text() == "1\n"


def test_a_failed_step_skips_those_below_it_and_no_others(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.job("seed", "print('error: grid.csv is empty')\nraise SystemExit(2)")
    pipeline.job("consume_0", "", needs=("seed",))
    pipeline.job("other", "")

    ending = execute(pipeline, run)

    assert ending.exits == {"seed": 2, "other": 0}
    assert ending.errors == {"seed": "grid.csv is empty"}


BREAK = """
import pathlib, sys
from hyperscale.node.storing.stores.folder import FolderStore
fields = {"role": "consume", "state": "broken", "life": 0, "message": "no module named sweep"}
FolderStore(pathlib.Path(sys.argv[1])).beat("consumers/c-1", fields)
raise SystemExit(1)
"""


def test_why_a_consumer_cannot_start_is_said_though_it_was_not_looked_at_again(
    pipeline: Pipeline, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderStore, "poll_seconds", 3_600.0)
    pipeline.inputs["name"] = str(run.path)
    write_seed(run.store(), SeedRecord("s-1", 3, 1, ("id",), {"id": "string"}, None, "hash", 0.0))
    pipeline.job("consume_0", BREAK)
    listener = Listener()

    ending = execute(pipeline, run, listener=listener)

    names(listener.said, "sweep")
    assert ending.broken == "no module named sweep"


WAIT_FOR_CANCEL = """
import pathlib, sys, time
deadline = time.monotonic() + 30
while not list(pathlib.Path(sys.argv[1]).glob("control/cancel-*.json")):
    assert time.monotonic() < deadline
    time.sleep(0.02)
"""


@pytest.fixture
def waiting_teardown(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.inputs["name"] = str(run.path)
    pipeline.job("teardown", WAIT_FOR_CANCEL)


@pytest.mark.usefixtures("waiting_teardown")
def test_a_failed_seed_ends_the_run_for_teardown_with_its_error(pipeline: Pipeline, run: RunFolder) -> None:
    pipeline.job("seed", "print('error: grid.csv is empty')\nraise SystemExit(2)")

    ending = execute(pipeline, run)

    marker = read_cancel(run.store(), 0)
    assert marker is not None
    assert (marker.reason, marker.message) == ("seed_failed", "grid.csv is empty")
    assert ending.exits["teardown"] == 0


@pytest.mark.usefixtures("waiting_teardown")
def test_rows_that_all_consumers_left_behind_end_the_run_for_teardown(pipeline: Pipeline, run: RunFolder) -> None:
    queue = run.queue()
    queue.create()
    queue.put("rows that nobody works on")
    queue.close()
    pipeline.job("seed", "")
    pipeline.job("consume_0", "print('error: ModuleNotFoundError: sweep')\nraise SystemExit(1)", needs=("seed",))

    execute(pipeline, run)

    marker = read_cancel(run.store(), 0)
    assert marker is not None
    assert (marker.reason, marker.message) == ("steps_over", "step consume_0 failed: ModuleNotFoundError: sweep")


@pytest.mark.usefixtures("waiting_teardown")
def test_a_consumer_that_was_killed_is_said_to_be_gone_and_those_of_earlier_lives_are_let_be(
    pipeline: Pipeline, run: RunFolder
) -> None:
    store = run.store()
    store.beat("consumers/c-old", {"role": "consume", "state": "running", "life": -1})
    store.beat("consumers/c-new", {"role": "consume", "state": "running", "life": 0, "rows_done": 7})
    store.beat("consumers/c-broken", {"role": "consume", "state": "broken", "life": 0, "message": "no module"})
    pipeline.job("seed", "raise SystemExit(1)")

    execute(pipeline, run)

    states = {name: (fields["state"], fields.get("rows_done")) for name, _, fields in store.beats("consumers/")}
    assert states == {
        "consumers/c-old": ("running", None),
        "consumers/c-new": ("left", 7),
        "consumers/c-broken": ("broken", None),
    }


@pytest.mark.parametrize("is_made", [True, False])
def test_a_drained_queue_is_left_to_teardown(pipeline: Pipeline, run: RunFolder, is_made: bool) -> None:
    if is_made:
        queue = run.queue()
        queue.create()
        queue.close()
    pipeline.job("seed", "")
    pipeline.job("teardown", "import time\ntime.sleep(1)")

    ending = execute(pipeline, run)

    assert read_cancel(run.store(), 0) is None
    assert ending.exits == {"seed": 0, "teardown": 0}


def test_steps_that_outlive_teardown_are_asked_to_stop(pipeline: Pipeline, run: RunFolder) -> None:
    ready = run.runs / "ready"
    pipeline.inputs["name"] = str(ready)
    pipeline.job("teardown", "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)")
    pipeline.job("consume_0", "import sys, time\nopen(sys.argv[1], 'w').close()\ntime.sleep(60)")

    ending = execute(pipeline, run)

    assert ending.exits == {"teardown": 0, "consume_0": -signal.SIGTERM}
    assert ending.errors == {}


STOPS_POLITELY = """
import signal, sys, time, pathlib
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pathlib.Path(sys.argv[2], "ready").touch()
time.sleep(60)
"""


@pytest.mark.usefixtures("waiting_teardown")
def test_the_first_wish_to_stop_reaches_consumers_as_a_signal_and_teardown_as_a_marker(
    pipeline: Pipeline, run: RunFolder
) -> None:
    pipeline.job("consume_0", STOPS_POLITELY)
    pipeline.job("later", "", needs=("consume_0",))
    stops, listener = StopRequests(), Listener()
    thread, answer = in_background(lambda: execute(pipeline, run, stops=stops, listener=listener))
    wait_until((run.step_output("consume_0", "seeded") / "ready").exists)

    stops.count = 1
    thread.join(30)

    marker = read_cancel(run.store(), 0)
    assert marker is not None
    assert marker.reason == "user"
    assert answer[0].exits == {"consume_0": 0, "teardown": 0}
    assert answer[0].stop_requests == 1
    assert [line.partition(":")[0] for line in listener.said] == ["stopping"]
    assert (listener.shown[-1].phase, listener.shown[-1].seconds_left) == ("stopping", None)


class SlowListener(Listener):
    """Takes its time to say something: until the step that was asked to stop has answered."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    def say(self, text: str) -> None:
        super().say(text)
        wait_until(lambda: bool(self._log.read_text()))


TELLS_WHETHER_CANCELLED = """
import pathlib, signal, sys, time
def tell(*_):
    print(bool(list(pathlib.Path(sys.argv[1]).glob("control/cancel-*.json"))))
    sys.exit(0)
signal.signal(signal.SIGTERM, tell)
pathlib.Path(sys.argv[2], "ready").touch()
time.sleep(60)
"""


@pytest.mark.usefixtures("waiting_teardown")
def test_a_consumer_that_is_asked_to_stop_finds_the_marker_and_so_writes_what_is_finished(
    pipeline: Pipeline, run: RunFolder
) -> None:
    pipeline.job("consume_0", TELLS_WHETHER_CANCELLED)
    stops, listener = StopRequests(), SlowListener(run.step_log("consume_0"))
    thread, _ = in_background(lambda: execute(pipeline, run, stops=stops, listener=listener))
    wait_until((run.step_output("consume_0", "seeded") / "ready").exists)

    stops.count = 1
    thread.join(30)

    assert run.step_log("consume_0").read_text() == "True\n"


def test_the_second_wish_to_stop_kills_everything(pipeline: Pipeline, run: RunFolder) -> None:
    stubborn = STOPS_POLITELY.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
    pipeline.job("consume_0", stubborn)
    pipeline.job("teardown", stubborn)
    stops = StopRequests()
    thread, answer = in_background(lambda: execute(pipeline, run, stops=stops))
    wait_until(lambda: all((run.step_output(job, "seeded") / "ready").exists() for job in ("consume_0", "teardown")))

    stops.count = 2
    thread.join(30)

    assert set(answer[0].exits.values()) == {-signal.SIGKILL}


def test_signals_are_counted_while_a_run_goes_on_and_given_back_after_it() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with StopRequests() as stops:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        wait_until(lambda: stops.count == 2)

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_program_that_cannot_be_started_ends_the_others(pipeline: Pipeline, run: RunFolder, wording: Wording) -> None:
    pipeline.job("consume_0", "import time\ntime.sleep(60)")
    pipeline.job("seed", "", command="no-such-program")

    with pytest.raises(ExperimentError) as refused:
        execute(pipeline, run)
    names(refused, "seed")
    wording(refused)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            lambda p: p.job("seed", "", command="python seed.py && echo"),
            ("seed.yml", "job seed", "&&"),
        ),
        (lambda p: p.job("seed", "", command="python ${{inputs.nam}}"), "${{inputs.nam}}"),
        (lambda p: p.job("seed", "", needs=("sed",)), "${{parent.jobs.sed.outputs.seeded}}"),
        (lambda p: p.inputs.update(name={"type": "uri_file", "path": "https://x/y.csv"}), "https://x/y.csv"),
        (lambda p: p.code.rename(p.code.with_name("gone")), "folder"),
    ],
)
def test_a_pipeline_that_cannot_be_executed_here_starts_nothing(
    pipeline: Pipeline,
    run: RunFolder,
    change: Callable[[Pipeline], Any],
    parts: str | tuple[str, ...],
    wording: Wording,
) -> None:
    pipeline.job("other", "")
    pipeline.job("seed", "")
    change(pipeline)

    with pytest.raises(ExperimentError) as refused:
        execute(pipeline, run)

    names(refused, parts)
    wording(refused)

    assert not run.step_log("other").exists()


def test_a_live_run_is_locked_until_its_last_step_is_gone(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, wording: Wording
) -> None:
    monkeypatch.setattr("hyperscale.control.run_folder.LOCK_WAIT_SECONDS", 0.1)
    with run.lock() as lock:
        step = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
        with pytest.raises(RunStateError) as refused, run.lock():
            pass
        names(refused, "r-1", os.getpid())
        wording(refused, hidden={os.getpid(): "<process>"})
    assert run.is_locked()

    step.communicate(b"\n")

    with run.lock():
        assert run.is_locked()
    assert not run.is_locked()
