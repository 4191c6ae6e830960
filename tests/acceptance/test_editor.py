"""What an editor shows of an experiment file, by the first line of it alone: proposals, descriptions and errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from editor import Editor, NotInstalledError

from hyperscale.control.making.folder import make_folder
from hyperscale.control.making.wishes import EXAMPLES, Wish

FIRST_LINE = "# yaml-language-server: $schema=./schema.json\n"
BAD = f"""{FIRST_LINE}name: Not A Name
input: {{csv: rows.csv}}
activity: {{entry: "a:b"}}
compute:
  tier: spot
  sizes: Standard_F2s_v2
"""


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    try:
        with Editor() as running:
            yield running
    except NotInstalledError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def folder(repository: Path, tmp_path: Path) -> Path:
    """A folder far from the checkout, with the schema beside what is opened there: as `init` leaves it."""
    shutil.copy(repository / "schema.json", tmp_path)
    return tmp_path


def test_keys_are_proposed_with_what_they_mean(editor: Editor, folder: Path, repository: Path):
    file = folder / "keys.yaml"
    editor.open(file, f"{FIRST_LINE}name: lines\ncompute:\n  \n")

    at_the_top = editor.completions(file, 1, 0)
    in_compute = editor.completions(file, 3, 2)

    assert {"input", "activity", "parallelism", "output"} <= set(at_the_top)
    assert {"size", "tier", "max_nodes"} <= set(in_compute)
    described = json.loads((repository / "schema.json").read_text("utf-8"))["properties"]["compute"]["properties"]
    assert described["tier"]["description"] in in_compute["tier"]


def test_the_values_of_a_choice_are_proposed(editor: Editor, folder: Path):
    file = folder / "values.yaml"
    editor.open(file, f"{FIRST_LINE}compute:\n  tier: \n")

    assert {"dedicated", "low_priority"} <= set(editor.completions(file, 2, 8))


def test_a_key_under_the_pointer_is_described(editor: Editor, folder: Path):
    file = folder / "hover.yaml"
    editor.open(file, f"{FIRST_LINE}activity:\n  max_attempts: 3\n")

    assert "attempt" in editor.hover(file, 2, 5).lower()


def test_what_is_wrong_is_underlined(editor: Editor, folder: Path):
    messages = editor.open(folder / "bad.yaml", BAD)

    assert any("dedicated" in message and "low_priority" in message for message in messages), messages
    assert any("sizes" in message for message in messages), messages
    assert any("pattern" in message for message in messages), messages


def test_nothing_is_underlined_in_the_files_of_the_project(editor: Editor, repository: Path):
    files = [repository / "experiment.yaml", *sorted(repository.glob("examples/*/experiment.yaml"))]

    assert {file.parent.name: editor.open(file) for file in files} == {file.parent.name: [] for file in files}


def test_in_what_init_leaves_nothing_is_underlined_until_it_is_spoilt(editor: Editor, tmp_path: Path):
    for example in EXAMPLES:
        make_folder(tmp_path / example, Wish(example))

    messages = {example: editor.open(tmp_path / example / "experiment.yaml") for example in EXAMPLES}

    assert messages == {example: [] for example in EXAMPLES}
    text = (tmp_path / "table" / "experiment.yaml").read_text("utf-8")
    assert "nonsense" in str(editor.open(tmp_path / "table" / "spoilt.yaml", f"{text}nonsense: 1\n"))
