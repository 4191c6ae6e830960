"""`run`: executes an experiment on this machine, from files rendered by the same templates as for Azure ML."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from hyperscale.commands import add_file, add_json, add_set, complete_with_runs, say, say_if_slow
from hyperscale.commands.local_runs import add_workers, execute_and_tell, tell_end, whole_number
from hyperscale.control.local.drill import Drill, read_drill
from hyperscale.control.local.launching import Places, launched, plan_run, take_pipeline
from hyperscale.control.local.local_run import Ending
from hyperscale.control.local.resume import prepare_resume_here
from hyperscale.control.rendered.pipeline_checks import load_checked_pipeline
from hyperscale.control.run_folder import check_machine
from hyperscale.control.run_list import find_run, runs_of
from hyperscale.errors import ExperimentError

NEWEST = ""
#: A drill that names no seed draws one below: short enough to be typed again.
SEEDS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_file(parser)
    add_set(parser)
    add_json(parser)
    parser.add_argument("--rows", metavar="N", type=whole_number, help="only the first N rows (input.limit)")
    add_workers(parser)
    parser.add_argument("--queue", metavar="URL", help="folder or storage account of the queue (default: of the run)")
    parser.add_argument("--store", metavar="URL", help="folder or container of the store (default: of the run)")
    resume = parser.add_argument(
        "--resume",
        metavar="RUN",
        nargs="?",
        const=NEWEST,
        help="continue a run: its id, or the path of its folder (default: the newest run)",
    )
    complete_with_runs(resume)
    parser.add_argument(
        "--drill",
        metavar="SHARES",
        help="kill consumers and workers at random, to see the run end whole: preempt=5%%,crash=1%%[,seed=N]",
    )
    parser.add_argument("--pipeline", metavar="F", type=Path, help="execute this pipeline file, unchanged")


def run(arguments: argparse.Namespace) -> int:
    """Run it, and return the exit code that its rows earn."""
    check_machine()
    _check_combination(arguments)
    drill = read_drill(arguments.drill, lambda: secrets.randbelow(SEEDS)) if arguments.drill else None
    if arguments.resume is not None:
        return _resume(arguments, drill)
    return _start(arguments, drill)


def _start(arguments: argparse.Namespace, drill: Drill | None) -> int:
    """Run an experiment, or a given pipeline file, from its beginning."""
    places = Places(runs_of(arguments.file), arguments.queue, arguments.store)
    if arguments.pipeline:
        pipeline = load_checked_pipeline(arguments.pipeline)
        folder = places.run_of(pipeline)
        with folder.lock() as lock:
            take_pipeline(pipeline, folder)
            say(f"run {folder.run_id} executes {arguments.pipeline}, with the code that render staged beside it")
            return execute_and_tell(folder, lock, as_json=arguments.json, drill=drill)
    limit = [f"input.limit={arguments.rows}"] if arguments.rows else []
    with say_if_slow(f"checking {arguments.file}, and each row of its input"):
        planned = plan_run(
            arguments.file,
            [*arguments.overrides, *limit],
            workers=arguments.workers,
            nodes=arguments.nodes or 1,
            say=say,
        )
    with launched(planned, places) as (folder, lock):
        return execute_and_tell(folder, lock, as_json=arguments.json, drill=drill)


def _resume(arguments: argparse.Namespace, drill: Drill | None) -> int:
    """Go on with a run whose processes are gone."""
    folder = find_run(runs_of(arguments.file), arguments.resume or None)
    with folder.lock() as lock:
        results = prepare_resume_here(folder)
        if results is None:
            say(f"run {folder.run_id} goes on")
            return execute_and_tell(folder, lock, as_json=arguments.json, drill=drill)
    say(f"run {folder.run_id} is complete: nothing is left to run")
    return tell_end(Ending({}, {}, 0, ""), results, folder, as_json=arguments.json)


def _check_combination(arguments: argparse.Namespace) -> None:
    if arguments.resume is not None:
        fixed: tuple[str, ...] = ("rows", "workers", "nodes", "queue", "store", "pipeline", "overrides")
        what = "--resume, which executes the files of the run unchanged"
    elif arguments.pipeline is not None:
        fixed, what = ("rows", "workers", "nodes", "overrides"), "--pipeline, which executes the file unchanged"
    else:
        return
    for name in fixed:
        if getattr(arguments, name):
            option = "--set" if name == "overrides" else f"--{name}"
            raise ExperimentError(f"{option} cannot be given with {what}", hint=f"leave {option} out")
