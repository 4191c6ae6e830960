"""What a new folder is to be like, and what the source of a function says of its rows; nothing of it is run."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from checked_code import ABSENT, GOOD, IMPORTED
from wordings import Wording, names

from hyperscale.control.making.folder import experiment_name, make_folder
from hyperscale.control.making.found_function import FoundFunction, Origin, find_function
from hyperscale.control.making.function_files import copied_files, function_values
from hyperscale.control.making.parameters import columns_of_row, parameters_of, takes_row
from hyperscale.control.making.wishes import EXAMPLES, ROWS, Wish, example_of, picked, work_on, worker_count
from hyperscale.control.reading.entry_point import Definition, DefinitionError, find_definition
from hyperscale.errors import ExperimentError

AT_IMPORT = "raise SystemExit('this was run')\n"


def parsed(source: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    return function


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Somebody's project; each of its modules raises when it is run."""
    files = {
        "forecasts.py": "import features\nimport math\n\ndef fit(price: float, weeks: int = 12):\n    return price\n"
        "\ndef of_row(row, context):\n    return row['b'], row.get('a')\n\nmade = fit\n"
        "\nclass Runner:\n    def run(self, row):\n        return row['x']\n\nclass Other:\n    pass\n",
        "features.py": "from shapes.flat import area\n",
        "shapes/__init__.py": "from .flat import area as surface\n",
        "shapes/flat.py": "def area(w: int, h: int): return w * h\n",
        "shapes/data/units.json": "{}",
        "trees/deep/count.py": "import json\nfrom leaves import green\n\ndef nodes(depth: int): return 2**depth\n",
        "leaves/green.py": "",
        "json/data.csv": "",
        "unrelated.py": "",
        "broken.py": "def f(:\n",
    }
    for name, text in files.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + (AT_IMPORT if name.endswith(".py") and name != "broken.py" else ""))
    return tmp_path / "project"


def found(reference: str, folder: Path) -> FoundFunction:
    standard_library = Path(ast.__file__).parent
    return find_function(reference, [folder, standard_library, Path(pytest.__file__).parent.parent])


@pytest.mark.parametrize(
    ("signature", "columns"),
    [
        ("a: int, b: float, c: str, d: bool", [("a", "integer"), ("b", "number"), ("c", "string"), ("d", "boolean")]),
        ("a: 'int | None', b: Optional[str], c: int | None", [("a", "integer"), ("b", "string"), ("c", "integer")]),
        ("a=1, b=2.5, c='x', d=True", [("a", "integer"), ("b", "number"), ("c", "string"), ("d", "boolean")]),
        ("a: float = 1", [("a", "number")]),
        ("a, b=None, c=[], d=f()", [("a", "number")]),
        ("a, /, b, *rest, c, d=3, **more", [("a", "number"), ("b", "number"), ("c", "number"), ("d", "integer")]),
        ("mode: Literal['fast', 'slow']", [("mode", "string")]),
        ("frame: pd.DataFrame", [("frame", "number")]),
        ("", []),
    ],
)
def test_parameters_become_columns(signature: str, columns: list[tuple[str, str]]) -> None:
    parameters = parameters_of(parsed(f"def f({signature}): pass"))

    assert [(each.name, each.type) for each in parameters] == columns


def test_rows_have_defaults_and_allowed_values() -> None:
    method, weeks = parameters_of(parsed("def f(method: Literal['ols', 'ridge'], weeks=12): pass"))

    assert (method.values, weeks.values) == (("ols", "ridge", "ols"), (12, 12, 12))


def test_what_nothing_is_said_of_is_a_guess() -> None:
    guesses = {each.name: each.is_guess for each in parameters_of(parsed("def f(a, b: int, c=1, d: Other = 2): pass"))}

    assert guesses == {"a": True, "b": False, "c": False, "d": False}


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("row", True),
        ("row, context", True),
        ("row, context=None", True),
        ("row, scale=2", True),
        ("row, model", False),
        ("rows", False),
        ("row, *, model", False),
        ("x, row", False),
        ("", False),
    ],
)
def test_a_function_of_a_row_is_known_by_its_parameters(signature: str, expected: bool) -> None:
    assert takes_row(parsed(f"def f({signature}): pass")) is expected


