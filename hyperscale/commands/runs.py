"""`runs`: lists the runs of this folder, newest first."""

from __future__ import annotations

import argparse
import shutil
from datetime import datetime

from hyperscale.commands import add_file, add_json, print_json, program, say
from hyperscale.control.run_list import RunInfo, list_runs, runs_of
from hyperscale.control.text_table import text_table

HEADER = ("run", "started", "experiment", "state", "succeeded", "failed", "missing", "total")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_file(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List the runs."""
    found = list_runs(runs_of(arguments.file))
    if arguments.json:
        print_json([run.to_document() for run in found])
        return 0
    if not found:
        say(f"there are no runs in {runs_of(arguments.file)}; start one with `{program()} run`")
        return 0
    print("\n".join(text_table(HEADER, [_cells(run) for run in found], _width())))
    return 0


def _cells(run: RunInfo) -> tuple[object, ...]:
    started = datetime.fromtimestamp(run.started_at).strftime("%Y-%m-%d %H:%M:%S")
    rows = run.rows or {}
    counts = [f"{rows[name]:,}" if name in rows else "" for name in HEADER[4:]]
    return (run.run.run_id, started, run.experiment, run.state, *counts)


def _width() -> int:
    # As wide as it needs when it goes into a file or a pipe.
    return shutil.get_terminal_size((1_000, 24)).columns
