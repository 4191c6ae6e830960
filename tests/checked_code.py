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


#: Each defines `fit`, which can be the entry point.
GOOD = [
    "def fit(row): return 1",
    "def fit(row, context): return 1",
    "def fit(row, context=None, *, more=1): return 1",
    "def fit(*arguments): return 1",
    "class fit:\n    def run(self, row): return 1",
    "class fit(NodeRunner):\n    def run(self, row, context): return 1",
    "class fit(Other): pass",
    "class fit(hyperscale.NodeRunner):\n    run = other",
    "fit = make()",
    "fit: Callable = make()",
    "a, (fit, b) = make()",
    "@wrapped\ndef fit(): return 1",
    "try:\n    import fast\n    def fit(row): return 1\nexcept ImportError:\n    def fit(row): return 2",
    "if fast:\n    pass\nelse:\n    with x:\n        def fit(row): return 1",
    'def fit(row): return "\\d"',
    "import fit\ndef fit(row): return 1",
    "with x:\n    def fit(row): return 1",
    "with x as fit:\n    pass",
    "for n in [1]:\n    def fit(row): return 1",
    "for fit in calls:\n    pass",
    "while True:\n    def fit(row): return 1\n    break",
    "for n in []:\n    pass\nelse:\n    def fit(row): return 1",
    "try:\n    pass\nfinally:\n    def fit(row): return 1",
    "try:\n    pass\nexcept KeyError:\n    pass\nelse:\n    def fit(row): return 1",
    "if a:\n    pass\nelif b:\n    async def fit(row): return 1",
    "match a:\n    case 1:\n        def fit(row): return 1",
    "match a:\n    case [*fit]:\n        pass",
    "with x:\n    try:\n        for n in [1]:\n            def fit(row): return 1\n    finally:\n        pass",
    "fit: Callable[[dict], int] = lambda row: 1",
    "fit = lambda row: row['x']",
    "fit = other = make()",
    "(fit := make())",
    "def once(row): return 1\nfit = once",
    "def once(row): return 1\nfit: Callable = once",
    "@functools.cache\nasync def fit(row): return 1",
    "@decorated\nclass fit:\n    def call(self, row): return 1",
    "class Base:\n    def run(self, row): return 1\nclass fit(Base): pass",
    "class fit:\n    if fast:\n        def run(self, row): return 1",
]
#: Of these only the name is known.
IMPORTED = [
    "from other import fit",
    "from other import x as fit",
    "from other import *",
    "from math import floor as fit",
]
#: No source of these defines `fit`.
ABSENT = [
    "",
    "fit: Callable",
    "def other():\n    fit = 1",
    "class other:\n    def fit(row): return 1",
    "others = [fit for fit in calls]",
    "other = lambda fit: fit",
    "import fit.inner as other",
    "import fit",
    "import other.inner as fit",
    "class fit:\n    def call(self, row): return 1",
    "class fit(NodeRunner): pass",
]
