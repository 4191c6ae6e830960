from __future__ import annotations

from pathlib import Path

import pytest
from checked_code import GOOD, IMPORTED, loaded, make_folder, problems
from wordings import Wording, names

from hyperscale.control.reading.activity_check import check_activity


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


@pytest.mark.parametrize("source", GOOD)
def test_what_a_module_defines_can_be_the_entry(folder: Path, source: str):
    (folder / "src" / "sweep.py").write_text(source)

    assert check_activity(loaded(folder, "entry: sweep:fit")) == ()


@pytest.mark.parametrize("source", IMPORTED)
def test_a_name_that_is_imported_is_a_warning(folder: Path, source: str, wording: Wording):
    (folder / "src" / "sweep.py").write_text(source)
    (folder / "src" / "other.py").write_text("def fit(row): return 1\nx = fit\n")

    warnings = check_activity(loaded(folder, "entry: sweep:fit"))

    names(warnings, "fit")
    wording(warnings)
    assert (warnings[0].line, warnings[0].column, warnings[0].path) == (3, 19, "activity.entry")


def test_the_code_is_never_run(folder: Path):
    (folder / "src" / "sweep.py").write_text("import os\nos._exit(3)\ndef fit(row): return 1\n")

    assert check_activity(loaded(folder, "entry: sweep:fit")) == ()


@pytest.mark.parametrize("path", ["models/digits.py", "models/digits/__init__.py"])
def test_an_entry_can_be_in_a_package(folder: Path, path: str):
    file = folder / "src" / path
    file.parent.mkdir(parents=True)
    file.write_text("def fit(row): return 1")

    assert check_activity(loaded(folder, "entry: models.digits:fit")) == ()


EXPECTED = ("(row)", "(row, context)")
BROKEN = [
    ("def fti(row): return 1", ("experiment.yaml:3:19: activity.entry", "sweep.py", "'fti'")),
    ("x = 1\nfit: int", ("experiment.yaml:3:19: activity.entry", "sweep.py")),
    ("def make():\n    def fit(row): return 1", ("experiment.yaml:3:19: activity.entry", "sweep.py")),
    ("x = 1\ndef fit(row:\n    pass", ("src/sweep.py:2", "Python")),
    ("x = '\0'", ("src/sweep.py", "Python")),
    ("\nasync def fit(): return 1", ("src/sweep.py:2:1", "fit", *EXPECTED)),
    ("def fit(): return 1", ("src/sweep.py:1:1", "fit", *EXPECTED)),
    ("def fit(a, b, c): return 1", ("src/sweep.py:1:1", "fit", 3, *EXPECTED)),
    ("def fit(row, *, seed): return 1", ("src/sweep.py:1:1", "fit", "seed", *EXPECTED)),
    ("class fit: pass", ("src/sweep.py:1:1", "fit", "run")),
    ("class fit(NodeRunner):\n    def set_up(self): pass", ("src/sweep.py:1:1", "fit", "run")),
    ("class fit:\n    def run(self): pass", ("src/sweep.py:1:1", "fit.run", *EXPECTED)),
    ("class fit:\n    async def run(self): pass", ("src/sweep.py:1:1", "fit.run", *EXPECTED)),
]  # fmt: skip


@pytest.mark.parametrize(
    "source", ["async def fit(row): return 1", "class fit:\n    async def run(self, row, context): return 1"]
)
@pytest.mark.parametrize("concurrency", [1, 16])
def test_an_async_entry_may_have_several_calls_in_flight(folder: Path, source: str, concurrency: int):
    (folder / "src" / "sweep.py").write_text(source)

    assert check_activity(loaded(folder, f"entry: sweep:fit, concurrency: {concurrency}")) == ()


@pytest.mark.parametrize("source", ["def fit(row): return 1", "class fit:\n    def run(self, row): return 1"])
def test_a_plain_entry_may_not_nor_may_calls_of_several_rows(folder: Path, source: str, wording: Wording):
    (folder / "src" / "sweep.py").write_text(source)

    said = problems(loaded(folder, "entry: sweep:fit, concurrency: 4, rows_per_call: 8"))

    names(said, "activity.concurrency", "activity.rows_per_call is 8", "sweep:fit", "async")
    wording(said)


@pytest.mark.parametrize(("source", "expected"), BROKEN)
def test_an_entry_that_cannot_work_is_refused(
    folder: Path, source: str, expected: tuple[object, ...], wording: Wording
):
    (folder / "src" / "sweep.py").write_text(source)

    said = problems(loaded(folder, "entry: sweep:fit"))

    names(said, *expected)
    # Interpreters word syntax errors in their own ways.
    wording(said if "Python" not in expected else said[0].split(": ")[1])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("sweeep:fit", ("sweeep.py", "'sweep'")),
        ("models.digits:fit", ("models/digits.py",)),
    ],
)
def test_a_missing_module_is_named_with_its_file(folder: Path, entry: str, expected: tuple[str, ...], wording: Wording):
    (folder / "src" / "sweep.py").write_text("def fit(row): return 1")

    said = problems(loaded(folder, f"entry: '{entry}'"))

    names(said, "experiment.yaml:3:19: activity.entry", *expected)
    wording(said)


