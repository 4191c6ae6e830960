"""How the user's activity is found and called."""

import builtins
import importlib
import logging
import sys

import pytest
from wordings import Wording, names

from hyperscale.node.working.activity import Context, NodeRunner, load_activity


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    monkeypatch.setattr(importlib, "import_module", importlib.import_module)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def context(tmp_path):
    return Context("run", 0, {"seed": 7}, {}, tmp_path / "scratch", logging.getLogger("test"), row_index=4, attempt=2)


def write(folder, name, text):
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    "source",
    [
        "def fit(row): return row['x']",
        "def fit(row, context): return row['x'] if context.arguments['seed'] == 7 else None",
        "def fit(row, *, scale=1): return row['x'] * scale",
        "def fit(row, scale=1): return row['x'] * scale",
        "def fit(row, scale=1, *others, **more): return row['x'] * scale",
        "def fit(row, context=None): return row['x'] if context.arguments['seed'] == 7 else None",
        "def fit(*args): return args[0]['x'] if len(args) == 1 else None",
        "class fit:\n    def set_up(self, scale=1): self.scale = scale\n"
        "    def run(self, row, scale=1): return row['x'] * scale * self.scale",
        "class fit:\n    def run(self, row): return row['x']",
        "from hyperscale import NodeRunner\nclass fit(NodeRunner):\n"
        "    def set_up(self, context): self.seed = context.arguments['seed']\n"
        "    def run(self, row, context): return row['x'] if self.seed == 7 else None",
    ],
)
def test_functions_and_classes_may_do_without_a_context(folder, context, source):
    write(folder, "sweep_of_test.py", source)

    activity = load_activity("sweep_of_test:fit", folder)
    activity.set_up(context)

    assert activity.run({"x": 3}, context) == 3
    activity.tear_down()


def test_user_modules_named_like_standard_ones_shadow_nothing_of_the_library(folder, context, monkeypatch):
    for name in ("queue.py", "logging.py", "json.py", "colorsys.py"):
        write(folder, name, "raise RuntimeError('shadowed')")
    write(folder, "entry_of_test.py", "from concurrent.futures import Future\ndef fit(row): return Future.__module__")
    for name in [name for name in sys.modules if name == "queue" or name.startswith("concurrent.futures")]:
        monkeypatch.delitem(sys.modules, name)

    activity = load_activity("entry_of_test:fit", folder)

    assert activity.run({"x": 1}, context) == "concurrent.futures._base"
    assert importlib.import_module("concurrent.futures").ThreadPoolExecutor  # which imports queue
    assert importlib.import_module("queue").SimpleQueue


#: Each is the body of a module beside `colorsys.py` and the packages `calendar` and `wave`.
OWN_MODULES = [
    "from colorsys import ours\ndef fit(row): return ours()",
    "import colorsys\ndef fit(row): return colorsys.ours()",
    "import colorsys as c\ndef fit(row): return c.ours()",
    "def fit(row):\n    import colorsys\n    return colorsys.ours()",
    "from calendar import ours\ndef fit(row): return ours()",
    "import calendar.model\ndef fit(row): return calendar.model.ours()",
    "import calendar.model as m\ndef fit(row): return m.ours()",
    "from calendar.model import ours\ndef fit(row): return ours()",
    "from calendar import *\ndef fit(row): return ours()",
    "from beside_of_test import ours\ndef fit(row): return ours()",
    "import importlib\ndef fit(row): return importlib.import_module('colorsys').ours()",
    "from importlib import import_module\ndef fit(row): return import_module('calendar.model').ours()",
    "from importlib import import_module\ndef fit(row): return import_module('.model', 'calendar').ours()",
    "colorsys = __import__('colorsys')\ndef fit(row): return colorsys.ours()",
]


def write_own_modules(folder):
    write(folder, "colorsys.py", "from calendar.model import ours")
    write(folder, "beside_of_test.py", "import colorsys\nours = colorsys.ours")
    (folder / "calendar").mkdir()
    write(folder / "calendar", "__init__.py", "from .model import ours")
    write(folder / "calendar", "model.py", "def ours(row=None): return 'ours'")
    (folder / "wave").mkdir()
    write(folder / "wave", "model.py", "from colorsys import ours")


@pytest.mark.parametrize("source", OWN_MODULES)
def test_a_module_of_the_code_folder_comes_before_the_standard_one_as_in_python(folder, context, source):
    write_own_modules(folder)
    write(folder, "entry_of_test.py", source)

    assert load_activity("entry_of_test:fit", folder).run({}, context) == "ours"
    assert "monthrange" in dir(importlib.import_module("calendar"))


@pytest.mark.parametrize("module", ["colorsys", "calendar", "calendar.model", "beside_of_test", "wave.model"])
def test_the_entry_itself_may_have_a_standard_name(folder, context, module):
    write_own_modules(folder)

    assert load_activity(f"{module}:ours", folder).run({}, context) == "ours"


@pytest.mark.parametrize("name", ["os", "sys", "hyperscale", "__main__"])
def test_the_entry_may_have_a_name_that_no_import_gives(folder, context, name):
    write(folder, f"{name}.py", f"import {name}\ndef fit(row): return {name}.__doc__")

    assert load_activity(f"{name}:fit", folder).run({}, context) == sys.modules[name].__doc__


def test_a_module_in_a_package_is_found(folder, context):
    (folder / "models_of_test").mkdir()
    write(folder / "models_of_test", "__init__.py", "")
    write(folder / "models_of_test", "svm.py", "def fit(row): return 'deep'")

    assert load_activity("models_of_test.svm:fit", folder).run({}, context) == "deep"


@pytest.mark.parametrize(
    ("source", "error"),
    [("fit = 3", TypeError), ("", AttributeError), ("import nowhere_to_be_found", ModuleNotFoundError)],
)
def test_an_entry_that_cannot_be_called_says_so(folder, source, error):
    write(folder, "broken_of_test.py", source)

    with pytest.raises(error):
        load_activity("broken_of_test:fit", folder)


def test_outputs_is_a_folder_of_the_attempt_made_when_asked_for(context):
    assert not context.kept_files
    assert not (context.scratch / "outputs").exists()

    (context.outputs / "model.txt").write_text("m")

    assert context.kept_files
    assert context.outputs.name == "4-2"


def test_there_are_no_outputs_outside_of_a_row(tmp_path, wording: Wording):
    context = Context("run", 0, {}, {}, tmp_path, logging.getLogger("test"))

    with pytest.raises(RuntimeError) as refused:
        _ = context.outputs
    wording(refused)


def test_a_runner_without_run_says_so(context, wording: Wording):
    with pytest.raises(NotImplementedError) as refused:
        NodeRunner().run({}, context)
    names(refused, "run")
    wording(refused)
