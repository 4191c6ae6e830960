"""`teardown`: deletes what a run that is over has left, and collects its results if nobody has."""

from __future__ import annotations

import argparse
import os

from hyperscale.blobs import MANIFEST
from hyperscale.commands import ASKING, add_json, add_run_anywhere, agreed, print_json, say, say_if_slow
from hyperscale.control.follow.claims import clusters_of_a_foreign_record, with_all_jobs
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.tearing_down import check_is_over, tear_down_here


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    parser.add_argument(
        "--data",
        action="store_true",
        help="delete its results and all else that it has in the store, and the experiment's event queues, too",
    )
    add_json(parser)
    parser.add_argument("--yes", action="store_true", help="delete data, and clusters of others' runs, without asking")


def run(arguments: argparse.Namespace) -> int:
    """Tear it down."""
    with say_if_slow(ASKING):
        found = with_all_jobs(find_anywhere(arguments.file, arguments.run_name, os.environ))
        check_is_over(found)
        foreign = clusters_of_a_foreign_record(found)
    data = f"everything in {found.folder.store_file('')}, and the event queues of all runs of {found.experiment}"
    questions = [f"delete {data}?"] if arguments.data else []
    if foreign:
        record = found.folder.store_file(MANIFEST)
        questions.insert(0, f"delete {', '.join(foreign)}? {record} names them, and this machine did not write it:")
    if not all(agreed(question, yes=arguments.yes) for question in questions):
        say("nothing was deleted")
        deleted = {"clusters": [], "queue": False, "data": False}
    else:
        gone = tear_down_here(found, say=say, with_data=arguments.data)
        say(f"run {found.run_id} is torn down: it holds no clusters and no queue")
        deleted = {"clusters": gone, "queue": True, "data": arguments.data}
    if arguments.json:
        print_json({"run_id": found.run_id, "deleted": deleted})
    return 0
