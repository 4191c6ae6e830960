"""Look whether a run on Azure ML has all that it needs; changes nothing."""

from __future__ import annotations

import argparse
import os

from hyperscale.commands import ASKING, add_file, add_json, add_set, print_json, say, say_if_slow
from hyperscale.control.azure.az_defaults import with_az_defaults
from hyperscale.control.doctor.checks import check_lines, exit_code, last_line
from hyperscale.control.doctor.examining import examine, person_if_logged_in
from hyperscale.control.doctor.setup_script import setup_script
from hyperscale.control.reading.loading import load_experiment
from hyperscale.errors import ExperimentError

#: What a check says that the script of `--print-setup` puts right.
_SETUP = "--print-setup"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take FILE, --set, --print-setup, --custom-role and --json."""
    add_file(parser)
    add_set(parser)
    parser.add_argument(
        "--print-setup",
        action="store_true",
        help="print a script of az lines for an administrator: identities, roles, container; nothing is executed",
    )
    parser.add_argument(
        "--custom-role",
        action="store_true",
        help="with --print-setup: define roles that allow exactly what is needed, in place of broader built-in ones",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what is in order, what is missing, and what to do about it."""
    if arguments.custom_role and not arguments.print_setup:
        raise ExperimentError("--custom-role is for --print-setup", hint="give both")
    loaded = load_experiment(arguments.file, arguments.overrides)
    if arguments.print_setup:
        experiment = with_az_defaults(loaded, os.environ).experiment
        print(setup_script(experiment, person_if_logged_in(), custom_roles=arguments.custom_role), end="")
        return 0
    with say_if_slow(ASKING):
        checks = examine(loaded, os.environ)
    if arguments.json:
        print_json({"summary": last_line(checks), "checks": [check.to_document() for check in checks]})
        return exit_code(checks)
    print("\n".join(check_lines(checks)))
    if any(_SETUP in check.todo for check in checks):
        say("`hyperscale doctor --print-setup` prints a script that an administrator can run.")
    return exit_code(checks)
