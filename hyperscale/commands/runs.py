"""`runs`: lists the runs of this folder, or those of the workspace, newest first."""

from __future__ import annotations

import argparse
import os
import shutil
from contextlib import closing
from datetime import datetime

from hyperscale.commands import ASKING, add_file, add_json, print_json, program, say, say_if_slow
from hyperscale.control.azure.azure_runs import WorkspaceRun, list_workspace_runs
from hyperscale.control.follow.finding import find_session
from hyperscale.control.run_list import RunInfo, list_runs, runs_of
from hyperscale.control.text_table import LONGEST_NAME, text_table

HEADER = ("run", "started", "experiment", "state", "succeeded", "failed", "missing", "total")
AZURE_HEADER = ("run", "started", "experiment", "state", "owner")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_file(parser)
    add_json(parser)
    parser.add_argument("--azure", action="store_true", help="the runs of the workspace, whoever submitted them")


def run(arguments: argparse.Namespace) -> int:
    """List the runs."""
    if arguments.azure:
        return _list_workspace(arguments)
    found = list_runs(runs_of(arguments.file))
    if arguments.json:
        print_json([run.to_document() for run in found])
        return 0
    if not found:
        say(f"there are no runs in {runs_of(arguments.file)}; start one with `{program()} run`")
        return 0
    lines = text_table(HEADER, [_cells(run) for run in found], _width(), LONGEST_NAME)
    if len(lines) > 1 + len(found):  # columns would be left out
        lines = [line for run in found for line in _two_lines(run)]
    print("\n".join(lines))
    return 0


def _list_workspace(arguments: argparse.Namespace) -> int:
    with say_if_slow(ASKING):
        session = find_session(arguments.file, os.environ)
        with closing(session.workspace.azure):
            found = list_workspace_runs(session)
    if arguments.json:
        print_json([run.to_document() for run in found])
    elif found:
        rows = [_azure_cells(run) for run in found]
        print("\n".join(text_table(AZURE_HEADER, rows, _width(), LONGEST_NAME)))
    else:
        say(f"there are no runs in workspace {session.place.workspace.name}; start one with `{program()} submit`")
    return 0


def _cells(run: RunInfo) -> tuple[object, ...]:
    rows = run.rows or {}
    counts = [f"{rows[name]:,}" if name in rows else "" for name in HEADER[4:]]
    return (run.run.run_id, _time(run.started_at), run.experiment, run.state, *counts)


def _two_lines(run: RunInfo) -> tuple[str, str]:
    """Return a run as a narrow terminal shows it: its name, which says experiment and time, and below it the counts."""
    rows = run.rows or {}
    counts = [f"{rows['succeeded']:,} of {rows['total'] or 0:,} succeeded"] if rows else []
    counts += [f"{rows[name]:,} {name}" for name in ("failed", "missing") if rows.get(name)]
    return run.run.run_id, f"  {', '.join([run.state, *counts])}"


def _azure_cells(run: WorkspaceRun) -> tuple[object, ...]:
    return (run.run_id, _time(run.started_at), run.experiment, run.state, run.owner)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _width() -> int:
    # As wide as it needs when it goes into a file or a pipe.
    return shutil.get_terminal_size((1_000, 24)).columns
