"""Show what would be made: clusters, nodes, messages; with --azure, where quota is, and what it takes and costs."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from hyperscale.commands import add_file, add_json, add_set, print_json, say, say_if_slow, say_warnings
from hyperscale.control.options import check_seconds_per_row, is_seconds
from hyperscale.control.plan_table import plan_document, plan_line, plan_table
from hyperscale.control.planning import open_plan, save_plan
from hyperscale.errors import ExperimentError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take FILE or a saved plan, --azure, --seconds-per-row, --set, --out and --json."""
    add_file(parser, or_plan=True)
    add_set(parser)
    parser.add_argument("--azure", action="store_true", help="ask the workspace for quota, sizes and prices")
    parser.add_argument(
        "--seconds-per-row",
        metavar="S",
        type=_seconds,
        help="how long a row takes (default: as the last trial measured)",
    )
    parser.add_argument("--out", metavar="P", type=Path, help="save the plan here, for `render P` and `submit P`")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan of an experiment."""
    check_seconds_per_row(arguments.seconds_per_row, azure=arguments.azure)
    environ = os.environ if arguments.azure else None
    planned = open_plan(arguments.file, arguments.overrides, environ, say)
    if planned.azure is not None and arguments.seconds_per_row is not None:
        raise ExperimentError("a saved plan has its time and cost already", hint="leave --seconds-per-row out")
    if environ is not None:
        from hyperscale.control.azure.azure_planning import (
            plan_from_azure,  # its libraries are not for the plan offline
        )

        with say_if_slow("asking Azure for identities, roles, quota, sizes and prices"):
            planned = plan_from_azure(planned, environ, arguments.seconds_per_row)
    say_warnings(planned.checked.warnings)
    if arguments.out:
        save_plan(planned, arguments.out)
    if arguments.json:
        print_json(plan_document(planned))
        return 0
    print("\n".join([*plan_table(planned), "", plan_line(planned.plan)]))
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not is_seconds(seconds):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
