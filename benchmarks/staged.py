"""An experiment made for a benchmark, and its steps started one by one as `hyperscale run` would start them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import Ended, watch

from hyperscale.control.local.launching import Places, make_run, plan_run
from hyperscale.control.local.step_plans import StepPlan, plan_steps
from hyperscale.control.rendered.pipeline_files import load_pipeline
from hyperscale.control.run_folder import RunFolder

EXPERIMENT = """\
name: bench
input: {{csv: rows.csv, key: id}}
activity: {{code: src, entry: {entry}, {activity}}}
parallelism: {{{parallelism}}}
output: {{{output}format: [{formats}], include_input: false}}
"""


def write_rows(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])


def write_experiment(
    folder: Path,
    code: str,
    *,
    entry: str,
    activity: str = "",
    parallelism: str = "",
    output: str = "",
    formats: str = "parquet",
) -> Path:
    """Write an experiment over `rows.csv` into `folder`; return its file."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / f"{entry.partition(':')[0]}.py").write_text(code)
    text = EXPERIMENT.format(entry=entry, activity=activity, parallelism=parallelism, output=output, formats=formats)
    file = folder / "experiment.yaml"
    file.write_text(text)
    return file


def run_whole(folder: Path) -> tuple[Ended, RunFolder]:
    """Execute `hyperscale run` in `folder`; return how it ended, and its run."""
    started_at = time.time()
    command = [sys.executable, "-m", "hyperscale", "run", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        results = json.loads(process.stdout.read())
        process.wait()
        ended = Ended(started_at, time.time(), 0)
    assert results["rows"]["succeeded"] == results["rows"]["total"], results["rows"]
    return ended, RunFolder.open(folder / ".hyperscale" / "runs" / results["run_id"])


@dataclass(frozen=True)
class Outcomes:
    """What the ledger of a run says; Unix seconds."""

    count: int
    seconds: float
    first_at: float
    first_done_at: float
    last_done_at: float


class StagedRun:
    """A run whose steps are started by hand."""

    def __init__(
        self, file: Path, *, workers: int, nodes: int = 1, queue: str | None = None, store: str | None = None
    ) -> None:
        """Plan and stage it, as `run` does; `queue` and `store` are URLs of storage accounts."""
        planned = plan_run(file, (), workers=workers, nodes=nodes)
        self.plan = planned.plan
        self.run = Places(file.parent / ".hyperscale" / "runs", queue, store).new_run("bench")
        make_run(planned, self.run)
        pipeline = load_pipeline(Path(self.run.read_launch().pipeline))
        self._plans = plan_steps(pipeline, self.run, python=sys.executable, environment=os.environ)
        self.run.scratch.mkdir(exist_ok=True)

    @property
    def consumers(self) -> list[str]:
        return [job for job in self._plans if job.startswith("consume")]

    def execute(self, *jobs: str, code: str | None = None) -> list[Ended]:
        """Run jobs side by side to their end; Python runs `code` in place of `-m hyperscale.node`."""
        running = [(_start(self._plans[job], code), time.time()) for job in jobs]
        return [watch(process, started_at) for process, started_at in running]

    def seed_seconds(self) -> float:
        """Return what putting all rows took, without the start of the process."""
        return float(json.loads(_read(self.run, "seed.json"))["seconds"])

    def outcomes(self) -> Outcomes:
        """Return what the ledger says."""
        return outcomes_of(self.run)


def outcomes_of(run: RunFolder) -> Outcomes:
    """Return what the ledger of `run` says."""
    with closing(run.store()) as store:
        parts = [store.read(name) for name in store.names("ledger/")]
    lines = [json.loads(line) for part in parts for line in part.splitlines()[:-1]]
    ends = [line["started_at"] + line["seconds"] for line in lines]
    return Outcomes(
        count=len(lines),
        seconds=sum(line["seconds"] for line in lines),
        first_at=min(line["started_at"] for line in lines),
        first_done_at=min(ends),
        last_done_at=max(ends),
    )


def committed_at(run: RunFolder) -> float:
    """Return when the last part of the ledger was on disk; its store is a folder of this machine."""
    return max(part.stat().st_mtime for part in Path(run.store_file("ledger")).iterdir())


def _read(run: RunFolder, name: str) -> bytes:
    with closing(run.store()) as store:
        return store.read(name)


def _start(plan: StepPlan, code: str | None = None) -> subprocess.Popen[bytes]:
    command = plan.command
    python, *module = command.arguments[:3]
    assert module == ["-m", "hyperscale.node"], command.arguments
    program = [python, *(module if code is None else ["-c", code])]
    for folder in (command.log.parent, *command.outputs):
        folder.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        return subprocess.Popen(
            [*program, *command.arguments[3:]],
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.PIPE,  # a step ends when this is closed
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