def test_columns_of_a_function_of_a_row_are_what_it_asks_for_in_that_order() -> None:
    function = parsed(
        "def f(row):\n  x = {'k': row['b']}\n  row['new'] = 1\n  return row.get('a', 0), x['no'], row['b']"
    )

    assert [each.name for each in columns_of_row(function)] == ["b", "a"]


@pytest.mark.parametrize(
    ("reference", "origin", "is_activity", "columns"),
    [
        ("forecasts:fit", Origin.OWN, False, ["price", "weeks"]),
        ("forecasts:of_row", Origin.OWN, True, ["b", "a"]),
        ("forecasts:Runner", Origin.OWN, True, ["x"]),
        ("shapes.flat:area", Origin.OWN, False, ["w", "h"]),
        ("shapes:surface", Origin.OWN, False, ["w", "h"]),
        ("trees.deep.count:nodes", Origin.OWN, False, ["depth"]),
        ("textwrap:shorten", Origin.STANDARD, False, ["text", "width"]),
        ("packaging.version:parse", Origin.INSTALLED, False, ["version"]),
    ],
)
def test_a_function_is_found_without_running_its_module(
    folder: Path, reference: str, origin: Origin, is_activity: bool, columns: list[str]
) -> None:
    function = found(reference, folder)

    assert (function.origin, function.is_activity) == (origin, is_activity)
    assert [each.name for each in function.columns] == columns


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("forecasts", "'forecasts'"),
        ("a b:c", "'a b:c'"),
        ("forecast:fit", "forecast"),
        ("forecasts:fir", ("fir", "'fit'")),
        ("math:inf", "math"),
        ("string:ascii_letters", "string:ascii_letters"),
        ("forecasts:Other", ("forecasts:Other", "run(row)")),
        ("broken:f", ("broken.py:1:7", "Python")),
        ("_struct:pack", "_struct"),
    ],
)
def test_what_cannot_be_called_with_rows_is_refused(
    folder: Path, reference: str, parts: str | tuple[str, ...], wording: Wording
) -> None:
    with pytest.raises(ExperimentError) as refused:
        found(reference, folder)

    names(refused, parts)
    # Interpreters word syntax errors in their own ways.
    wording(str(refused.value).partition(": is not Python: ")[0])


def test_the_module_and_what_it_imports_of_its_user_are_copied(folder: Path) -> None:
    (folder / "shapes" / "__pycache__").mkdir()
    (folder / "shapes" / "__pycache__" / "flat.pyc").write_text("")

    files = copied_files(found("forecasts:fit", folder))

    assert sorted(path.as_posix() for path in files) == [
        "features.py", "forecasts.py", "shapes/__init__.py", "shapes/data/units.json", "shapes/flat.py",
    ]  # fmt: skip


def test_a_package_without_init_is_copied_where_python_finds_no_other(folder: Path) -> None:
    files = copied_files(found("trees.deep.count:nodes", folder))

    assert sorted(path.as_posix() for path in files) == ["leaves/green.py", "trees/deep/count.py"]


def test_this_program_is_not_copied_even_where_its_checkout_is(folder: Path) -> None:
    (folder / "hyperscale.py").write_text("")
    (folder / "runner.py").write_text("from hyperscale import NodeRunner\ndef f(x): pass\n")

    assert [path.as_posix() for path in copied_files(found("runner:f", folder))] == ["runner.py"]


@pytest.mark.parametrize(
    ("reference", "requirement"),
    [
        ("packaging.version:parse", "packaging=="),
        ("yaml:safe_load", "PyYAML=="),
        ("typing_extensions:get_original_bases", "typing_extensions=="),
    ],
)
def test_nothing_that_is_installed_is_copied_but_required(folder: Path, reference: str, requirement: str) -> None:
    function = found(reference, folder)

    assert copied_files(function) == {}
    assert function_values(function)["requirement"].startswith(requirement)


def test_a_module_named_as_what_is_written_is_refused(folder: Path, wording: Wording) -> None:
    (folder / "activity.py").write_text("def f(x): pass\n")

    with pytest.raises(ExperimentError) as refused:
        copied_files(found("activity:f", folder))
    wording(refused)


