"""The examples are real: their files are current, and they run as their README says."""

from __future__ import annotations

import csv
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from command_line import Command
from PIL import Image
from profiles import size
from wordings import line_names

SWEEP_FILES = ("experiment.yaml", "schema.json")


@pytest.fixture
def sweep(repository: Path, tmp_path: Path) -> Path:
    """A copy of the root experiment, so that runs of the user stay as they are."""
    shutil.copytree(repository / "examples" / "digits-sweep", tmp_path / "examples" / "digits-sweep")
    for name in SWEEP_FILES:
        shutil.copy(repository / name, tmp_path)
    return tmp_path


@pytest.fixture
def images(repository: Path, tmp_path: Path) -> Path:
    """A copy of examples/digit-images without what its script makes."""
    made = shutil.ignore_patterns("images", "model", ".hyperscale", "__pycache__")
    return shutil.copytree(repository / "examples" / "digit-images", tmp_path / "digit-images", ignore=made)


def read_rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


def test_the_grid_of_the_sweep_is_what_its_script_makes(repository: Path):
    folder = repository / "examples" / "digits-sweep"
    script = runpy.run_path(str(folder / "make_grid.py"))

    made = [{name: str(value) for name, value in row.items()} for row in script["rows"]()]

    assert made == read_rows(folder / "grid.csv")
    assert len(made) >= 240


def test_the_sweep_scores_a_setting_of_every_kind_of_model(hyperscale: Command, sweep: Path):
    grid = sweep / "examples" / "digits-sweep" / "grid.csv"
    rows = read_rows(grid)
    one_each = list({row["model"]: row for row in reversed(rows)}.values())
    with grid.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(one_each)
    written = (sweep / "experiment.yaml").read_text("utf-8")
    assert "folds: 5}" in written
    (sweep / "experiment.yaml").write_text(written.replace("folds: 5}", f"folds: {size(2, 5)}}}"), "utf-8")

    finished = hyperscale("run", "--workers", "1", folder=sweep)

    assert finished.returncode == 0, finished.stderr
    run = next(sweep.glob(".hyperscale/runs/*"))
    table = pyarrow.parquet.read_table(run / "results.parquet").to_pylist()
    assert [row["model"] for row in table] == [row["model"] for row in one_each]
    assert all(row["outcome"] == "succeeded" and 0.5 < row["accuracy"] <= 1 for row in table)
    assert all(row["fit_seconds"] > 0 for row in table)
    assert [row["id"] for row in read_rows(run / "results.csv")] == [row["id"] for row in table]


def test_the_picture_example_reads_digits_and_keeps_a_file_for_each(hyperscale: Command, images: Path):
    subprocess.run([sys.executable, "make_images.py"], cwd=images, check=True, capture_output=True)
    pictures = sorted(images.glob("images/**/*.png"))
    assert len(pictures) == 1797
    kept = pictures[:: size(6, 1)]
    for picture in set(pictures) - set(kept):
        picture.unlink()

    finished = hyperscale("run", "--workers", "2", folder=images)

    assert finished.returncode == 0, finished.stderr
    run = next(images.glob(".hyperscale/runs/*"))
    table = pyarrow.parquet.read_table(run / "results.parquet").to_pylist()
    assert len(table) == len(kept)
    assert sum(row["correct"] for row in table) > 0.95 * len(kept)
    row = table[-1]
    with Image.open(run / "outputs" / row["key"] / f"read-as-{row['predicted']}.png") as picture:
        assert picture.size == (72, 72)


def test_the_picture_example_says_what_to_do_before_its_pictures_are_made(hyperscale: Command, images: Path):
    finished = hyperscale("validate", folder=images)

    assert finished.returncode == 2
    line_names(finished.stderr, "input.files", "images")
    line_names(finished.stderr, "mounts.model")
