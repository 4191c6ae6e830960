"""Every broken experiment and input of tests/broken gets exactly the message that stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperscale.control.reading.input_check import check_input
from hyperscale.control.reading.loading import load_experiment
from hyperscale.errors import ExperimentError

BROKEN = Path(__file__).parents[2] / "broken"
EXPERIMENTS = sorted(BROKEN.glob("experiments/*.yaml"))
INPUTS = sorted(file.parent for file in BROKEN.glob("inputs/*/expected"))


def said(error: ExperimentError) -> str:
    return "".join(f"{problem}\n" for problem in error.problems) + f"error: {error}\n"


def test_there_are_twenty_broken_experiments_and_ten_broken_inputs():
    assert len(EXPERIMENTS) >= 20
    assert len(INPUTS) >= 10


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_a_broken_experiment_is_refused_with_its_message(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(file.parent)

    with pytest.raises(ExperimentError) as caught:
        load_experiment(Path(file.name))

    assert said(caught.value) == file.with_suffix(".expected").read_text("utf-8")


@pytest.mark.parametrize("folder", INPUTS, ids=lambda folder: folder.name)
def test_a_broken_input_is_refused_with_its_message(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    loaded = load_experiment(Path("experiment.yaml"))

    with pytest.raises(ExperimentError) as caught:
        check_input(loaded)

    assert said(caught.value) == (folder / "expected").read_text("utf-8")


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_no_message_repeats_a_secret(file: Path):
    expected = file.with_suffix(".expected").read_text("utf-8")

    assert "c2VjcmV0" not in expected
    assert "hunter2" not in expected
