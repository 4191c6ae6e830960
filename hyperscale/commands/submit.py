"""`submit`: makes the clusters of an experiment on Azure ML, and submits its pipeline."""

from __future__ import annotations

import argparse
import os
from contextlib import closing

from hyperscale.commands import (
    ASKING,
    add_file,
    add_json,
    add_set,
    asker,
    print_json,
    program,
    say,
    say_if_slow,
    say_warnings,
)
from hyperscale.commands.followed_runs import watch_to_its_end
from hyperscale.commands.local_runs import whole_number
from hyperscale.control.azure.place import find_place
from hyperscale.control.azure.session import Session, open_session
from hyperscale.control.azure.storage_probe import check_storage
from hyperscale.control.doctor.preflight import refuse_without_identity
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.look_lines import come_back
from hyperscale.control.planning import Planned, is_saved_plan, open_plan
from hyperscale.control.submit.agreed_runs import agree_to, submit_whole
from hyperscale.control.submit.joining import join, plan_join
from hyperscale.control.submit.journal import Journal
from hyperscale.control.submit.submission_summary import next_commands, submission_document, submission_lines
from hyperscale.control.submit.submitting import computes_once
from hyperscale.control.trial.figures import trial_state
from hyperscale.errors import EXIT_INTERRUPTED, ExperimentError, PlanError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take FILE or a saved plan, --set, --rows, --join, --workers, --yes, --require-trial, --watch and --json."""
    add_file(parser, or_plan=True)
    add_set(parser)
    add_json(parser)
    parser.add_argument("--rows", metavar="N", type=whole_number, help="only the first N rows (input.limit)")
    parser.add_argument(
        "--join", metavar="RUN", help="add --workers to a run that is at work, on clusters of their own"
    )
    parser.add_argument("--workers", metavar="N", type=whole_number, help="with --join: how many more")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--require-trial",
        action="store_true",
        help="refuse unless `hyperscale trial` has succeeded with this code and input",
    )
    parser.add_argument("--watch", action="store_true", help="watch the run to its end, and end as it does")


def run(arguments: argparse.Namespace) -> int:
    """Finish what was cut short, or show what a new run would be, ask, and submit it."""
    _check_combination(arguments)
    limit = [f"input.limit={arguments.rows}"] if arguments.rows else []
    with say_if_slow(f"checking {arguments.file}, and each row of its input"):
        planned = open_plan(arguments.file, [*arguments.overrides, *limit], os.environ, say)
    refuse_without_identity(planned.checked.loaded.experiment)
    say_warnings(planned.checked.warnings)
    if not arguments.join:
        _check_trial(planned, is_required=arguments.require_trial)
    with say_if_slow(ASKING):
        session = open_session(find_place(planned.checked.loaded, os.environ))
    with closing(session.workspace.azure):
        with say_if_slow(ASKING):
            check_storage(session)
        journal = (
            _join(arguments, planned, session)
            if arguments.join
            else submit_whole(planned, session, ask=asker(yes=arguments.yes), is_fixed=is_saved_plan(arguments.file))
        )
    if arguments.json:
        print_json(submission_document(journal))
    else:
        print("\n".join(submission_lines(journal, is_join=bool(arguments.join))), flush=True)
    if arguments.watch:
        return _watch_to_its_end(arguments, journal)
    for line in next_commands(journal, program()):
        say(line)
    return 0


def _check_trial(planned: Planned, *, is_required: bool) -> None:
    """Say so, or refuse, when nobody has tried a few rows of this first."""
    state = trial_state(planned.checked)
    if state.kind != "fresh" and is_required:
        raise PlanError(state.sentence, hint="leave out --require-trial to submit all the same")
    if state.kind != "fresh":
        say(f"warning: {state.sentence}")


def _join(arguments: argparse.Namespace, planned: Planned, session: Session) -> Journal:
    found = find_anywhere(planned.checked.loaded.file, arguments.join, os.environ)
    seen = computes_once(session)
    more = plan_join(found, planned, seen, arguments.workers)
    agree_to(more, session, seen, ask=asker(yes=arguments.yes))
    return join(found, more, session, say)


def _watch_to_its_end(arguments: argparse.Namespace, journal: Journal) -> int:
    try:
        found = find_anywhere(arguments.file, journal.run_id, os.environ)
        return watch_to_its_end(found, as_json=arguments.json)
    except KeyboardInterrupt:
        say(come_back(journal.run_id, program()))
        return EXIT_INTERRUPTED


def _check_combination(arguments: argparse.Namespace) -> None:
    if bool(arguments.join) != bool(arguments.workers):
        raise ExperimentError(
            "--join RUN and --workers N belong together",
            hint="give both; of a new run they are set by --set parallelism.workers=N",
        )
