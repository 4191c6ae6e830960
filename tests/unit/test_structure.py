"""The house stays in order: imports point inwards, heavy libraries have one door each, modules stay short."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from structure import HEAVY, MAX_FUNCTION_LINES, MAX_MODULE_LINES, broken_rules

CONTROL_LIBRARIES = {"azure.ai.ml", "jinja2", "jsonschema", "rich", "yaml"}
#: The consumer reads no tables: these belong to the seed's readers and to the collector.
NOT_IN_CONSUMER = {"orjson", "pyarrow"}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout))


@pytest.fixture
def package(repository: Path) -> Path:
    return repository / "hyperscale"


@pytest.fixture
def copy(package: Path, tmp_path: Path) -> Path:
    """A copy of the package that a test may break."""
    return shutil.copytree(package, tmp_path / "hyperscale", ignore=shutil.ignore_patterns("__pycache__"))


def test_the_package_keeps_its_rules(package: Path):
    problems = broken_rules(package)

    assert problems == []


BROKEN = [
    ("body.py", "from hyperscale.node import places", "body (core) imports hyperscale.node: node is further"),
    ("body.py", "from .node import places", "body (core) imports hyperscale.node: node is further out"),
    ("body.py", "def f():\n    import yaml", "body (core) imports yaml, which its ring may not"),
    ("node/storing/places.py", "import hyperscale.control", "storing.places (node) imports hyperscale.control: "),
    ("node/storing/places.py", "import yaml", "storing.places (node) imports yaml, which its ring may not"),
    ("node/storing/places.py", "import azure.ai.ml", "storing.places (node) imports azure.ai.ml, which its ring"),
    (
        "control/steps.py",
        "import hyperscale.commands.run",
        "control.steps (control) imports hyperscale.commands",
    ),
    ("commands/plan.py", "from hyperscale.commands import run", "commands.plan imports the command run"),
    ("commands/plan.py", "import rich", "commands.plan (commands) imports rich, which its ring may not"),
    ("control/second.py", "import jinja2", "jinja2 has 2 doors in control: control."),
    ("control/utils.py", "", "control.utils: 'utils' is a name that says nothing"),
    ("names.py", "\n" * MAX_MODULE_LINES, f"lines, at most {MAX_MODULE_LINES}"),
    ("names.py", "def f():\n" + "    print()\n" * MAX_FUNCTION_LINES, f"at most {MAX_FUNCTION_LINES} are"),
    ("names.py", "def send(chunk_size): ...", "names says 'chunk': GLOSSARY.md has the word for it"),
]


@pytest.mark.parametrize(("file", "addition", "problem"), BROKEN, ids=[broken[2][:50] for broken in BROKEN])
def test_a_package_that_breaks_a_rule_is_found_out(copy: Path, file: str, addition: str, problem: str):
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{addition}\n")

    problems = broken_rules(copy)

    assert any(problem in line for line in problems), problems


def test_an_import_that_points_inwards_is_no_problem(copy: Path):
    (copy / "control" / "fresh.py").write_text("from hyperscale import errors\nfrom hyperscale.node import places\n")

    problems = broken_rules(copy)

    assert not [line for line in problems if "fresh" in line]


@pytest.mark.parametrize("entry", ["__main__", "seed_step", "consume_step", "teardown_step", "working.worker"])
def test_no_node_entry_loads_a_library_of_the_control_ring(entry: str):
    loaded = loaded_by(f"import hyperscale.node.{entry}")

    assert loaded & CONTROL_LIBRARIES == set()
    assert not {name for name in loaded if name.startswith(("hyperscale.control", "hyperscale.commands"))}


@pytest.mark.parametrize("entry", ["__main__", "consume_step", "consuming.consumer", "working.worker"])
def test_a_consumer_and_its_workers_load_no_reader_of_tables(entry: str):
    loaded = loaded_by(f"import hyperscale.node.{entry}")

    assert loaded & NOT_IN_CONSUMER == set()


@pytest.mark.parametrize("statement", ["from hyperscale import NodeRunner", "import hyperscale.__main__"])
def test_what_everyone_imports_loads_nothing_heavy(statement: str):
    loaded = loaded_by(statement)

    assert loaded & set(HEAVY) == set()


def test_steps_do_without_what_libraries_import_for_themselves():
    libraries = "import azure.storage.blob, azure.storage.queue, azure.identity, pyarrow; pyarrow.array([1])"

    loaded = loaded_by(f"from hyperscale.node.__main__ import hide_heavy_modules; hide_heavy_modules(); {libraries}")

    assert not loaded & {"aiohttp", "pandas"}
    assert {"aiohttp", "pandas"} <= loaded_by(libraries)
