"""Check the file, the input's rows and the code's entry point; touches nothing."""

from __future__ import annotations

import argparse
import os
from typing import Any

from hyperscale.commands import add_file, add_json, add_set, print_json, say
from hyperscale.control.figures import counted, size_text
from hyperscale.control.reading.checking import CheckedExperiment, check_experiment
from hyperscale.control.reading.secret_variables import missing_secrets
from hyperscale.errors import ExperimentError, Problem
from hyperscale.experiment import Activity
from hyperscale.input_facts import InputFacts


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
        print_json({"valid": False, "message": str(error), "problems": [_problem(each) for each in error.problems]})
        return error.exit_code
    # A warning: on Azure ML the secret comes from its key vault.
    warnings = (*checked.warnings, *missing_secrets(checked.loaded, os.environ))
    if arguments.json:
        print_json({**_document(checked), "warnings": [_problem(warning) for warning in warnings]})
        return 0
    for warning in warnings:
        say(f"warning: {warning}")
    print("\n".join(_lines(checked)))
    return 0


def _lines(checked: CheckedExperiment) -> list[str]:
    experiment, facts, staged = checked.loaded.experiment, checked.facts, checked.staged
    upload = f"{counted(facts.upload_files, 'file')}, {size_text(facts.upload_bytes)}"
    rows = f"{_counted_rows(facts)}, {counted(len(facts.columns), 'column')}"
    return [
        f"name    {experiment.name}",
        f"input   {experiment.input.place}: {rows} ({', '.join(facts.columns)})",
        f"code    {experiment.activity.code}: {counted(len(staged.files), 'file')}, {size_text(staged.total_bytes)}, "
        f"{_what(experiment.activity)}",
        *(f"mount   {name}: {mount.path}" for name, mount in experiment.mounts.items()),
        f"upload  {upload} (input and mounts, when submitted)",
        "",
        f"{checked.loaded.positions.file} is valid: {rows}.",
    ]


def _counted_rows(facts: InputFacts) -> str:
    if facts.grouped_records is None:
        return f"{'~' * facts.estimated}{counted(facts.rows, 'row')}"
    return f"{counted(facts.rows, 'group')} of {counted(facts.grouped_records, 'row')}"


def _what(activity: Activity) -> str:
    if activity.parallel_script:
        return f"parallel script {activity.parallel_script}"
    return f"entry {activity.entry}" if activity.entry else f"command {activity.command}"


def _document(checked: CheckedExperiment) -> dict[str, Any]:
    facts, staged = checked.facts, checked.staged
    return {
        "valid": True,
        "file": str(checked.loaded.file),
        "experiment": checked.loaded.experiment.to_document(),
        "input": {
            "rows": facts.rows,
            "estimated": facts.estimated,
            "grouped_records": facts.grouped_records,
            "columns": list(facts.columns),
            "row_bytes": facts.row_bytes,
            "hash": facts.input_hash,
            "upload_files": facts.upload_files,
            "upload_bytes": facts.upload_bytes,
        },
        "code": {"files": [str(file) for file in staged.files], "bytes": staged.total_bytes},
        "warnings": [_problem(warning) for warning in checked.warnings],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
    }
