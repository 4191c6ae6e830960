"""Which tests a change asks for: those of the tools where a file of theirs was touched, or nobody can tell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tiers import FILES_OF_TOOLS, USUAL, WITH_TOOLS, changed_since, marks_for

import hyperscale


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["README.md", "hyperscale/plan.py", "tests/unit/test_plan.py"], USUAL),
        (["README.md", "tests/emulator/execution/nodes.py"], WITH_TOOLS),
        (["tests/fault/proxy.py"], WITH_TOOLS),
        (["pyproject.toml"], WITH_TOOLS),
        (["hyperscale/__init__.py"], WITH_TOOLS),
        (["tests/conftest.py"], WITH_TOOLS),
        ([], USUAL),
        (None, WITH_TOOLS),
    ],
)
def test_a_change_asks_for_the_tests_of_the_tools_where_it_touches_them(
    changed: list[str] | None, expected: str
) -> None:
    assert marks_for(changed) == expected


@pytest.mark.parametrize("pattern", FILES_OF_TOOLS)
def test_each_pattern_names_a_file_that_is_there(repository: Path, pattern: str) -> None:
    assert list(repository.glob(pattern))


@pytest.mark.parametrize("name", [name for name in hyperscale.__all__ if name != "__version__"])
def test_a_change_where_a_name_of_the_package_is_defined_asks_for_the_tests_of_types(name: str) -> None:
    home = getattr(hyperscale, name).__module__

    assert marks_for([f"{home.replace('.', '/')}.py"]) == WITH_TOOLS


def test_what_changed_is_what_git_says_or_unknown(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@x", *words], cwd=tmp_path, check=True)

    assert changed_since("HEAD~1", tmp_path) is None, "no repository"
    git("init", "--quiet")
    (tmp_path / "one").write_text("1")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    assert changed_since("HEAD~1", tmp_path) is None, "no commit before"
    (tmp_path / "two ü").write_text("2")
    git("add", ".")
    git("commit", "--quiet", "--message", "two")

    assert changed_since("HEAD~1", tmp_path) == ["two ü"]
