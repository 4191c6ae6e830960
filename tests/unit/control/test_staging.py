from __future__ import annotations

import importlib.util
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from experiments import make_experiment
from wordings import Wording, names

import hyperscale
from hyperscale.control.rendered import staging
from hyperscale.control.rendered.staging import check_staged, code_hash, ring_files, stage_code, staged_files
from hyperscale.errors import ExperimentError, PlanError
from hyperscale.node.reading.file_rows import data_files
from hyperscale.node.reading.readers import FileRows

PACKAGE = Path(hyperscale.__file__).parent


def make_files(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"text of {path}\n")
    return folder


def names_in(folder: Path) -> list[str]:
    return [str(path) for path in staged_files(folder).files]


def test_files_are_staged_in_order_with_their_size(tmp_path: Path):
    make_files(tmp_path, "b.py", "a/c.py", "a/b/d.txt")

    staged = staged_files(tmp_path)

    assert [str(path) for path in staged.files] == ["a/b/d.txt", "a/c.py", "b.py"]
    assert staged.total_bytes == sum((tmp_path / path).stat().st_size for path in staged.files)


def test_what_nodes_never_need_is_left_out(tmp_path: Path):
    make_files(
        tmp_path,
        "sweep.py",
        ".git/config",
        ".venv/lib/x.py",
        "my_environment/pyvenv.cfg",
        "my_environment/lib/x.py",
        "a/__pycache__/x.pyc",
        ".env",
        ".env.local",
        "certificate.pem",
        ".hyperscale/runs/r/run.json",
        "results/table.csv",
        "components/code/activity/sweep.py",
        ".pytest_cache/x",
        "a/results/kept.py",
    )

    assert names_in(tmp_path) == ["a/results/kept.py", "sweep.py"]


def test_amlignore_leaves_out_what_it_names_as_git_would(tmp_path: Path):
    make_files(tmp_path, "a.py", "b.csv", "data/x.bin", "deep/data/y.bin", "keep.csv", "#odd.py")
    (tmp_path / ".amlignore").write_text("# comment\n*.csv\n!keep.csv\n/data/\n\\#odd.py\n")

    assert names_in(tmp_path) == [".amlignore", "a.py", "deep/data/y.bin", "keep.csv"]


def test_amlignore_brings_back_what_our_rules_leave_out(tmp_path: Path):
    make_files(tmp_path, "results/model.bin", ".env")
    (tmp_path / ".amlignore").write_text("!/results/\n")

    assert names_in(tmp_path) == [".amlignore", "results/model.bin"]


def test_gitignore_and_ignore_files_deeper_down_change_nothing(tmp_path: Path):
    make_files(tmp_path, "a.csv", "deep/b.csv")
    (tmp_path / ".gitignore").write_text("*.csv\n")
    (tmp_path / "deep" / ".amlignore").write_text("*.csv\n")

    assert names_in(tmp_path) == [".gitignore", "a.csv", "deep/.amlignore", "deep/b.csv"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path):
    make_files(tmp_path / "shared", "library.py")
    code = make_files(tmp_path / "code", "sweep.py")
    (code / "shared").symlink_to(tmp_path / "shared")
    (code / "again").symlink_to(code)
    (code / "gone.py").symlink_to(tmp_path / "nowhere")

    assert names_in(code) == ["shared/library.py", "sweep.py"]


@pytest.mark.parametrize(
    "name", ["id_rsa", "deep/server.key", "credentials.json", ".aws/credentials", "service-account-1.json", ".netrc"]
)
def test_a_name_that_looks_like_a_secret_is_refused_unless_ignored(name: str, tmp_path: Path):
    make_files(tmp_path, "sweep.py", name)

    with pytest.raises(ExperimentError) as raised:
        check_staged(tmp_path, staged_files(tmp_path))

    assert name in str(raised.value)
    (tmp_path / ".amlignore").write_text(f"{name}\n")
    check_staged(tmp_path, staged_files(tmp_path))


def test_too_many_files_are_refused_with_their_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(staging, "MAX_STAGED_FILES", 2)
    make_files(tmp_path, "a.py", "b.py", "c.py")

    with pytest.raises(PlanError, match="holds 3 files"):
        check_staged(tmp_path, staged_files(tmp_path))