def test_the_call_names_each_parameter(folder: Path, tmp_path: Path) -> None:
    function = found("forecasts:fit", folder)
    make_folder(tmp_path / "made", Wish(function="forecasts:fit"), function)

    made = (tmp_path / "made" / "src" / "activity.py").read_text()

    assert 'return forecasts.fit(price=row["price"], weeks=row["weeks"])' in made


@pytest.mark.parametrize(
    ("rows", "work", "example"),
    [
        ("table", "function", "table"),
        ("table", "command", "command"),
        ("sweep", "function", "sweep"),
        ("files", "function", "files"),
        ("files", "command", "command-files"),
        ("groups", "function", "many-models"),
    ],
)
def test_answers_lead_to_an_example(rows: str, work: str, example: str) -> None:
    assert work in work_on(rows).answers
    assert example_of(rows, work) == example


def test_every_answer_leads_somewhere() -> None:
    reached = {example_of(rows, work) for rows in ROWS.answers for work in work_on(rows).answers if work != "existing"}

    assert reached == set(EXAMPLES)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("", "table"), ("1", "table"), ("4", "groups"), ("files", "files"), ("0", None), ("5", None), ("x", None)],
)
def test_an_answer_is_a_number_or_nothing_for_the_first(answer: str, expected: str | None) -> None:
    assert picked(answer, ROWS) == expected


@pytest.mark.parametrize(
    ("answer", "expected"), [("", 4), ("1", 1), ("500", 500), ("0", None), ("-1", None), ("many", None)]
)
def test_workers_are_counted_from_one(answer: str, expected: int | None) -> None:
    assert worker_count(answer) == expected


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("digits", "digits"),
        ("My Experiment_2", "my-experiment-2"),
        ("2026 forecast", "forecast"),
        ("été à la mer", "ete-a-la-mer"),
        ("数字", "experiment"),
        ("--", "experiment"),
        ("a" * 31 + " b", "a" * 31),
    ],
)
def test_the_experiment_is_named_after_its_folder(repository: Path, folder: str, name: str) -> None:
    schema = json.loads((repository / "schema.json").read_text("utf-8"))["properties"]["name"]

    found = experiment_name(folder)

    assert found == name
    assert re.fullmatch(schema["pattern"], found)
    assert len(found) <= schema["maxLength"]


@pytest.mark.parametrize("source", [*GOOD, *IMPORTED])
def test_what_validate_takes_for_an_entry_is_found(tmp_path: Path, source: str) -> None:
    (tmp_path / "sweep.py").write_text(source)
    (tmp_path / "other.py").write_text("def fit(row): return 1\nx = fit\n")

    assert find_definition(tmp_path, "sweep:fit") in Definition
    assert found("sweep:fit", tmp_path).reference == "sweep:fit"


@pytest.mark.parametrize("source", ABSENT)
def test_what_validate_does_not_take_for_an_entry_is_not_found(tmp_path: Path, source: str) -> None:
    (tmp_path / "sweep.py").write_text(source)

    with pytest.raises(DefinitionError, match="fit"):
        find_definition(tmp_path, "sweep:fit")
    with pytest.raises(ExperimentError, match="fit"):
        found("sweep:fit", tmp_path)


@pytest.mark.parametrize(
    ("source", "takes", "is_async", "columns"),
    [
        ("with x:\n    def fit(a: int, b): return a", False, False, ["a", "b"]),
        ("try:\n    pass\nfinally:\n    async def fit(row): return row['c']", True, True, ["c"]),
        ("def once(a): return a\nfit: Callable = once", False, False, ["a"]),
        ("fit = lambda row: row['d'] + row.get('e')", True, False, ["d", "e"]),
        ("fit: Callable = lambda a, b=1: a", False, False, ["a", "b"]),
        ("fit = make()", True, False, ["value"]),
        ("from nothing_here import *\nfrom other import *", False, False, ["p"]),
    ],
)
def test_however_it_is_defined_its_parameters_become_columns(
    tmp_path: Path, source: str, takes: bool, is_async: bool, columns: list[str]
) -> None:
    (tmp_path / "sweep.py").write_text(source)
    (tmp_path / "other.py").write_text("def fit(p): return 1\n")

    function = found("sweep:fit", tmp_path)

    assert (function.takes_row, function.is_async) == (takes, is_async)
    assert [column.name for column in function.columns] == columns
