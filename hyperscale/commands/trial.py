"""`trial`: runs the first, the last, the longest and random rows, and tells what the full run will be like."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hyperscale.commands import add_file, add_json, add_set, asker, print_json, program, say, say_if_slow
from hyperscale.commands.local_runs import print_results, tell_log, whole_number
from hyperscale.control import summary
from hyperscale.control.azure.azure_planning import plan_for_azure
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.look_lines import come_back
from hyperscale.control.follow.verdicts import verdict_of
from hyperscale.control.follow.watching import follow
from hyperscale.control.planning import Planned, plan_offline
from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.remote.remote_data import Reads
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import name_of
from hyperscale.control.trial.measures import Measured
from hyperscale.control.trial.trial_rows import with_trial_rows
from hyperscale.control.trial.trial_table import measured_document, measured_lines
from hyperscale.control.trial.trying import keep_measured, try_here
from hyperscale.errors import EXIT_INTERRUPTED, ExperimentError
from hyperscale.figures import counted, last_line
from hyperscale.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_file(parser)
    add_set(parser)
    add_json(parser)
    parser.add_argument("--rows", metavar="N", type=whole_number, default=20, help="how many (default: 20)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="chooses the random ones (default: 0)")
    parser.add_argument("--azure", action="store_true", help="try them on one node of compute.size, on Azure ML")
    parser.add_argument("--yes", action="store_true", help="with --azure: do not ask before it is submitted")
    parser.add_argument(
        "--workers", metavar="N", type=whole_number, help="rows worked on at the same time (default: up to the cores)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Try them, and return the exit code that they earn."""
    with say_if_slow(f"checking {arguments.file}, and each row of its input"):
        reads: Reads = "rows" if arguments.azure else "run"
        full = plan_offline(_checked(arguments, (), reads))
    return _on_azure(arguments, full) if arguments.azure else _here(arguments, full)


def _here(arguments: argparse.Namespace, full: Planned) -> int:
    is_terminal = sys.stdout.isatty() and sys.stderr.isatty()
    tried = try_here(
        full,
        arguments.file,
        rows=arguments.rows,
        seed=arguments.seed,
        workers=arguments.workers,
        is_terminal=is_terminal,
    )
    _tell(tried.folder, tried.planned, full, tried.results, tried.measured, as_json=arguments.json)
    if tried.ending.stop_requests:
        return EXIT_INTERRUPTED
    return summary.verdict(tried.ending, tried.results, tried.folder)


def _on_azure(arguments: argparse.Namespace, full: Planned) -> int:
    """Try them on one node as the full run has many, and wait for that."""
    if arguments.workers:
        raise ExperimentError("--workers is for a trial on this machine", hint="set parallelism.workers_per_node")
    # Half a second to import, and more that comes with it: for runs on Azure ML alone.
    from hyperscale.control.submit.agreed_runs import submit_selected

    workers = full.plan.workers_per_node
    one_node = [
        f"parallelism.workers={workers}",
        f"parallelism.workers_per_node={workers}",
        "compute.spare_consumers=0",
    ]
    checked = with_trial_rows(_checked(arguments, one_node, "rows"), arguments.rows, arguments.seed)
    journal = submit_selected(checked, ask=asker(yes=arguments.yes))
    say(f"run {journal.run_id} tries {counted(checked.facts.rows, 'row')} of {full.plan.rows_text} on one node")
    found = find_anywhere(arguments.file, journal.run_id, os.environ)
    try:
        with follow(found, is_terminal=sys.stderr.isatty()) as follower:
            look = follower.until(lambda look: look.is_over)
    except KeyboardInterrupt:
        say(come_back(journal.run_id, program()))
        say("a trial that is left keeps no figures: for those, repeat it")
        return EXIT_INTERRUPTED
    tried, results = Planned(checked, Plan.from_document(journal.plan)), follower.results
    full = plan_for_azure(full.checked, found.session) if found.session else full
    size = full.checked.loaded.experiment.compute.size
    measured = keep_measured(found.folder, tried, full, measured_on=f"a node of {size}")
    _tell(found.folder, tried, full, results, measured, as_json=arguments.json)
    return verdict_of(found, look, results, program())


def _checked(arguments: argparse.Namespace, more: Sequence[str], reads: Reads) -> CheckedExperiment:
    overrides = [*arguments.overrides, *more]
    return check_experiment(arguments.file, overrides, _environ(arguments), reads=reads, say=say)


def _environ(arguments: argparse.Namespace) -> Mapping[str, str] | None:
    return os.environ if arguments.azure else None


def _tell(
    folder: RunFolder,
    tried: Planned,
    full: Planned,
    results: Mapping[str, Any] | None,
    measured: Measured | None,
    *,
    as_json: bool,
) -> None:
    """Print what was measured, behind the first failure if there is one; else what the run came to."""
    if measured is None:
        if results is not None:
            print_results(results, as_json=as_json)
        tell_log(folder)
        return
    if as_json:
        print_json(measured_document(measured, full))
    else:
        last = [last_line(results)] if results else []
        print("\n".join([*measured_lines(measured, tried, full, is_here=full.azure is None), "", *last]), flush=True)
    say(f"results:  {program()} results {shlex.quote(name_of(folder))}")
    if measured.first_failure:
        say(f"failures: {program()} failures {shlex.quote(name_of(folder))}")
