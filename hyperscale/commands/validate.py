"""Check the file, the input's rows and the code's entry point; touches nothing."""

from __future__ import annotations

import argparse
import os

from hyperscale.commands import add_file, add_json, add_set, print_json, say, say_warnings
from hyperscale.control.reading.checked_table import checked_document, checked_lines, problem_document
from hyperscale.control.reading.checking import check_experiment
from hyperscale.control.reading.secret_variables import missing_secrets
from hyperscale.errors import ExperimentError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare FILE, --set and --json."""
    add_file(parser)
    add_set(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the experiment and say what was found."""
    try:
        checked = check_experiment(arguments.file, arguments.overrides, say=say)
    except ExperimentError as error:
        if not arguments.json:
            raise
        print_json(
            {"valid": False, "message": str(error), "problems": [problem_document(each) for each in error.problems]}
        )
        return error.exit_code
    # A warning: on Azure ML the secret comes from its key vault.
    warnings = (*checked.warnings, *missing_secrets(checked.loaded, os.environ))
    if arguments.json:
        print_json(checked_document(checked, warnings))
        return 0
    say_warnings(warnings)
    print("\n".join(checked_lines(checked)))
    return 0