def test_too_many_bytes_are_refused(tmp_path: Path):
    with (tmp_path / "large.bin").open("wb") as large:
        large.truncate(staging.MAX_STAGED_BYTES + 1)

    with pytest.raises(PlanError, match="300 MB"):
        check_staged(tmp_path, staged_files(tmp_path))


def test_a_missing_folder_is_named(tmp_path: Path, wording: Wording):
    with pytest.raises(ExperimentError) as refused:
        staged_files(tmp_path / "nowhere")
    names(refused, "nowhere")
    wording(refused)


def test_the_staged_folder_holds_core_and_node_rings_and_the_activity(tmp_path: Path):
    code, target = make_files(tmp_path / "src", "sweep.py"), tmp_path / "components" / "code"

    stage_code(code, target)

    top = sorted(path.name for path in target.iterdir())
    assert top == [".amlignore", "activity", "hyperscale"]
    assert (target / "activity" / "sweep.py").read_text() == "text of sweep.py\n"
    staged = {path.name for path in (target / "hyperscale").iterdir()}
    assert {"__init__.py", "plan.py", "body.py", "node"} <= staged
    assert not staged & {"control", "commands", "__main__.py", "schema.json"}


def test_steps_here_find_the_package_compiled_and_snapshots_leave_that_out(tmp_path: Path):
    target = tmp_path / "code"

    stage_code(make_files(tmp_path / "src", "sweep.py"), target)

    files = [target / "hyperscale" / path for path in ring_files(PACKAGE)]
    for file in files:
        header = Path(importlib.util.cache_from_source(file)).read_bytes()[:16]
        flags, changed_at, size = struct.unpack("<III", header[4:])
        # What the import system compares (PEP 552).
        assert (flags, changed_at, size) == (0, int(file.stat().st_mtime), file.stat().st_size), file
    assert len(list(target.rglob("*.pyc"))) == len(files)
    assert "__pycache__/" in (target / ".amlignore").read_text().splitlines()


def test_staging_again_replaces_everything(tmp_path: Path):
    code, target = make_files(tmp_path / "src", "old.py"), tmp_path / "components" / "code"
    stage_code(code, target)
    (code / "old.py").rename(code / "new.py")

    stage_code(code, target)

    assert [path.name for path in (target / "activity").iterdir()] == ["new.py"]
    assert [path.name for path in target.parent.iterdir()] == ["code"]


def test_files_of_the_user_in_the_staged_folder_are_not_deleted(tmp_path: Path, wording: Wording):
    code, target = make_files(tmp_path / "src", "sweep.py"), tmp_path / "components" / "code"
    target.mkdir(parents=True)
    (target / "notes.txt").write_text("mine")

    with pytest.raises(ExperimentError) as refused:
        stage_code(code, target)
    names(refused, "notes.txt")
    wording(refused)

    assert (target / "notes.txt").read_text() == "mine"


def test_a_refused_folder_leaves_what_was_staged_before(tmp_path: Path):
    code, target = make_files(tmp_path / "src", "sweep.py"), tmp_path / "components" / "code"
    stage_code(code, target)
    make_files(code, "id_rsa")

    with pytest.raises(ExperimentError):
        stage_code(code, target)

    assert [path.name for path in (target / "activity").iterdir()] == ["sweep.py"]


def test_a_read_only_folder_makes_a_writable_copy(tmp_path: Path):
    code, target = make_files(tmp_path / "src", "deep/sweep.py"), tmp_path / "components" / "code"
    for path in (code / "deep" / "sweep.py", code / "deep", code):
        path.chmod(0o555 if path.is_dir() else 0o444)

    stage_code(code, target)
    stage_code(code, target)

    modes = [path.stat().st_mode for path in (target / "activity").rglob("*")]
    assert modes
    assert all(mode & stat.S_IWUSR for mode in modes)


