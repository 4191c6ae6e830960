"""Scripts of Azure ML parallel jobs run unchanged, in a pipeline that was rendered as for Azure ML."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from command_line import Command
from PIL import Image

#: In the style of the public samples that score pictures: a list of paths in, a list of texts out.
PICTURES = """
import argparse
import os
from pathlib import Path

from azureml_user.parallel_run import EntryScript
from PIL import Image


def init():
    global output_folder, least, logger, model_file
    logger = EntryScript().logger
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_folder")
    parser.add_argument("--least", type=int)
    args, _ = parser.parse_known_args()
    output_folder, least = args.output_folder, args.least
    model_file = os.path.join(os.environ["AZUREML_MODEL_DIR"], "words.txt")


def run(mini_batch):
    assert EntryScript().output_dir == output_folder
    bright, dark = Path(model_file).read_text().split()
    lines = []
    for path in mini_batch:
        logger.info("reading %s", path)
        assert os.path.isabs(path)
        with Image.open(path) as picture:
            grey = picture.convert("L").getpixel((0, 0))
            picture.resize((2, 2)).save(os.path.join(output_folder, os.path.basename(path)))
        lines.append(f"{os.path.basename(path)}: {bright if grey >= least else dark}")
    return lines


def shutdown():
    Path(os.environ["LEFT"]).touch()
"""
#: Fewer results than rows, named by the index of the frame.
SURE = """
import pandas as pd


def run(mini_batch):
    assert list(mini_batch.index) == list(range(len(mini_batch)))
    mini_batch["sure"] = mini_batch["chance"].astype(float) * 2
    return mini_batch.loc[mini_batch["sure"] > 1, ["sure"]]
"""
#: One model for each store and brand; what is left of a group is told in its name.
MANY_MODELS = """
import argparse
import os

import pandas as pd


def init():
    global folder
    parser = argparse.ArgumentParser()
    parser.add_argument("--models")
    folder = parser.parse_known_args()[0].models


def run(mini_batch, mini_batch_context):
    if not isinstance(mini_batch, pd.DataFrame):
        raise TypeError("not a DataFrame")
    store, brand = (mini_batch_context.partition_key_value[name] for name in ("store", "brand"))
    weeks = mini_batch.sort_values("week").reset_index(drop=True)
    if weeks["sold"].isna().any():
        raise ValueError(f"{store} {brand}: weeks are missing")
    weeks["expected"] = weeks["sold"].mean()
    weeks.to_csv(os.path.join(folder, f"{store}_{brand}.csv"), index=False)
    return weeks[["week", "expected"]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    return tmp_path


def results(folder: Path) -> list[dict[str, object]]:
    (table,) = folder.glob(".hyperscale/runs/*/results.parquet")
    found: list[dict[str, object]] = pyarrow.parquet.read_table(table).to_pylist()
    return found


def test_a_script_over_files_keeps_its_files_and_fails_for_the_broken_one_alone(folder: Path, hyperscale: Command):
    for number in range(6):
        path = folder / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), color=40 * number).save(path)
    (folder / "pictures" / "3.png").write_text("no picture")
    (folder / "models").mkdir()
    (folder / "models" / "words.txt").write_text("bright dark")
    (folder / "src" / "pictures.py").write_text(PICTURES)
    (folder / "experiment.yaml").write_text(
        "name: pictures\ninput: {files: pictures/*.png, key: name}\n"
        "activity:\n  parallel_script: pictures.py\n  rows_per_call: 6\n  max_attempts: 1\n"
        "  arguments: {output_folder: '${{outputs}}', least: 100}\n"
        f"  environment_variables: {{LEFT: '{folder / 'left'}'}}\n"
        "mounts: {model: models}\nparallelism: {workers: 1}\noutput: {logs: all}\n"
    )

    done = hyperscale("run", folder=folder)

    assert done.returncode == 6, done.stderr
    assert "succeeded=5 failed=1 missing=0" in done.stdout
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    said = {row["key"]: row["result"] for row in results(folder) if row["outcome"] == "succeeded"}
    assert said == {str(n): f"{n}.png: {'bright' if n > 3 else 'dark'}" for n in (0, 1, 2, 4, 5)}
    kept = {file.relative_to(run / "outputs").as_posix() for file in (run / "outputs").rglob("*.png")}
    assert kept == {f"{n}/{n}.png" for n in (0, 1, 2, 4, 5)}
    with (run / "failures.csv").open(newline="") as file:
        (failure,) = csv.DictReader(file)
    assert (failure["key"], failure["type"]) == ("3", "UnidentifiedImageError")
    assert (folder / "left").exists()
    assert any("reading" in log.read_text() for log in (run / "logs").iterdir())


