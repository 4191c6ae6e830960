"""The rendered files that are committed are current, and what a run executes is of the same make."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from azure_ml import assert_azure_ml_takes
from command_line import Command

from hyperscale.control.rendered.pipeline_checks import check_pipeline

pytestmark = pytest.mark.filterwarnings("ignore")

RENDERED = ("components", "pipelines", "compute")


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A fresh clone: what is committed of the root experiment, without the staged code."""
    checkout = tmp_path / "a clone"
    for name in RENDERED:
        shutil.copytree(repository / name, checkout / name, ignore=shutil.ignore_patterns("code"))
    shutil.copytree(repository / "examples" / "digits-sweep", checkout / "examples" / "digits-sweep")
    shutil.copy(repository / "experiment.yaml", checkout)
    return checkout


def rendered_files(folder: Path) -> dict[str, bytes]:
    """Return the rendered files of a folder, without the staged code."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in RENDERED
        for path in (folder / name).rglob("*")
        if path.is_file() and "code" not in path.relative_to(folder).parts
    }


def test_the_committed_files_are_current(hyperscale: Command, checkout: Path):
    answer = hyperscale("render", "--check", folder=checkout)

    assert answer.returncode == 0, f"{answer.stderr}\nmake them current: python -m hyperscale render"


def test_the_committed_files_are_taken_by_azure_ml_unchanged(hyperscale: Command, checkout: Path):
    before = rendered_files(checkout)
    hyperscale("render", folder=checkout)

    assert_azure_ml_takes(checkout / "pipelines" / "digits-sweep.yml")

    assert check_pipeline(checkout / "pipelines" / "digits-sweep.yml") == []
    assert rendered_files(checkout) == before


def test_the_files_that_a_run_executed_are_taken_by_azure_ml_unchanged(hyperscale: Command, tmp_path: Path):
    hyperscale("init", "lines", folder=tmp_path)
    answer = hyperscale("run", folder=tmp_path / "lines")
    assert answer.returncode == 0, answer.stderr

    (pipeline,) = (tmp_path / "lines" / ".hyperscale" / "runs").glob("*/rendered/pipelines/*.yml")

    assert_azure_ml_takes(pipeline)
    assert check_pipeline(pipeline) == []
