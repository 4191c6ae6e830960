"""Says what a check of an experiment has found: for people, and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperscale.control.reading.checking import CheckedExperiment
from hyperscale.errors import Problem
from hyperscale.experiment import Activity
from hyperscale.figures import counted, size_text
from hyperscale.input_facts import InputFacts


def checked_lines(checked: CheckedExperiment) -> list[str]:
    """Return what was found, for people."""
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


def checked_document(checked: CheckedExperiment, warnings: Sequence[Problem]) -> dict[str, Any]:
    """Return what was found, and what is worth a look, for programs."""
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
        "warnings": [problem_document(warning) for warning in warnings],
    }


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return one problem for programs."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
    }
