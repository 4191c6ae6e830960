"""Values reach a command as they are, wherever in it they stand: a real shell is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.command_template import parse_command, unknown_names

NASTY = [
    "$(touch PWNED)",
    "`touch PWNED`",
    "'; touch PWNED; '",
    '"; touch PWNED; "',
    "a b\tc\nd",
    "*",
    "~",
    "-n",
    "\\",
    "",
]
#: A NUL cannot be in an argument, and half a character has no bytes.
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    NASTY
)


def words(text: str, row: dict[str, str], folder: Path | None = None) -> list[str]:
    """Return the arguments that the program of the command `show` gets."""
    template = parse_command(text.replace("show", "printf '%s\\0'"), row)
    command = ["/bin/sh", "-c", template.script, "sh", *(row[name] for name in template.names)]
    said = subprocess.run(command, capture_output=True, check=True, cwd=folder).stdout
    return said.decode().split("\0")[:-1]


@given(values, values)
def test_a_value_is_one_argument_in_any_quotes_and_beside_any_text(first, second):
    row = {"a": first, "b b": second}

    assert words("""show {a} "{a}" '{a}' x{a}y "x{b b}y" 'x{b b}y' {a}{b b}""", row) == [
        first, first, first, f"x{first}y", f"x{second}y", f"x{second}y", first + second
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["a b", "*", "it's", '"', "$HOME", "a  b"])
@pytest.mark.parametrize(
    "command",
    [
        """show "$(printf %s {a})\"""",
        """show "$(printf %s "{a}")\"""",
        """show "$(printf %s '{a}')\"""",
        """show "$(printf %s "$(printf %s {a})")\"""",
        """show "`printf %s {a}`\"""",
        """(show {a})""",
        """x=$((1 + 2)); show {a}""",
        """# it's "done"\nshow {a}""",
        """show {a} # it's""",
        """x=a#b; show "{a}" """,
        """x=\\ #b; show "{a}" """,
        """x={a}#b; show "{a}" """,
        """# it's a\\\nshow '{a}'""",
    ],
)
def test_a_value_is_one_argument_in_commands_within_commands_and_behind_comments(command, value):
    assert words(command, {"a": value}) == [value]


@pytest.mark.parametrize(
    "command",
    [
        """f() { show {a}; }; f other""",
        """set -- x y; show {a}""",
        """f() { show "$1{a}$2"; }; f '' ''""",
        """for x in 1; do shift; show "{a}"; done""",
    ],
)
def test_a_value_does_not_depend_on_the_parameters_that_a_script_gives_itself(command):
    assert words(command, {"a": "it's"}) == ["it's"]


def test_a_command_has_room_for_many_values_and_none_of_them_is_in_the_environment():
    row = {f"c{number}": f"value {number}" for number in range(12)}

    assert words("show " + " ".join(f"{{{name}}}" for name in row), row) == list(row.values())
    assert words("show {c0} \"$(env | grep 'value 0')\"", row) == ["value 0", ""]


@pytest.mark.parametrize(
    "command",
    [
        """cat <<'E' >&2\ndon't $(\nE\nshow {a}""",
        """cat <<"E" <<F >&2; show {a}\n"\nE\n'\nF\n""",
        """cat "/dev/null"<<-E >&2\n\tit's\n\tE\nshow '{a}'""",
        """cat << \\E >&2 # it's\n`\nE\nshow "{a}" """,
        """x=$(cat <<E\nit's\nE\n); show {a}""",
        """x=$((1<<2))\nshow {a}""",
    ],
)
@pytest.mark.parametrize("value", ["a b", "*", "$HOME", "a  b"])
def test_a_value_is_as_it_is_behind_a_here_document(command, value):
    assert words(command, {"a": value}) == [value]


@pytest.mark.parametrize("value", [*NASTY, "a  b"])
def test_a_here_document_has_the_value_and_what_stands_beside_it(value, tmp_path):
    (said,) = words("""show "$(cat <<-E\n\t"{a}' {a}.\n\tE\n)\"""", {"a": value}, tmp_path)

    assert said == f"\"{value}' {value}."
    assert list(tmp_path.iterdir()) == []


def test_a_here_string_is_no_here_document():
    assert parse_command("cat <<<it\nshow {a}", ["a"]).script.endswith('; cat <<<it\nshow "${hyperscale_1}"')


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize("place", ["{a}", '"{a}"', "'{a}'", '\\"{a}', '"\\"{a}"', "it\\'s{a}", '"$(show {a})"'])
def test_no_value_is_ever_run(value, place, tmp_path):
    words(f"show {place}", {"a": value}, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("show ${HOME:+home}", ["home"]),
        ("show {{a}} '{{'", ["{a}", "{"]),
        ("echo x y | awk '{print $2}' | xargs printf '%s\\0'", ["y"]),
        ("show {not a column}", ["{not", "a", "column}"]),
    ],
)
def test_other_braces_are_those_of_the_shell_and_its_programs(text, expected):
    assert words(text, {"a": "1"}) == expected


def test_what_looks_like_a_column_and_is_none_is_named():
    text = "show {path} {pathh} {row_index} {outputs} ${HOME} {{plain}} '{print $1}' {also missing}"

    assert list(unknown_names(text, ["path"])) == ["pathh"]
