"""`results`: says where the results of a run are, with the proved count and a look at the first rows."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.commands import ASKING, add_json, add_run_anywhere, print_json, program, say, say_if_slow
from hyperscale.control.follow.finding import find_anywhere
from hyperscale.control.follow.verdicts import next_lines, without_results
from hyperscale.control.results_table import Preview, copy_results, is_too_far, read_preview
from hyperscale.control.run_list import read_results
from hyperscale.control.summary import summary_lines
from hyperscale.control.text_table import text_table
from hyperscale.node.collecting.results_copy import copy_lines, read_copy
from hyperscale.node.control import read_seed

PREVIEW_ROWS = 10
FILES = blobs.PUBLISHED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run_anywhere(parser)
    add_json(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="copy the table to FILE (.csv or .parquet)")


def run(arguments: argparse.Namespace) -> int:
    """Show them, and copy the table if asked to."""
    with say_if_slow(ASKING):
        found = find_anywhere(arguments.file, arguments.run_name, os.environ)
    store = found.folder.store()
    try:
        results = read_results(store)
        if results is None:
            raise without_results(found, program())
        files = {name: found.folder.store_file(name) for name in FILES if store.names(name)}
        if arguments.output:
            copy_results(store, arguments.output)
            say(f"copied to {arguments.output}")
        if arguments.json:
            print_json({**results, "files": files})
            return 0
        total = results["rows"]["total"]
        preview = read_preview(found.folder, store, total, PREVIEW_ROWS)
        seed = read_seed(store)
        told = copy_lines(store, read_copy(store))
    finally:
        store.close()
    if preview:
        _print_table(preview.arranged(seed.columns if seed else ()), results)
    elif is_too_far(found.folder, total):
        say(f"the first rows are not shown: a table of {total:,} rows would come over the network; -o FILE copies it")
    for name in files.values():
        print(name)
    print("\n".join(summary_lines(results)))
    for line in told:
        say(line)
    for line in next_lines(found, results, program()):
        say(line)
    return 0


def _print_table(preview: Preview, results: dict[str, Any]) -> None:
    width = shutil.get_terminal_size((120, 24)).columns
    print("\n".join(text_table(preview.columns, preview.rows, width)))
    if results["rows"]["total"] > len(preview.rows):
        print(f"(the first {len(preview.rows)} rows)")
    print()
