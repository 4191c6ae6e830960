"""Makes experiments and facts for tests: what a test does not name has the schema's default."""

from __future__ import annotations

from typing import Any

from hyperscale.control.reading.loading import load_schema
from hyperscale.control.reading.schema_defaults import with_defaults
from hyperscale.experiment import Experiment
from hyperscale.input_facts import InputFacts

WORKSPACE = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


def make_experiment(**parts: Any) -> Experiment:
    """Return the experiment whose keys are `parts`."""
    document = {"name": "digits", "input": {"csv": "grid.csv"}, "activity": {"entry": "sweep:fit"}, **parts}
    return Experiment.from_document(with_defaults(load_schema(), document))


def make_facts(rows: int = 1_000, **parts: Any) -> InputFacts:
    """Return the facts of an input of `rows` small rows, changed by `parts`."""
    values = {
        "estimated": False,
        "row_bytes": 20.0,
        "columns": ("id", "depth"),
        "input_hash": None,
        "upload_bytes": 100,
        "upload_files": 1,
        **parts,
    }
    return InputFacts(rows=rows, **values)
