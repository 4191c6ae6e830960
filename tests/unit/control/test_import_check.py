"""What nodes cannot import is said by validate: where it is imported, why it is not there, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from checked_code import loaded, make_folder

from hyperscale.control.reading.activity_check import check_activity
from hyperscale.errors import ExperimentError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_folder(tmp_path)
    write(made / "src", "results/__init__.py", "X = 1")
    write(made / "src", "results/w.py", "def g(row): return 1")
    write(made / "src", "models/__init__.py", "")
    write(made / "src", "models/results/__init__.py", "X = 1")
    write(made / "src", "models/old.py", "X = 1")
    write(made / "src", "models/up.py", "from .. import beside")
    write(made / "src", "tools/pyvenv.cfg", "")
    write(made / "src", "tools/__init__.py", "X = 1")
    write(made / "src", ".amlignore", "# what nodes need not have\n\n/old*\nmodels/old.py\n")
    write(made / "src", "old_one.py", "X = 1")
    write(made / "src", "beside.py", "import results.w")
    return made


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def said(folder: Path, source: str, entry: str = "entry: sweep:fit") -> tuple[list[str], list[str]]:
    """Return problems and warnings for a module of `source`."""
    write(folder / "src", "sweep.py", f"{source}\ndef fit(row): return 1\n")
    try:
        return [], [str(warning) for warning in check_activity(loaded(folder, entry))]
    except ExperimentError as error:
        return [str(problem) for problem in error.problems], []


CERTAIN = [
    ("from results import X", "src/sweep.py:1:1: ", "src/results/", "/results/", "!results/ into src/.amlignore"),
    ("import results", "src/sweep.py:1:1: ", "src/results/"),
    ("import os\nimport results.w as w", "src/sweep.py:2:1: ", "src/results/"),
    ("from results.w import g", "src/sweep.py:1:1: ", "src/results/"),
    ("import importlib\nw = importlib.import_module('results.w')", "src/sweep.py:2:5: ", "src/results/"),
    ("from importlib import import_module\nimport_module('.w', 'results')", "src/sweep.py:2:1: ", "src/results/"),
    ("__import__('results')", "src/sweep.py:1:1: ", "src/results/"),
    ("class A:\n    from results import X", "src/sweep.py:2:5: ", "src/results/"),
    ("with open('x') as f:\n    import results", "src/sweep.py:2:5: ", "src/results/"),
    ("try:\n    import results\nfinally:\n    pass", "src/sweep.py:2:5: ", "src/results/"),
    ("try:\n    import results\nexcept KeyError:\n    pass", "src/sweep.py:2:5: ", "src/results/"),
    ("import beside", "src/beside.py:1:1: ", "src/results/"),
    ("import tools", "src/sweep.py:1:1: ", "src/tools/", "virtual environment"),
    ("import old_one", "src/sweep.py:1:1: ", "src/old_one.py", "/old*", "src/.amlignore"),
    ("from models import old", "src/sweep.py:1:1: ", "src/models/old.py", "models/old.py"),
    ("from models.old import X", "src/sweep.py:1:1: ", "src/models/old.py", "models/old.py"),
    ("from hyperscale.control import options", "src/sweep.py:1:1: ", "hyperscale.control", "__main__"),
    ("from hyperscale import control", "src/sweep.py:1:1: ", "hyperscale.control", "__main__"),
    ("import hyperscale.commands.run", "src/sweep.py:1:1: ", "hyperscale.commands.run", "__main__"),
    ("from .models import results", "src/sweep.py:1:1: ", "sweep.py", "package"),
    ("import models.up", "src/models/up.py:1:1: ", "src/models/up.py", "package"),
    ("from hyperscale import NodeRuner", "src/sweep.py:1:1: ", "NodeRuner", "NodeRunner"),
]


@pytest.mark.parametrize(("source", "place", "names"), [(case[0], case[1], case[2:]) for case in CERTAIN])
def test_what_nodes_do_not_have_is_a_problem_where_it_is_imported(
    folder: Path, source: str, place: str, names: tuple[str, ...]
):
    (problem,), _ = said(folder, source)

    assert problem.startswith(place)
    assert all(name in problem for name in names), problem


@pytest.mark.parametrize(
    "source",
    [
        "def late():\n    from results import X",
        "try:\n    import results\nexcept ImportError:\n    results = None",
        "try:\n    import fast\nexcept (KeyError, ModuleNotFoundError):\n    import results",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import results",
        "import sys\nif sys.platform == 'win32':\n    import results",
        "try:\n    import beside\nexcept Exception:\n    pass",
    ],
)
def test_what_may_never_be_imported_is_a_warning(folder: Path, source: str):
    problems, (warning,) = said(folder, source)

    assert problems == []
    assert "src/results/" in warning


@pytest.mark.parametrize(
    "source",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from results import X",
        "if __name__ == '__main__':\n    import results\n    from hyperscale.control import options",
        "from models import results",
        "import models.results\nfrom models.results import X",
        "from hyperscale import NodeRunner, load, map_rows, errors",
        "import statistics, queue, os.path, numpy",
        "import results_of_others",
    ],
)
def test_what_nodes_have_is_no_problem(folder: Path, source: str):
    assert said(folder, source) == ([], [])


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("entry: results.w:g", "activity.entry"),
        ("entry: old_one:X", "activity.entry"),
        ("parallel_script: results/s.py", "activity.parallel_script"),
    ],
)
def test_the_activity_itself_may_be_left_out(folder: Path, entry: str, path: str):
    write(folder / "src", "results/s.py", "def run(mini_batch): return mini_batch")

    (problem,), _ = said(folder, "", entry)

    assert "experiment.yaml:3:" in problem
    assert path in problem
    assert "nodes do not get src/" in problem


def test_relative_imports_are_followed(folder: Path):
    write(folder / "src", "models/__init__.py", "from . import net")
    write(folder / "src", "models/net/__init__.py", "from ..old import X")

    (problem,), _ = said(folder, "import models.net")

    assert problem.startswith("src/models/net/__init__.py:1:1: ")
    assert "src/models/old.py" in problem


def test_a_name_that_the_package_has_is_no_module(folder: Path):
    write(folder / "src", "models/__init__.py", "old = 1")

    assert said(folder, "from models import old") == ([], [])


def test_what_the_ignore_file_brings_back_is_there(folder: Path):
    write(folder / "src", ".amlignore", "!results/\n")

    assert said(folder, "from results import w") == ([], [])


def test_a_module_of_this_programs_name_is_no_reason_for_a_name_to_be_there(folder: Path):
    write(folder / "src", "hyperscale.py", "mine = 1")

    (problem,), _ = said(folder, "from hyperscale import mine")

    assert problem.startswith("src/sweep.py:1:1: ")
    assert "rename the module" in problem
