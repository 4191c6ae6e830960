"""Show what would be made: clusters, nodes, messages."""

from __future__ import annotations

import argparse
from pathlib import Path

from hyperscale.commands import add_file, add_json, add_set, print_json, say
from hyperscale.control.plan_table import plan_line, plan_table
from hyperscale.control.planning import open_plan, save_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take FILE, --set, --out and --json."""
    add_file(parser)
    add_set(parser)
    parser.add_argument("--out", metavar="P", type=Path, help="save the plan here, for `render P`")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan of an experiment."""
    overrides = arguments.overrides
    planned = open_plan(arguments.file, overrides)
    for warning in planned.checked.warnings:
        say(f"warning: {warning}")
    if arguments.out:
        save_plan(planned, arguments.out, overrides)
    if arguments.json:
        print_json(planned.plan.to_document())
        return 0
    print("\n".join([*plan_table(planned), "", plan_line(planned.plan)]))
    return 0