def test_a_missing_code_folder_is_told_with_a_guess(folder: Path, wording: Wording):
    said = problems(loaded(folder, "code: scr, entry: sweep:fit"))

    names(said, "experiment.yaml:3:18: activity.code", "scr", "'src'")
    wording(said)


@pytest.mark.parametrize("code", ["..", "../other", "linked"])
def test_code_outside_the_folder_of_the_experiment_is_refused(folder: Path, code: str, wording: Wording):
    (folder.parent / "other").mkdir()
    (folder / "linked").symlink_to(folder.parent / "other")

    said = problems(loaded(folder, f"code: {code}, entry: sweep:fit"))

    names(said, "experiment.yaml:3:18: activity.code", code, "digits/")
    wording(said)


def test_the_folder_of_the_experiment_itself_can_be_the_code(folder: Path):
    (folder / "sweep.py").write_text("def fit(row): return 1")

    assert check_activity(loaded(folder, "code: ., entry: sweep:fit")) == ()


def test_missing_files_of_the_environment_are_told_all_at_once(folder: Path, wording: Wording):
    (folder / "conda.yaml").write_text("")
    (folder / "src" / "sweep.py").write_text("")

    said = problems(loaded(folder, "entry: sweep:fit", "environment: {conda_file: conda.yml}\n"))

    names(
        said,
        "experiment.yaml:3:19: activity.entry",
        "sweep.py",
        "fit",
        "experiment.yaml:4:27: environment.conda_file",
        "conda.yml",
        "'conda.yaml'",
    )
    wording(said)


def test_files_that_look_like_secrets_are_refused(folder: Path, wording: Wording):
    (folder / "src" / "sweep.py").write_text("def fit(row): return 1")
    (folder / "src" / "service.key").write_text("secret")

    said = problems(loaded(folder, "entry: sweep:fit"))

    assert len(said) == 1
    names(said[0], "experiment.yaml:3:1: activity.code", "src")
    wording(said[0])
    assert "service.key" in said[0]


def test_more_files_than_can_travel_are_refused(folder: Path):
    (folder / "src" / "sweep.py").write_text("def fit(row): return 1")
    for number in range(2_000):
        (folder / "src" / f"{number}.txt").touch()

    said = problems(loaded(folder, "entry: sweep:fit"))

    assert len(said) == 1
    assert "2,001 files" in said[0]


def test_modules_that_no_import_gives_are_warnings(folder: Path, wording: Wording):
    for name in ("sweep.py", "queue.py", "json.py", "hyperscale.py", "io.py"):
        (folder / "src" / name).write_text("def fit(row): return 1")
    for name in ("email", "http", "os"):
        (folder / "src" / name).mkdir()
        (folder / "src" / name / "__init__.py").touch()

    warnings = check_activity(loaded(folder, "entry: queue:fit"))

    assert [str(warning).partition(":")[0] for warning in warnings] == ["src/hyperscale.py", "src/io.py", "src/os"]
    names(warnings, "`import hyperscale`", "`import io`", "`import os`")
    wording(warnings)


ENVIRONMENTS = [
    (
        "dependencies: [{pip: [azure-identity<1.2]}]",
        "experiment.yaml:4:27: environment.conda_file: conda.yml: wants other versions than nodes need: "
        "azure-identity<1.2 against azure-identity>=1.19; widen the versions; "
        "or set environment.install_at_start and see whether your code runs with ours",
    ),
    (
        "dependencies: 3",
        "experiment.yaml:4:27: environment.conda_file: conda.yml: dependencies is no list of packages "
        "and of one `pip:` with a list of its own; write it as conda wants it",
    ),
    ("dependencies: [pip", "conda.yml:2:1: is not YAML"),
]


@pytest.mark.parametrize(("text", "message"), ENVIRONMENTS)
def test_packages_that_nodes_could_not_install_are_told_before_anything_is_rendered(
    folder: Path, text: str, message: str
):
    (folder / "src" / "sweep.py").write_text("def fit(row): return 1")
    (folder / "conda.yml").write_text(text)

    said = problems(loaded(folder, "entry: sweep:fit", "environment: {conda_file: conda.yml}\n"))

    assert len(said) == 1
    assert said[0].startswith(message)


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (
            "entry: sweep:fit, rows_per_call: 8",
            ("experiment.yaml:3:45: activity.rows_per_call", "activity.rows_per_call is 8"),
        ),
        (
            'command: "echo {store}"',
            ("experiment.yaml:3:21: activity.command", "entry"),
        ),
    ],
)
def test_what_takes_single_rows_does_not_go_with_groups(
    folder: Path, activity: str, expected: tuple[str, ...], wording: Wording
):
    (folder / "src" / "sweep.py").write_text("def fit(rows): return 1")

    said = problems(loaded(folder, activity, source="csv: grid.csv, group_by: [store]"))

    names(said, "input.group_by", *expected)
    wording(said)