def test_the_hash_knows_names_and_contents_and_nothing_else(tmp_path: Path):
    one = make_files(tmp_path / "one", "a.py", "b.py")
    same = make_files(tmp_path / "same", "b.py", "a.py", "__pycache__/a.pyc")
    os.utime(same / "a.py", (0, 0))
    renamed = make_files(tmp_path / "renamed", "a.py")
    (renamed / "c.py").write_text("text of b.py\n")
    changed = make_files(tmp_path / "changed", "a.py", "b.py")
    (changed / "a.py").write_text("other\n")

    hashes = [code_hash(folder, staged_files(folder)) for folder in (one, same, renamed, changed)]

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_the_staged_package_imports_alone_and_users_files_shadow_nothing_of_it(tmp_path: Path):
    code = make_files(tmp_path / "src", "queue.py", "logging.py", "json.py")
    target = tmp_path / "components" / "code"
    stage_code(code, target)

    answer = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import hyperscale.node.__main__, logging"],
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.stderr == ""
    assert answer.returncode == 0


def test_what_starts_runs_can_be_imported_on_nodes_and_says_that_it_cannot_be_called_there(tmp_path: Path):
    stage_code(make_files(tmp_path / "src", "activity.py"), tmp_path / "code")
    program = """
import sys; sys.path.insert(0, '.')
import hyperscale
from hyperscale import *
from hyperscale import ExperimentFile, NodeRunner, Outcome, Outcomes, Run, load, map_rows, run_experiment
def last(run: hyperscale.Run | None, more: list[Outcomes]) -> "Outcome": return isinstance(run, Run)
assert last(None, []) is False and hyperscale.Run is Run and Outcomes[int] is Outcomes
class Own(ExperimentFile): pass
class Fit(NodeRunner): pass
for call in (map_rows, load, run_experiment, hyperscale.map_rows, Own, hyperscale.Run):
    try: call(print, [1], workers=2)
    except hyperscale.RunStateError as error: print(error, error.hint)
try: hyperscale.map_row
except AttributeError as error: print(error)
"""

    answer = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path / "code", capture_output=True, text=True, check=False
    )

    assert answer.stderr == ""
    said = answer.stdout.splitlines()
    assert len(said) == 7
    assert all("worker" in line and '__name__ == "__main__"' in line for line in said[:6])
    assert "hyperscale.map_rows" in said[0]


def test_every_module_of_core_and_node_is_staged(repository: Path):
    package = repository / "hyperscale"

    staged = {str(path) for path in ring_files(package)}

    assert {str(path.relative_to(package)) for path in (package / "node").rglob("*.py")} <= staged
    assert "errors.py" in staged


def test_an_empty_code_folder_is_there_on_nodes_too(tmp_path: Path):
    (tmp_path / "src").mkdir()

    stage_code(tmp_path / "src", tmp_path / "components" / "code")

    assert [path.name for path in (tmp_path / "components" / "code" / "activity").iterdir()] == [".amlignore"]


LINKS = [
    ({"a/loop": ".."}, ["a/0.txt"]),
    ({"a/self": "."}, ["a/0.txt"]),
    ({"a/loop": "..", "a/again": "..", "a/third": "../../data"}, ["a/0.txt"]),
    ({"a/up": "../.."}, ["a/0.txt"]),
    ({"a/deep/back": "../../a"}, ["a/0.txt"]),
    ({"a/to_b": "../b", "b/to_a": "../a"}, ["a/0.txt", "b/to_a/0.txt"]),
    ({"one": "a", "two": "a"}, ["a/0.txt", "one/0.txt", "two/0.txt"]),
    ({"other": "../other"}, ["a/0.txt", "other/1.txt"]),
    ({"other": "../other", "../other/back": "../data"}, ["a/0.txt", "other/1.txt"]),
    ({"b.txt": "a/0.txt", "gone.txt": "nowhere", "round.txt": "round.txt"}, ["a/0.txt", "b.txt"]),
]


@pytest.mark.parametrize(("links", "expected"), LINKS)
def test_a_link_is_followed_but_not_back_into_a_folder_that_holds_it(
    tmp_path: Path, links: dict[str, str], expected: list[str]
):
    for name in ("data/a/0.txt", "other/1.txt", "data/.hidden/2.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    for name, target in links.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).symlink_to(target)

    rows = FileRows(make_experiment(input={"files": "data/**/*.txt"}).input, tmp_path / "data")

    assert [name for name, _ in rows.found] == expected
    assert sorted(name for name, _ in data_files(tmp_path / "data", skips_hidden=True)) == expected
    assert [str(file) for file in staged_files(tmp_path / "data").files] == sorted([*expected, ".hidden/2.txt"])
