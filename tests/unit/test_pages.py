"""What tests see of a page: its blocks, its commands, and whether something printed is what it shows."""

from __future__ import annotations

import pytest
from pages import Block, Shown, blocks, same, shown_commands, untested

PAGE = """# A page

Text, and `hyperscale run` in it.

    hyperscale plan

```console azure
$ hyperscale run --rows 3 \\
>     --workers 2   # exit code 6
...
Done. succeeded=1
$ ls
```

- a list

  ```yaml file=experiment.yaml
  name: a
  ```
"""


def test_a_page_has_fenced_and_indented_blocks():
    found = list(blocks(PAGE))

    assert [(block.line, block.info) for block in found] == [
        (5, ()),
        (8, ("console", "azure")),
        (18, ("yaml", "file=experiment.yaml")),
    ]
    assert found[2].text == "name: a\n"
    assert found[2].file == "experiment.yaml"


def test_a_console_block_has_commands_and_what_they_print():
    first, second = shown_commands(list(blocks(PAGE))[1])

    assert first.command == "hyperscale run --rows 3 \\\n    --workers 2   # exit code 6"
    assert (first.line, first.exit_code, first.printed) == (8, 6, ("...", "Done. succeeded=1"))
    assert first.name == "hyperscale run --rows 3"
    assert (second.command, second.exit_code, second.printed) == ("ls", 0, ())


def test_a_console_block_begins_with_a_command():
    block = Block(7, ("console",), "hyperscale run\n")

    with pytest.raises(ValueError, match="line 7"):
        shown_commands(block)


def test_a_question_that_is_answered_becomes_yes():
    shown = Shown(1, "hyperscale submit   # asks", ("Submit it to lab? [y/N] y", "Submitted."))

    assert shown.to_run == "hyperscale submit --yes # asks"
    assert shown.expected == ("Submitted.",)


def test_a_command_line_outside_of_a_console_is_untested():
    assert untested(PAGE) == ["line 5: hyperscale plan"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("make run", True),
        ("$ pip install -e .", True),
        ("az login ", True),
        (".venv/bin/python -m hyperscale run", True),
        ("python -m hyperscale.node seed", False),
        ("makes a folder", False),
        ("hyperscale/", False),
    ],
)
def test_what_is_a_command_line(line: str, found: bool):
    assert bool(untested(f"```text\n{line}\n```\n")) == found


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        (["a"], "a\n", True),
        (["a"], "a\nb\n", False),
        (["a", "..."], "a\nb\nc\n", True),
        (["a", "..."], "a\n", True),
        (["...", "c"], "a\nb\n", False),
        (["run ... rows"], "run x: 24 rows\n", True),
        (["run ... rows"], "run x: 24\n", False),
        (["run a-20261128-173646-7dc2 in 4.6s"], "run a-20270101-000000-abcd in 1m12s\n", True),
        (["run a-20261128-173646-7dc2"], "run b-20270101-000000-abcd\n", False),
        (["a   b"], "a b\n", True),
        (["succeeded=24"], "succeeded=23\n", False),
        (["5.2 rows/s $0.01"], "6,100 rows/s $12.40\n", True),
    ],
)
def test_what_is_printed_is_compared_but_for_what_changes(shown: list[str], printed: str, expected: bool):
    assert same(tuple(shown), printed) == expected
