"""`results`: says where the results of a run are, with the proved count and a look at the first rows."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.commands import add_json, add_run, print_json, program, say
from hyperscale.control.results_table import Preview, copy_results, read_preview
from hyperscale.control.run_folder import RunFolder
from hyperscale.control.run_list import find_run, name_of, read_results, runs_of
from hyperscale.control.summary import resume_command, summary_lines
from hyperscale.control.text_table import text_table
from hyperscale.errors import RunStateError
from hyperscale.node.control import read_seed

PREVIEW_ROWS = 10
FILES = (blobs.RESULTS_PARQUET, blobs.RESULTS_CSV, blobs.FAILURES_CSV, blobs.JOBLOG, blobs.RUN_RESULTS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run(parser)
    add_json(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="copy the table to FILE (.csv or .parquet)")


def run(arguments: argparse.Namespace) -> int:
    """Show them, and copy the table if asked to."""
    folder = find_run(runs_of(Path("experiment.yaml")), arguments.run_name)
    store = folder.store()
    try:
        results = read_results(store)
        if results is None:
            raise _no_results(folder)
        files = {name: folder.store_file(name) for name in FILES if store.names(name)}
        if arguments.output:
            copy_results(store, arguments.output)
            say(f"copied to {arguments.output}")
        if arguments.json:
            print_json({**results, "files": files})
            return 0
        preview = read_preview(store, PREVIEW_ROWS)
        seed = read_seed(store)
    finally:
        store.close()
    if preview:
        _print_table(preview.arranged(seed.columns if seed else ()), results)
    for name in files.values():
        print(name)
    print("\n".join(summary_lines(results)))
    if results["rows"]["missing"]:
        say(f"continue: {resume_command(name_of(folder), program())}")
    return 0


def _print_table(preview: Preview, results: dict[str, Any]) -> None:
    width = shutil.get_terminal_size((120, 24)).columns
    print("\n".join(text_table(preview.columns, preview.rows, width)))
    if results["rows"]["total"] > len(preview.rows):
        print(f"(the first {len(preview.rows)} rows)")
    print()


def _no_results(folder: RunFolder) -> RunStateError:
    if folder.is_locked():
        return RunStateError(f"run {folder.run_id} is still running", hint="its results are collected at its end")
    return RunStateError(
        f"run {folder.run_id} has no results: it was stopped before they were collected",
        hint=resume_command(name_of(folder), program()),
    )