@pytest.mark.parametrize(("key", "failed"), [("", 0), ("  error_on_missing: true\n", 2)])
def test_rows_without_a_result_succeed_or_fail_as_the_experiment_says(
    folder: Path, hyperscale: Command, key: str, failed: int
):
    (folder / "rows.csv").write_text("chance\n0.9\n0.1\n0.8\n0.2\n0.7\n")
    (folder / "src" / "sure.py").write_text(SURE)
    (folder / "experiment.yaml").write_text(
        "name: sure\ninput: {csv: rows.csv}\n"
        f"activity:\n  parallel_script: sure.py\n  rows_per_call: 5\n  max_attempts: 1\n{key}"
        "parallelism: {workers: 1}\n"
    )

    done = hyperscale("run", folder=folder)

    assert f"succeeded={5 - failed} failed={failed} missing=0" in done.stdout, done.stderr
    assert [row["sure"] for row in results(folder) if row["sure"]] == [1.8, 1.6, 1.4]


def test_the_iris_example_is_scored_by_its_unchanged_script(repository: Path, tmp_path: Path, hyperscale: Command):
    made = shutil.ignore_patterns("iris.csv", "model", ".hyperscale", "__pycache__")
    iris = shutil.copytree(repository / "examples" / "iris-parallel-job", tmp_path / "iris", ignore=made)
    subprocess.run([sys.executable, "make_iris.py"], cwd=iris, check=True, capture_output=True)

    done = hyperscale("run", folder=iris)

    assert done.returncode == 0, done.stderr
    table = results(iris)
    assert len(table) == 150
    assert sum(row["predicted"] == row["species"] for row in table) > 140


@pytest.mark.parametrize("name", ["experiment.yaml", "parallel-job.yml"])
def test_the_page_shows_the_example_as_it_is(repository: Path, name: str):
    page = (repository / "docs" / "coming-from-parallel-jobs.md").read_text("utf-8")
    text = (repository / "examples" / "iris-parallel-job" / name).read_text("utf-8")
    (shown,) = [block for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if block in text]

    assert len(shown.splitlines()) > 20


def test_a_script_gets_each_partition_whole_and_returns_its_lines(folder: Path, hyperscale: Command):
    sold = {(1, "dill"): [3, 5, 4], (1, "mint"): [8, 10], (2, "dill"): [1, None, 3]}
    rows = [
        {"store": store, "brand": brand, "week": week, "sold": sold[store, brand][week]}
        for week in (2, 1, 0)
        for store, brand in sold
        if week < len(sold[store, brand])
    ]
    (folder / "sales.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "src" / "many_models.py").write_text(MANY_MODELS)
    (folder / "experiment.yaml").write_text(
        "name: sales\ninput: {jsonl: sales.jsonl, group_by: [store, brand]}\n"
        "activity:\n  parallel_script: many_models.py\n  max_attempts: 1\n  arguments: {models: '${{outputs}}'}\n"
        "parallelism: {workers: 1}\n"
    )

    done = hyperscale("run", folder=folder)

    assert "succeeded=2 failed=1 missing=0" in done.stdout, done.stderr
    lines = [(row["store"], row["brand"], row["week"], row["expected"]) for row in results(folder) if row["expected"]]
    assert sorted(lines) == [(1, "dill", week, 4.0) for week in range(3)] + [(1, "mint", week, 9.0) for week in (0, 1)]
    kept = {file.name for file in folder.glob(".hyperscale/runs/*/outputs/*/*.csv")}
    assert kept == {"1_dill.csv", "1_mint.csv"}
