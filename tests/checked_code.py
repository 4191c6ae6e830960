"""Experiments whose code is checked without being run: a folder to write it into, and what the check says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperscale.control.reading.activity_check import check_activity
from hyperscale.control.reading.loading import LoadedExperiment, load_experiment
from hyperscale.errors import ExperimentError


def make_folder(inside: Path) -> Path:
    """Make the folder of an experiment; it has a name that messages can hold."""
    folder = inside / "digits"
    (folder / "src").mkdir(parents=True)
    return folder


def loaded(folder: Path, activity: str, more: str = "", source: str = "csv: grid.csv") -> LoadedExperiment:
    file = folder / "experiment.yaml"
    file.write_text(f"name: digits\ninput: {{{source}}}\nactivity: {{{activity}}}\n{more}", encoding="utf-8")
    return load_experiment(file)


def problems(experiment: LoadedExperiment) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        check_activity(experiment)
    return [str(problem).replace(f"{experiment.folder}/", "") for problem in caught.value.problems]
