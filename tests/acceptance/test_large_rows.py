"""Rows that fit no message, from the CSV file to the table: on this machine, and in a storage account."""

from __future__ import annotations

import csv
import json
import random
import zlib
from pathlib import Path

import pytest
from azurite import Azurite
from command_line import Command
from wordings import line_names, names

from hyperscale.node.storing.credentials import CONNECTION_STRING

ROWS = 30
#: Of some rows; all others are small. A result of a megabyte rides in no message either.
SIZES = {5: 100_000, 6: 3_000_000, 20: 3_000_000, 21: 100_000, ROWS - 1: 200_000}
CODE = """
import pathlib
import random
import zlib

def measure(row, context):
    number, text = row["number"], row["text"]
    for path in pathlib.Path(context.arguments["remove_in"]).glob(".hyperscale/runs/*/batches/*-29.json"):
        path.unlink()
    echo = random.Random(number).randbytes(500_000).hex() if number in (6, 7) else ""
    return {"bytes": len(text), "sum": zlib.crc32(text.encode()), "echo": echo}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "texts.py").write_text(CODE)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["number", "text"])
        table.writerows([number, text_of(number)] for number in range(ROWS))
    write_experiment(tmp_path)
    return tmp_path


def write_experiment(folder: Path, *, removes: bool = False) -> None:
    document = {
        "name": "texts",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {
            "code": "src",
            "entry": "texts:measure",
            "arguments": {"remove_in": str(folder) if removes else str(folder / "src")},
        },
        "parallelism": {"workers": 2, "lease_seconds": 5},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"format": ["csv"], "include_input": False},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))


def text_of(number: int) -> str:
    """Return a text that compression makes little of."""
    return random.Random(number).randbytes(SIZES.get(number, 20) // 2).hex()


def assert_whole(table: Path) -> None:
    csv.field_size_limit(2_000_000)
    with table.open(newline="", encoding="utf-8-sig") as text:
        found = [(int(row["bytes"]), int(row["sum"]), len(row["echo"] or "")) for row in csv.DictReader(text)]
    texts = [text_of(number) for number in range(ROWS)]
    echoes = [1_000_000 if number in (6, 7) else 0 for number in range(ROWS)]
    assert found == [(len(text), zlib.crc32(text.encode()), echo) for text, echo in zip(texts, echoes, strict=True)]


def test_rows_of_any_size_end_as_one_outcome_each_on_this_machine(hyperscale: Command, folder: Path) -> None:
    run = hyperscale("run", "--workers", "2", folder=folder)

    assert run.returncode == 0, run.stderr
    assert f"succeeded={ROWS} failed=0 missing=0" in run.stdout
    (found,) = (folder / ".hyperscale" / "runs").iterdir()
    assert_whole(found / "results.csv")
    assert {int(path.stem.rpartition("-")[2]) for path in (found / "batches").iterdir()} == set(SIZES)


def test_rows_of_any_size_end_as_one_outcome_each_in_a_storage_account(
    hyperscale: Command, folder: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONNECTION_STRING, azurite.connection_string)

    run = hyperscale(
        "run", "--workers", "2", "--queue", azurite.queue_url, "--store", f"{azurite.blob_url}/large", folder=folder
    )
    hyperscale("results", "-o", "copy.csv", folder=folder)

    assert run.returncode == 0, run.stderr
    assert f"succeeded={ROWS} failed=0 missing=0" in run.stdout
    assert_whole(folder / "copy.csv")


def test_a_row_whose_stored_values_are_gone_ends_as_missing_and_a_resume_seeds_it_again(
    hyperscale: Command, folder: Path
) -> None:
    write_experiment(folder, removes=True)

    run = hyperscale("run", "--workers", "1", folder=folder)
    (found,) = (folder / ".hyperscale" / "runs").iterdir()
    said = (found / "steps" / "consume_0.log").read_text()
    kept = [path.read_text() for path in (found / "foreign").iterdir()]
    resumed = hyperscale("run", "--resume", folder=folder)

    assert run.returncode == 6, run.stderr
    assert f"succeeded={ROWS - 1} failed=0 missing=1" in run.stdout
    names(said, "message")
    line_names(said, f"row {ROWS - 1}")
    assert len(kept) == 1
    assert '"stored":' in kept[0]
    assert resumed.returncode == 0, resumed.stderr
    assert f"succeeded={ROWS} failed=0 missing=0" in resumed.stdout
    assert_whole(found / "results.csv")
