"""A notebook works as a user has it: a real kernel executes the example, and what it shows is what people see."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from wordings import names

TIMEOUT_SECONDS = 120


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The example notebook after its kernel has executed all of it, in a copy of the repository's examples."""
    repository, folder = Path(__file__).resolve().parents[2], tmp_path_factory.mktemp("repository")
    for name in ("examples", "schema.json", "experiment.yaml"):
        copy = shutil.copytree if (repository / name).is_dir() else shutil.copyfile
        copy(repository / name, folder / name)
    folder = folder / "examples" / "notebook"
    notebook = nbformat.read(folder / "rows.ipynb", as_version=4)
    return NotebookClient(notebook, timeout=TIMEOUT_SECONDS, resources={"metadata": {"path": str(folder)}}).execute()


def outputs(notebook: Any, source: str) -> list[Any]:
    """Return the outputs of the cell that holds `source`."""
    (cell,) = [cell for cell in notebook.cells if source in cell.source and cell.cell_type == "code"]
    return list(cell.outputs)


def shown(outputs: list[Any]) -> str:
    """Return the HTML, or else the text, of what a cell shows."""
    data = [{"text/plain": one.text} if one.output_type == "stream" else one.data for one in outputs]
    return "\n".join(one.get("text/html") or one["text/plain"] for one in data)


def test_no_cell_ends_in_an_error_or_writes_to_stderr(executed: Any):
    found = [one for cell in executed.cells for one in cell.get("outputs", ())]

    assert [one for one in found if one.output_type == "error"] == []
    assert [one.text for one in found if one.get("name") == "stderr"] == []


def test_a_function_of_the_notebook_is_mapped(executed: Any):
    said = shown(outputs(executed, "map_rows(waiting_time"))

    assert said == "2 1.5\n4 4.0\n6 9.0\n8 24.0\n10 the line grows without end\n"


def test_a_run_shows_its_progress_its_summary_and_its_first_rows(executed: Any):
    said = shown(outputs(executed, "experiment.run("))

    assert "<progress value=" in said
    names(said, "6 rows", "2 workers")
    assert "succeeded=6 failed=0 missing=0 total=6" in said
    assert "<th>accuracy</th>" in said


def test_checks_and_tables_are_shown(executed: Any):
    names(shown(outputs(executed, "experiment.validate()")), "experiment.yaml", "264 rows")
    assert "RowCounts(total=6, succeeded=6, failed=0, missing=0)" in shown(outputs(executed, "run.counts"))
    assert "<table" in shown(outputs(executed, "run.to_pandas()"))


def test_the_example_is_committed_without_outputs(repository: Path):
    notebook = json.loads((repository / "examples" / "notebook" / "rows.ipynb").read_text("utf-8"))

    assert [cell for cell in notebook["cells"] if cell.get("outputs")] == []
